# shellcheck shell=bash disable=SC2154,SC2034,SC2119,SC2120
# Sourced by tools/setup.sh: progress lines, errors, running programs so that an interrupt ends them, and locks.

child=          # process group of the program that runs now
leftovers=''    # files and directories to remove if this ends early, one a line
told=           # why this ends has been said
locked=         # this clone's set-up is ours alone
scratch=$root/.trimaran/tmp  # where programs keep what is temporary, so that it goes with them
line_open=      # a progress line without its end has been printed
patience_s=20   # how long a program of the machine may take to tell its version
step=           # what the open progress line says
step_started=0

# How uv, pip, Go and apt-get say that a disk is full.
no_space='no space left|disk quota exceeded|os error 28|errno 28'

# How they say that they get nothing over the network, and what a person is told; the first that fits counts.
network_complaints='
the proxy asks for a log-in (HTTP 407) = 407 proxy|proxy authori[sz]ation required|proxy authentication required
the certificate of the host is not one this machine knows = certificate.verify.failed|invalid peer certificate|unknownissuer|x509:
the host cannot be reached = dns error|name resolution|no such host|failed to establish|network is unreachable
the host cannot be reached = client error \(connect\)|dial tcp|connection (refused|reset)|timed out|could not connect|unable to connect
the host refuses it (HTTP 401) = 401 (client error|unauthorized)
the host refuses it (HTTP 403) = 403 (client error|forbidden)
the host does not have it (HTTP 404) = 404 (client error|not found)
the host answers with an error (HTTP 5xx) = 50[0-9] (server error|internal|bad gateway|service|gateway)
the host has none that fits = from versions: none
'

begin() {  # text: opens the progress line of a step
    step_started=$(now_us)
    line_open=1 step=$1
    printf '%s ...' "$1" >&2
}

end() {  # [outcome]: closes the progress line with the time the step took
    local took=$(($(now_us) - step_started))
    printf ' %s%d.%d s\n' "${1:-}" $((took / 1000000)) $((took / 100000 % 10)) >&2
    line_open=
}

say() {  # text: a line of its own, also in the middle of a step
    [[ -z $line_open ]] || printf '\n' >&2
    line_open=
    printf '%s\n' "$1" >&2
}

fail() {  # sentence hint
    told=1
    say "error: $1"
    say "hint: $2"
    exit 1
}

