# Run by gpu.Dockerfile in the base image: what the app and a model server need of the system, and nothing that runs with its owner's rights.

# A compiler and Python's headers: what Triton makes for a GPU, it compiles where it runs.
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends python3 python3-venv python3-dev gcc libc6-dev libgomp1 ca-certificates
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/* /tmp/* /gpu.sh

# The user's own, so that a volume made from it is too.
mkdir -p /var/lib/trimaran
chown 10001:10001 /var/lib/trimaran

mounted='! -path /etc/hosts ! -path /etc/resolv.conf ! -path /etc/hostname ! -type l'
# shellcheck disable=SC2086
find /bin/ /etc /home /opt /sbin/ /srv /usr /var -xdev $mounted -perm /6000 -exec chmod ug-s {} +
# shellcheck disable=SC2086
find /bin/ /etc /home /opt /sbin/ /srv /usr /var -xdev $mounted -perm -0002 -exec chmod o-w {} +
