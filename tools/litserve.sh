#!/usr/bin/env bash
# shellcheck disable=SC2154,SC2034
# Provides what the long tests of LitServe run, in the cache: an environment with the app, LitServe and torch, as the requirements of an image
# list them (5 GB). Prints its folder, with `venv` in it. For tests only: no command of the kit needs it.
set -euo pipefail
unset CDPATH
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/setup.sh
. "$root/tools/setup.sh"

pinned=("$root/requirements/app.txt" "$root/requirements/engine-litserve.txt")
home=$cache/litserve
log=$root/.trimaran/logs/litserve.log

provide_litserve() {
    guard_interrupts
    provide_venv
    lock_cache
    make_dir "$home"
    cat "${pinned[@]}" | cmp -s - "$home/venv/requirements.txt" || make_environment
    unlock
    printf '%s\n' "$home"
}

make_environment() {
    local uv
    provide_uv
    begin 'Installing LitServe and torch'
    temporary "$home/venv"
    run "$uv" venv --quiet --no-project --relocatable --python "$python" "$temporary" ||
        fail_with_log 'an environment for LitServe could not be made' 'run the same command again.'
    run "$uv" pip install --quiet --no-deps --require-hashes --python "$temporary/bin/python" -r "${pinned[0]}" -r "${pinned[1]}" ||
        fail_with_log 'LitServe and torch could not be installed' 'run the same command again.'
    cat "${pinned[@]}" >"$temporary/requirements.txt"
    rm -rf -- "$home/venv"
    mv "$temporary" "$home/venv"
    end
}

provide_litserve