fail_with_log() {  # sentence hint: adds the failed program's first complaint, and where the rest is
    local reason
    if grep -qiE "$no_space" "$log" || full_disk >/dev/null; then fail_full; fi
    reason=$(network_complaint)
    [[ -z $reason ]] || fail "$1: $reason" "is there a network connection? The same command continues from here. All output: $log"
    reason=$(grep -iE 'error|cannot|could not|denied|no space|unable|no such|dial|^E:' "$log" | grep -m 1 ' ' || true)
    [[ -n $reason ]] || reason=$(grep . "$log" | tail -n 1 || true)
    reason=${reason#"${reason%%[![:space:]]*}"}
    reason=${reason#error: } reason=${reason#ERROR: }
    fail "$1: ${reason:-it said nothing}" "$2 All output: $log"
}

network_complaint() {  # prints what a person is told, if the log has one of the complaints
    local line
    ! grep -qiE 'hash mismatch|do not match the hashes' "$log" || return 0  # something came, and another host had been asked too
    while read -r line; do
        [[ -n $line ]] && grep -qiE -- "${line#* = }" "$log" || continue
        printf '%s' "${line%% = *}"
        return
    done <<<"$network_complaints"
}

fail_full() {
    local directory
    directory=$(full_disk) || directory="$root, or of $cache"
    fail "no space is left on the disk of $directory" 'make room there; the same command continues where this one stopped'
}

full_disk() {  # prints the first of the directories where a megabyte cannot be written for lack of space
    local directory said
    for directory in "$root" "$cache" "${TMPDIR:-/tmp}"; do
        while [[ -n $directory && ! -d $directory ]]; do directory=${directory%/*}; done
        said=$({ LC_ALL=C printf '%1048576s' '' >"$directory/.trimaran-space.$$"; } 2>&1 || true)
        rm -f -- "$directory/.trimaran-space.$$" 2>/dev/null || true
        [[ $said == *'No space left'* || $said == *'quota'* ]] || continue
        printf '%s' "$directory"
        return 0  # spelt out: in a trap, a bare return is the status of what came before it
    done
    return 1
}

fail_unwritable() {  # directory
    if full_disk >/dev/null; then fail_full; fi
    fail "the directory $1 cannot be written to" 'make it writable, or clone into a directory of your own'
}

need_writable() {  # directories, which need not be there yet
    local directory above
    for directory in "$@"; do
        above=$directory
        while [[ ! -e $above ]]; do above=${above%/*}; done
        [[ -d $above && -w $above ]] || fail_unwritable "$above"
    done
}

now_us() {
    if [[ -n ${EPOCHREALTIME:-} ]]; then
        printf '%s' "${EPOCHREALTIME/[.,]/}"
    else
        printf '%s' "${SECONDS}000000"
    fi
}

start() {  # command...: runs it in the background in a process group of its own, its output in $log
    { mkdir -p "${log%/*}" "$scratch" && : >"$log"; } 2>/dev/null || fail_unwritable "$root"
    set -m
    TMPDIR=$scratch "$@" >"$log" 2>&1 </dev/null 8>&- 9>&- &
    child=$!
    set +m
}

finish() {  # waits for what was started and returns its status
    local status=0
    wait "$child" || status=$?
    child=
    return "$status"
}

run() {  # command...
    start "$@"
    finish
}

guard_interrupts() {
    trap 'stop 130' INT
    trap 'stop 143' TERM
    trap 'stop 129' HUP
    trap 'clean_up $?' EXIT
}

stop() {  # status
    trap '' INT TERM HUP
    told=1
    say 'interrupted: the same command continues where this one stopped'
    exit "$1"
}

clean_up() {  # exit status
    local path tries=50
    # bash has said in its own way that it cannot write.
    if [[ $1 != 0 && -z $told ]] && full_disk >/dev/null; then (fail_full) || true; fi
    if [[ -n $child ]]; then
        kill -TERM -- "-$child" 2>/dev/null || true
        while kill -0 -- "-$child" 2>/dev/null && ((tries-- > 0)); do sleep 0.1; done
        kill -KILL -- "-$child" 2>/dev/null || true
    fi
    while read -r path; do
        [[ -z $path ]] || rm -rf -- "$path"
    done <<<"$leftovers"
    [[ -z $locked ]] || rm -rf -- "$scratch"
    allow_services
}

within() {  # seconds command...: its status, or 124 after ending it and what it has started
    "$python" -c '
import os, signal, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, start_new_session=True)
try:
    status = process.wait(float(sys.argv[1]))
except subprocess.TimeoutExpired:
    status = 124
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
sys.exit(status)' "$@"
}

make_dir() {  # directory in the cache
    if ! mkdir -p "$1" 2>/dev/null || [[ ! -w $1 ]]; then
        if full_disk >/dev/null; then fail_full; fi
        fail "the cache directory $1 cannot be written to" 'make it writable, or set XDG_CACHE_HOME to a directory of your own'
    fi
}

temporary() {  # path: names a temporary neighbour of it, removed if this ends early, in $temporary
    temporary=$1.$$.part
    leftovers="$leftovers
$temporary"
    rm -rf -- "$temporary"
}

# Two of these may run at once, in one clone or over one cache. The kernel drops a lock with the process that holds it.
lock_clone() {
    exec 9<"$root/tools/setup.sh"
    wait_for_lock 9
    locked=1
}

lock_cache() {
    make_dir "$cache"
    exec 8>>"$cache/lock"
    wait_for_lock 8
}

unlock() {
    [[ -z $locked ]] || rm -rf -- "$scratch"
    locked=
    exec 8>&- 9>&-
}

wait_for_lock() {  # file descriptor
    # The lock belongs to the open file, so it stays when Python, which takes it, has ended. `flock` is not everywhere.
    "$python" -c 'import fcntl, sys; fcntl.flock(int(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$1" 2>/dev/null && return
    begin 'Waiting for another ./trimaran to finish its set-up'
    until "$python" -c 'import fcntl, sys; fcntl.flock(int(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$1" 2>/dev/null; do
        sleep 0.3
    done
    end
}
