"""The resource `Process`: a program that runs detached on this machine and counts as made once it is ready.

Linux only: a process is recognised through /proc.
"""

import itertools
import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plan.tokens import UNKNOWN
from providers.machine import ports, probe, sessions
from providers.machine.contract import Cancelled, Change, Failures, Reality, urn_name
from providers.machine.sessions import Leader
from providers.machine.values import (
    MachineError,
    Properties,
    changed,
    has_secret,
    has_unknown,
    newly_secret,
    plain,
    redact,
)

DEFAULTS: Properties = {
    "environment": {},
    "ready_url": "",
    "ready_timeout_s": 60,
    "stop_signal": "SIGTERM",
    "stop_grace_s": 35,
    "port": 0,
}
MADE_ANEW = ("command", "environment", "cwd", "log_file", "port")
CHANGED_IN_PLACE = ("ready_url", "ready_timeout_s", "stop_signal", "stop_grace_s")

# Names every process of one session in its environment.
MARK = "TRIMARAN_SESSION"

LOG_LINES = 10
PORT_TRIES = 5
FIRST_POLL_S = 0.02
LONGEST_POLL_S = 0.25

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The inputs of a process, plain; `{port}` still stands where the port will be."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: str
    log_file: Path
    ready_url: str
    ready_timeout_s: float
    stop_signal: str
    stop_grace_s: float
    port: int

    @classmethod
    def read(cls, inputs: Properties) -> "Wanted":
        """Take checked inputs, as they travel."""
        given = plain(inputs)
        return cls(**{**given, "command": tuple(given["command"]), "log_file": Path(given["log_file"])})


class NotReady(Exception):
    """Why a program that was started is no use."""


class PortLost(Exception):
    """Somebody else took the port between the choice and the program's start."""


def check(inputs: Properties) -> tuple[Properties, Failures]:
    """Fill in the defaults and name everything that is wrong with the inputs."""
    filled = {**DEFAULTS, **inputs}
    return filled, [(name, problem) for name, problem in _problems(filled) if not has_unknown(filled.get(name))]


def diff(old: Properties, new: Properties) -> Change:
    """What makes the program another one needs a new process; how it is waited for or stopped does not.

    The new one starts before the old one ends, except where both were told to use the same port.
    """
    anew = changed(MADE_ANEW, old, new)
    in_place = changed(CHANGED_IN_PLACE, old, new) + newly_secret(MADE_ANEW, old, new)
    port = plain(new.get("port"))
    return Change(anew=anew, in_place=in_place, delete_first=port != 0 and port == plain(old.get("port")))


def preview(inputs: Properties, old: Properties | None) -> Properties:
    """Return the outputs as far as they are known without starting anything."""
    if old is not None:
        return {**old, **inputs, "port": old["port"]}
    port = plain(inputs["port"])
    known = {"port": UNKNOWN, "url": UNKNOWN} if port in (0, UNKNOWN) else {"port": port, "url": _url(port)}
    return {**inputs, "pid": UNKNOWN, "start_time": UNKNOWN, "boot_id": UNKNOWN, **known}


def create(urn: str, inputs: Properties, cancelled: Cancelled) -> tuple[str, Properties]:
    """Start the program and wait until it is ready; on any failure nothing of it is left running."""
    wanted = Wanted.read(inputs)
    resource_id = f"{urn_name(urn)}-{secrets.token_hex(4)}"
    for attempt in itertools.count(1):
        port = wanted.port or ports.free_port()
        log_start = _size(wanted.log_file)
        try:
            leader = _start(wanted, port, resource_id, cancelled)
        except PortLost:
            if attempt < PORT_TRIES:
                continue
            raise MachineError(f"{wanted.command[0]} lost {PORT_TRIES} free ports in a row to others") from None
        except NotReady as reason:
            raise MachineError(redact(_failure(wanted, str(reason), log_start), inputs)) from None
        return resource_id, {**inputs, **_outputs(leader, port)}
    raise AssertionError("unreachable")


def read(resource_id: str, inputs: Properties, outputs: Properties) -> Reality | None:
    """Return the process unchanged while it lives, else None, after ending what its session left behind."""
    leader = _leader(outputs)
    if sessions.is_alive(leader):
        return Reality(inputs=inputs, outputs=outputs)
    sessions.end(leader, signal.SIGKILL, grace_s=0, proof=_bears(resource_id))
    return None


def update(urn: str, old: Properties, old_inputs: Properties, inputs: Properties, cancelled: Cancelled) -> Properties:
    """Record how the process is to be waited for and stopped from now on."""
    return {**old, **inputs, "port": old["port"]}


def delete(resource_id: str, outputs: Properties) -> None:
    """Let the leader finish within its grace while its children still serve it, then end the whole session."""
    given = plain(outputs)
    number = signal.Signals[given["stop_signal"]]
    sessions.end(_leader(outputs), number, grace_s=given["stop_grace_s"], proof=_bears(resource_id))


