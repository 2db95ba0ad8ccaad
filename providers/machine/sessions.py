"""Programs that outlive the provider, each the leader of a session of its own, and how to end exactly those.

A process is known by its number, its start time and the boot it belongs to, so that a number which the system
gave to somebody else is never signalled.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from providers.machine.values import MachineError

# Tells whether a process that has a lost leader's session number is one of ours and no stranger.
Proof = Callable[[int], bool]

KILL_PATIENCE_S = 5.0
POLL_S = 0.02

# What a program may know of whoever deployed it. Everything else stays out, above all the engine's own variables:
# PULUMI_CONFIG_PASSPHRASE would open the state file.
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")

# A provider that is killed cannot tidy up. This reads a line from it: none came, so nobody will own the group.
_GUARD = 'read -r kept || kill -s KILL -- "-$1"'

# This process stays the parent of what it started, and subprocess complains about dropped children that still run.
_kept: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """A process that was started here; `start_time` counts clock ticks since boot (field 22 of /proc/PID/stat)."""

    pid: int
    start_time: int
    boot_id: str


class Stat(NamedTuple):
    """The parts of /proc/PID/stat that matter here."""

    state: str
    parent: int
    session: int
    start_time: int


@dataclass(slots=True, kw_only=True)
class Child:
    """A program started by `starting` and still in its care."""

    leader: Leader
    process: subprocess.Popen[bytes]
    guard: subprocess.Popen[bytes]

    def exit_reason(self) -> str | None:
        """Say how the program ended, or None while it runs; leaves it unreaped, so that its number stays taken."""
        try:
            result = os.waitid(os.P_PID, self.leader.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return "ended"
        if result is None:
            return None
        if result.si_code == os.CLD_EXITED:
            return f"exited with status {result.si_status}"
        return f"was ended by {signal.Signals(result.si_status).name}"

    def keep(self) -> None:
        """Let the program outlive this process."""
        self._dismiss_guard()
        _kept.append(self.process)

    def abandon(self) -> None:
        """Kill the program and everything in its session."""
        end(self.leader, signal.SIGKILL, grace_s=0)
        self._dismiss_guard()
        self.process.wait()

    def _dismiss_guard(self) -> None:
        with suppress(BrokenPipeError):
            self.guard.communicate(b"kept\n")


@contextmanager
def starting(command: Sequence[str], *, environment: Mapping[str, str], cwd: str, log_file: Path) -> Iterator[Child]:
    """Start a program detached; it is kept when the block ends well, and killed with its session on any error."""
    child = _start(command, environment=environment, cwd=cwd, log_file=log_file)
    try:
        yield child
    except BaseException:
        child.abandon()
        raise
    child.keep()


def base_environment() -> dict[str, str]:
    """Return what every program inherits: where to find programs, its home, its language and the XDG folders."""
    return {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("XDG_")}


def is_alive(leader: Leader) -> bool:
    """Tell whether this very process still runs; one that exited and waits for its parent does not."""
    stat = _own_stat(leader)
    return stat is not None and stat.state not in "ZX"


def send(leader: Leader, number: signal.Signals) -> bool:
    """Signal this very process and nobody who got its number; False when it is gone."""
    return leader.boot_id == boot_id() and _send(leader.pid, leader.start_time, number)


def end(leader: Leader, first: signal.Signals, *, grace_s: float, proof: Proof = lambda pid: False) -> None:
    """Signal the leader alone, give it `grace_s`, then kill what is left of its session.

    Without a proof, nothing of a session that had lost its leader before is touched. Raises MachineError when
    something survives SIGKILL.
    """
    if leader.boot_id != boot_id():
        return
    seen = members(leader, proof)
    send(leader, first)
    deadline = time.monotonic() + grace_s
    while is_alive(leader) and time.monotonic() < deadline:
        time.sleep(POLL_S)
        seen |= members(leader, proof)
    _kill_all(leader, proof, seen)
    with suppress(ChildProcessError):
        os.waitpid(leader.pid, os.WNOHANG)


def members(leader: Leader, proof: Proof) -> dict[int, int]:
    """Return the living processes of the leader's session, number to start time."""
    holder = stat_of(leader.pid)
    if holder is not None and holder.start_time != leader.start_time:
        return {}
    in_session = {
        pid: stat.start_time
        for pid, stat in processes()
        if stat.session == leader.pid and stat.start_time >= leader.start_time and stat.state not in "ZX"
    }
    # While the leader's number is taken by the leader, dead or alive, nobody else can lead a session of that number.
    return in_session if holder is not None else {pid: start for pid, start in in_session.items() if proof(pid)}


def processes() -> Iterator[tuple[int, Stat]]:
    """Yield every process of this machine that can be looked at."""
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and (stat := stat_of(int(entry))) is not None:
            yield int(entry), stat


def stat_of(pid: int) -> Stat | None:
    """Read /proc/PID/stat; None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The program's name stands in parentheses and may hold any character, a parenthesis and a space too.
    fields = text.rpartition(")")[2].split()
    return Stat(state=fields[0], parent=int(fields[1]), session=int(fields[3]), start_time=int(fields[19]))


def boot_id() -> str:
    """Return what differs after every boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start(command: Sequence[str], *, environment: Mapping[str, str], cwd: str, log_file: Path) -> Child:
    log = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(log, 0o600)
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o077,
        )
    finally:
        os.close(log)
    try:
        guard = _start_guard(process.pid)
    except OSError:
        process.kill()
        process.wait()
        raise
    stat = stat_of(process.pid)
    assert stat is not None, "an unreaped child has an entry in /proc"
    leader = Leader(pid=process.pid, start_time=stat.start_time, boot_id=boot_id())
    return Child(leader=leader, process=process, guard=guard)


def _start_guard(pid: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "guard", str(pid)],
        env={},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _own_stat(leader: Leader) -> Stat | None:
    stat = stat_of(leader.pid)
    is_same = stat is not None and stat.start_time == leader.start_time and leader.boot_id == boot_id()
    return stat if is_same else None


def _kill_all(leader: Leader, proof: Proof, seen: Mapping[int, int]) -> None:
    deadline = time.monotonic() + KILL_PATIENCE_S
    while left := {**_still_there(seen), **members(leader, proof)}:
        for pid, start_time in left.items():
            _send(pid, start_time, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise MachineError(f"processes {sorted(left)} do not end, not even after SIGKILL")
        time.sleep(POLL_S)


def _still_there(seen: Mapping[int, int]) -> dict[int, int]:
    return {
        pid: start_time
        for pid, start_time in seen.items()
        if (stat := stat_of(pid)) is not None and stat.start_time == start_time and stat.state not in "ZX"
    }


def _send(pid: int, start_time: int, number: signal.Signals) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # The handle pins the process, so the number cannot pass to another one between this look and the signal.
        stat = stat_of(pid)
        if stat is None or stat.start_time != start_time:
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True
