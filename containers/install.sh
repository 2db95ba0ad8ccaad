# Run by app.Dockerfile: installs hashed requirements into a folder, compiled and the same at every build. install.sh FOLDER [FILE]

# Behind a company's proxy the certificates of the base are not enough; the machine's own come as a file that is in no layer.
if [ -s /run/secrets/certificates ]; then
    export PIP_CERT=/run/secrets/certificates
fi
mkdir -p "$1"
if [ $# -gt 1 ]; then
    /pip/bin/pip install --quiet --disable-pip-version-check --root-user-action ignore --no-cache-dir --no-compile --no-deps \
        --only-binary :all: --require-hashes --target "$1" -r "$2"
fi

# No console scripts: they name the Python of the stage that they were made in.
rm -rf "$1"/bin
PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash "$1"
chmod -R u=rwX,go=rX "$1"
find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
