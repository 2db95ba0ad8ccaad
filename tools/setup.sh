# shellcheck shell=bash disable=SC2154,SC2034
# Sourced by ./trimaran, which has set $root: what each command needs, and the steps that provide it.
# When nothing is missing, set_up finds out with shell builtins and one `cmp` per group: about 10 ms.

# command: groups (requirements/<group>.txt) | tools ("?" = nice to have: hinted at where it cannot be provided easily)
needs='
up: base local | pulumi nginx
down: base local | pulumi
pulumi: base local | pulumi nginx?
serve: base local |
status: base | pulumi?
logs: base | pulumi?
doctor: base | pulumi?
rehearse: base policies | pulumi
cost: base policies | pulumi
policies: base policies |
eval: base quality |
promote: base local quality | pulumi nginx
rollback: base local quality | pulumi nginx
pipeline: base local policies quality | pulumi nginx
test: base local test policies quality aws | pulumi nginx redis-server? chromium? bubblewrap? buildah? mmdebstrap? crun? docker-registry?
test-pure: base local test quality |
check: base local test policies quality aws |
goldens: base local test policies quality aws | pulumi
*: base |
'

# Stacks whose name starts so need these groups too; the first match counts.
stack_needs='
aws-eks: aws policies kubernetes
gcp-gke: gcp kubernetes
azure-aks: azure kubernetes
aws: aws policies
gcp: gcp
azure: azure
kubernetes: kubernetes
modal: serverless
runpod: serverless
replicate: serverless
huggingface: serverless
'

# Tests under these start no engine and no server: where only such are named, `test` needs no more than `test-pure` says.
pure_tests='tests/logic tests/wire tests/plan tests/catalog tests/delivery/promotion/judging'

venv=$root/.venv
installed=$venv/installed
# Without these, uv and Pulumi look in the list of users, where there may be no such user, or one whose home is not there.
[[ -d ${HOME:-} ]] || export HOME=$root/.trimaran
[[ -n ${USER:-} ]] || export USER=$EUID
cache=${XDG_CACHE_HOME:-$HOME/.cache}/trimaran
log=$root/.trimaran/logs/setup.log
python=
groups='' tools='' compiling=1
pulumi_dir='' host_from=''

# shellcheck source=tools/setup_steps.sh
. "$root/tools/setup_steps.sh"
# shellcheck source=tools/setup_python.sh
. "$root/tools/setup_python.sh"
# shellcheck source=tools/setup_pulumi.sh
. "$root/tools/setup_pulumi.sh"
# shellcheck source=tools/setup_packages.sh
. "$root/tools/setup_packages.sh"

set_up() {  # the arguments of ./trimaran
    refuse_odd_paths
    read_needs "$@"
    if venv_is_whole && groups_are_installed && pulumi_is_ready && tools_are_found; then
        return
    fi
    guard_interrupts
    provide_venv
    provide_groups base
    check_usage "$@"
    # shellcheck disable=SC2086
    provide_groups $groups
    compile_packages
    provide_pulumi
    provide_tools
    unlock
}

# A colon parts paths in PATH; a dollar or a backslash means something else where a path is written into a file.
refuse_odd_paths() {
    local sign
    for sign in : '$' '\' $'\n'; do
        [[ $root != *"$sign"* ]] || fail "the path of $root has a '$sign' in it, which not every program takes" 'move the clone'
    done
}

read_needs() {  # command arguments...: sets $groups and $tools
    local command=${1:-} name of_groups of_tools stack
    case $command in -*) command= ;; esac
    if asks_for_help "$@"; then
        groups=base tools='' compiling=
        return
    fi
    [[ $command != test ]] || ! names_only_pure_tests "$@" || command=test-pure
    while IFS=':|' read -r name of_groups of_tools; do
        [[ -n $name && ($name == "$command" || $name == '*') ]] || continue
        groups=$of_groups tools=$of_tools
        [[ $command != test-pure ]] || compiling=
        break
    done <<<"$needs"
    stack=$(named_stack "$@")
    [[ -n $stack ]] || return 0
    while IFS=: read -r name of_groups; do
        [[ -n $name && ($stack == "$name" || $stack == "$name"-*) ]] || continue
        for name in $of_groups; do
            [[ " $groups " == *" $name "* ]] || groups="$groups $name"
        done
        break
    done <<<"$stack_needs"
}

asks_for_help() {  # command arguments...
    local argument
    [[ ${1:-} != "pulumi" ]] || return 1
    for argument in "$@"; do
        case $argument in
            -h | --help) return 0 ;;
            --) return 1 ;;
        esac
    done
    return 1
}

# Nobody waits minutes to learn of a typing mistake. Only the command line knows its options, and it needs the base group alone.
check_usage() {  # command arguments...
    [[ ${groups// /} != base || -n ${tools// /} ]] || return 0
    PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} "$venv/bin/python" -P -m delivery.usage "$@" || { local status=$?; told=1; exit "$status"; }
}

names_only_pure_tests() {  # test arguments...
    local argument folder pure=''
    for argument in "${@:2}"; do
        argument=${argument#"$root/"}
        while [[ $argument == ./* ]]; do argument=${argument#./}; done
        [[ $argument == tests* ]] || continue
        pure=
        for folder in $pure_tests; do
            [[ $argument != "$folder" && $argument != "$folder"/* ]] || pure=1
        done
        [[ -n $pure ]] || return 1
    done
    [[ -n $pure ]]
}

named_stack() {  # command arguments...: prints the stack they name
    local command=${1:-} before='' argument
    [[ $# -gt 0 ]] && shift
    case $command in
        pulumi)
            for argument in "$@"; do
                case $before in -s | --stack) printf '%s' "$argument" && return ;; esac
                case $argument in
                    --stack=*) printf '%s' "${argument#--stack=}" && return ;;
                    -s=*) printf '%s' "${argument#-s=}" && return ;;
                esac
                before=$argument
            done
            ;;
        up | down | status | logs | rehearse | cost | promote | rollback | drill | pipeline)
            for argument in "$@"; do
                case $argument in -*) continue ;; esac
                printf '%s' "$argument" && return
            done
            ;;
    esac
}
