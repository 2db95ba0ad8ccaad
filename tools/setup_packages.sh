# shellcheck shell=bash disable=SC2154,SC2034
# Sourced by tools/setup.sh: programs of the system that a command needs, from the system's own packages.

policy_rc_d=/usr/sbin/policy-rc.d
services_held=

tools_are_found() {
    local tool
    for tool in $tools; do
        is_found "${tool%\?}" || return 1
    done
}

is_found() {
    case $1 in
        pulumi) return 0 ;;
        bubblewrap) type -P bwrap >/dev/null ;;
        chromium) type -P chromium >/dev/null || type -P chromium-browser >/dev/null || type -P google-chrome >/dev/null ;;
        *) [[ -x /usr/sbin/$1 ]] || type -P "$1" >/dev/null ;;
    esac
}

provide_tools() {
    local tool missing=''
    for tool in $tools; do
        is_found "${tool%\?}" || missing="$missing ${tool%\?}"
    done
    [[ -n $missing ]] || return 0
    # shellcheck disable=SC2086
    if can_install_packages; then install_packages $missing; fi
    for tool in $tools; do
        is_found "${tool%\?}" && continue
        case $tool in
            *\?) say "hint: ${tool%\?} is not installed, so what needs it is left out: $(how_to_install "${tool%\?}")" ;;
            *) fail "$tool is not installed" "$(how_to_install "$tool")" ;;
        esac
    done
}

how_to_install() {
    if type -P apt-get >/dev/null; then
        printf 'sudo apt-get install %s' "$1"
    else
        printf 'install %s with your package manager' "$1"
    fi
}

can_install_packages() { [[ $EUID -eq 0 ]] && type -P apt-get >/dev/null; }

install_packages() {  # names...: what is missing is reported by the caller
    local listed="$*"
    begin "Installing ${listed// /, } (apt-get)"
    hold_services
    run apt_get install "$@" || { run apt_get update && run apt_get install "$@"; } ||
        say "apt-get could not install ${listed// /, }; its output: $log"
    allow_services
    [[ -z $line_open ]] || end
}

apt_get() {
    # Its programs give up root, and could not write where ours keep what is temporary.
    env -u TMPDIR DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# Debian starts a service when its package is installed, nginx on port 80 for one. This file is its way to say no. One that
# is there already is another's decision and stays, unless a killed run of this left it.
hold_services() {
    if [[ -e $policy_rc_d ]]; then
        grep -q 'trimaran' "$policy_rc_d" 2>/dev/null && services_held=1
        return 0
    fi
    printf '#!/bin/sh\n# Written by trimaran for the time of one apt-get install.\nexit 101\n' >"$policy_rc_d.$$"
    chmod +x "$policy_rc_d.$$"
    services_held=1
    mv -n "$policy_rc_d.$$" "$policy_rc_d"
}

allow_services() {
    [[ -n $services_held ]] || return 0
    rm -f "$policy_rc_d" "$policy_rc_d.$$"
    services_held=
}