def _problems(given: Properties) -> Iterator[tuple[str, str]]:
    for name in sorted(given.keys() - {*MADE_ANEW, *CHANGED_IN_PLACE}):
        yield name, f"is not an input of a Process; inputs are {', '.join([*MADE_ANEW, *CHANGED_IN_PLACE])}"
    yield from _command_problems(given.get("command"))
    yield from _environment_problems(plain(given["environment"]))
    for name in ("cwd", "log_file"):
        if not (isinstance(path := plain(given.get(name)), str) and os.path.isabs(path)):
            yield name, "must be an absolute path"
    url = plain(given["ready_url"])
    if not isinstance(url, str) or (url and not url.startswith("http://")):
        yield "ready_url", "must start with http:// or be empty (then ready means started)"
    for name in ("ready_timeout_s", "stop_grace_s"):
        if not _is_number(seconds := plain(given[name])) or seconds < 0:
            yield name, "must be a number of seconds, 0 or more"
    if plain(given["stop_signal"]) not in signal.Signals.__members__:
        yield "stop_signal", "must be the name of a signal, such as SIGTERM"
    port = plain(given["port"])
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:
        yield "port", "must be a whole number from 0 (any free port) to 65535"


def _command_problems(command: Any) -> Iterator[tuple[str, str]]:
    words = plain(command)
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        yield "command", "must be a list of words, the program first"
    elif "/" in words[0] and not os.path.isabs(words[0]):
        yield "command", f"names its program by a relative path, {words[0]!r}: use a bare name or an absolute path"
    elif has_secret(command):
        yield "command", "holds a secret, which every user of this machine could read there: use the environment"


def _environment_problems(environment: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(environment, Mapping):
        yield "environment", "must map names to text"
        return
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name):
            yield "environment", f"has a name that is not a variable's: {name!r}"
        if not isinstance(value, str) or "\0" in value:
            yield "environment", f"must map {name} to text"


def _start(wanted: Wanted, port: int, mark: str, cancelled: Cancelled) -> Leader:
    if not Path(wanted.cwd).is_dir():
        raise NotReady(f"could not start: the working directory {wanted.cwd} does not exist")
    filled = {name: _with_port(value, port) for name, value in wanted.environment.items()}
    environment = {**sessions.base_environment(), **filled, MARK: mark}
    command = [_with_port(word, port) for word in wanted.command]
    try:
        wanted.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with sessions.starting(command, environment=environment, cwd=wanted.cwd, log_file=wanted.log_file) as child:
            _wait_until_ready(child, wanted, port, cancelled)
            return child.leader
    except OSError as error:
        raise NotReady(f"could not start: {error.strerror} ({error.filename})") from error


def _wait_until_ready(child: sessions.Child, wanted: Wanted, port: int, cancelled: Cancelled) -> None:
    url = _with_port(wanted.ready_url, port)
    started = time.monotonic()
    last = probe.Reply(0, "was not asked yet")
    for pause_s in _pauses():
        if cancelled():
            raise NotReady("was stopped, because the deployment was cancelled")
        if (reason := child.exit_reason()) is not None:
            _raise_if_lost(wanted, port)
            raise NotReady(f"{reason} after {time.monotonic() - started:.1f} s, before it was ready")
        last = probe.get(url) if url else probe.Reply(204, "")
        if last.is_good and child.exit_reason() is None and _answers_itself(child, url, port):
            return
        if time.monotonic() - started > wanted.ready_timeout_s:
            raise NotReady(f"was not ready after {wanted.ready_timeout_s:g} s: {url} {last}")
        time.sleep(pause_s)


def _pauses() -> Iterator[float]:
    pause_s = FIRST_POLL_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 1.3, LONGEST_POLL_S)


def _raise_if_lost(wanted: Wanted, port: int) -> None:
    if wanted.port == 0 and not ports.is_free(ports.LOOPBACK, port):
        raise PortLost


def _answers_itself(child: sessions.Child, url: str, port: int) -> bool:
    """Tell a program's own good answer from that of a stranger who got the port first."""
    if f":{port}" not in url or (pid := ports.listener(port)) is None:
        return True
    stat = sessions.stat_of(pid)
    return stat is None or stat.session == child.leader.pid


def _failure(wanted: Wanted, reason: str, log_start: int) -> str:
    lines = [f"{wanted.command[0]} {reason}.", f"log: {wanted.log_file}"]
    return "\n".join([*lines, *(f"  | {line}" for line in _last_lines(wanted.log_file, log_start))])


def _last_lines(log_file: Path, start: int) -> list[str]:
    try:
        with log_file.open("rb") as log:
            log.seek(max(start, _size(log_file) - 65536))
            return log.read().decode(errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _bears(mark: str) -> Callable[[int], bool]:
    def proof(pid: int) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return f"{MARK}={mark}".encode() in environment.split(b"\0")

    return proof


def _leader(outputs: Properties) -> Leader:
    given = plain(outputs)
    return Leader(pid=given["pid"], start_time=given["start_time"], boot_id=given["boot_id"])


def _outputs(leader: Leader, port: int) -> Properties:
    known = {"pid": leader.pid, "start_time": leader.start_time, "boot_id": leader.boot_id}
    return {**known, "port": port, "url": _url(port)}


def _url(port: int) -> str:
    return f"http://{ports.LOOPBACK}:{port}"


def _with_port(text: str, port: int) -> str:
    return text.replace("{port}", str(port))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
