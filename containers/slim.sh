# Run by app.Dockerfile in the base image: takes out what the app never calls, and every way to more rights than its user has.

library=$(python3 -c 'import os; print(os.path.dirname(os.__file__))')

# The embedded model's threads, which python images lack. Here and not in its variant: a third of a megabyte, and all variants share the layer.
if ! ls /usr/lib/*/libgomp.so.1 >/dev/null 2>&1; then
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends libgomp1
fi

# Installers, and the interpreters and documents that came with them.
rm -rf /usr/local/lib/python3.*/site-packages/* /usr/lib/python3/dist-packages/* /usr/share/python-wheels \
    "$library"/ensurepip "$library"/idlelib "$library"/lib2to3 "$library"/pydoc_data "$library"/tkinter "$library"/turtledemo \
    "$library"/test "$library"/config-* /usr/local/include /usr/local/bin/pip* /usr/local/bin/idle* \
    /usr/bin/perl* /usr/share/perl* /usr/lib/*/perl* /usr/lib/*/libperl.so* \
    /usr/bin/apt* /usr/lib/apt /etc/apt /var/lib/apt /usr/lib/*/libapt-*.so* /var/cache/* /var/log/* \
    /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /tmp/* /var/tmp/* /slim.sh

# The builder mounts these; what it puts there is not the image's.
set --
for each in /*; do
    case $each in /dev | /proc | /sys) ;; *) set -- "$@" "$each" ;; esac
done
mounted='! -path /etc/hosts ! -path /etc/resolv.conf ! -path /etc/hostname ! -type l'

# Compiled here, for where the app runs it can write nothing.
find "$@" -xdev -name __pycache__ -prune -exec rm -rf {} +
PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash "$library"

# Nothing runs with its owner's rights, and only /tmp is open to all.
# shellcheck disable=SC2086
find "$@" -xdev $mounted -perm /6000 -exec chmod ug-s {} +
# shellcheck disable=SC2086
find "$@" -xdev $mounted -perm -0002 ! -path /tmp -exec chmod o-w {} +
# shellcheck disable=SC2086
find "$@" -xdev $mounted -newermt "@$SOURCE_DATE_EPOCH" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
