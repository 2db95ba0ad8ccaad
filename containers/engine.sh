# Run by gpu.Dockerfile: a model server's packages, away from the app's. engine.sh FOLDER ENGINE CUDA [WORDS FOR PIP...]

if [ -s /run/secrets/certificates ]; then
    export PIP_CERT=/run/secrets/certificates
fi
folder=$1 engine=$2 cuda=$3
shift 3
if [ ! -e "/requirements/engine-$engine.txt" ]; then
    echo "ENGINE=$engine: the app starts vllm or litserve." >&2
    exit 1
fi
if [ $# -eq 0 ]; then
    # vLLM's wheel on PyPI is built for CUDA 13 since 0.20 (vllm-project/vllm#39878, checked 2026-12-01): on an older driver it does not start.
    if [ "$cuda" != 13 ]; then
        echo "CUDA=$cuda: the pinned wheels are for CUDA 13. Say with PACKAGES where those for CUDA $cuda are (docs/images.md)." >&2
        exit 1
    fi
    set -- --no-deps --only-binary :all: --require-hashes -r "/requirements/engine-$engine.txt"
fi
case $engine in
# It is a module of the app's, so its packages come behind the app's in one Python, and are of the same resolution.
litserve) set -- /pip/bin/python3 --target "$folder/packages" "$@" ;;
*)
    python3 -m venv "$folder"
    set -- "$folder/bin/python3" "$@"
    ;;
esac
python=$1
shift
"$python" -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-cache-dir --no-compile "$@"
if [ -e "$folder/bin/python3" ]; then
    "$python" -m pip uninstall --quiet --yes --root-user-action ignore pip # and not setuptools, which torch imports
fi
PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash "$folder" || true # some packages carry files that are no Python of today
chmod -R u=rwX,go=rX "$folder"
find "$folder" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
