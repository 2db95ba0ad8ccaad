# Run by app.Dockerfile: builds the Lambda Web Adapter from its package into a folder, the same at every build. adapter.sh FOLDER

VERSION=1.0.0-rc1 # the one that the entry point is tested with (tests/api/entrypoints/lambda_runtime.py)

# Debian 12 has two Rusts: 1.63, which is too old for it (it wants 1.85 or later), and under this name the one that its browsers are built with.
apt-get -qq update
cargo=cargo-web
apt-cache show $cargo >/dev/null 2>&1 || cargo=cargo
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $cargo gcc libc6-dev

# Behind a company's proxy the certificates of the base are not enough; the machine's own come as a file that is in no layer.
if [ -s /run/secrets/certificates ]; then
    export CARGO_HTTP_CAINFO=/run/secrets/certificates
fi
cargo install lambda_web_adapter --version $VERSION --locked --quiet --root /built
mkdir -p "$1"
cp /built/bin/lambda-adapter "$1"
chmod -R u=rwX,go=rX "$1"
find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
