"""A running nginx of our own in one folder: start it, change its configuration without dropping a request, stop it."""

import fcntl
import json
import os
import pwd
import resource
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from providers.machine import nginx_config, ports, probe, sessions
from providers.machine.contract import Cancelled
from providers.machine.nginx_config import ProxySettings, Server
from providers.machine.sessions import Leader
from providers.machine.values import MachineError

START_PATIENCE_S = 10.0
RELOAD_PATIENCE_S = 10.0
OLD_WORKERS_PATIENCE_S = 2.0
DRAIN_S = 10.0
POLL_S = 0.02

_CONFIG = "nginx.conf"
_MASTER = "master.json"
_ERROR_LOG = "error.log"
_OPEN_FILES = 16_384


class PortTaken(MachineError):
    """A port that nginx was to listen on belongs to somebody else; `port` says which."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is already in use by {ports.describe_listener(port)}")
        self.port = port


def start(directory: Path, settings: ProxySettings, cancelled: Cancelled) -> Leader:
    """Start nginx and wait until it serves; on failure neither a process nor a file of it is left.

    Raises PortTaken when one of its two ports is in use.
    """
    for host, port in _listeners(settings):
        if not ports.is_free(host, port):
            raise PortTaken(host, port)
    is_new = not directory.exists()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(directory):
            return _start(directory, settings, cancelled)
    except OSError as error:
        raise MachineError(f"nginx cannot use {directory}: {error.strerror} ({error.filename})") from error
    finally:
        if is_new and not config_file(directory).exists():
            shutil.rmtree(directory, ignore_errors=True)


def change(directory: Path, alter: Callable[[ProxySettings], ProxySettings]) -> ProxySettings:
    """Put altered settings into use without dropping a request; returns them once no new connection sees the old ones.

    Raises MachineError and leaves the old configuration in place and running when the new one is refused.
    """
    with _locked(directory):
        old = settings_in_use(directory)
        if old is None:
            raise _not_running(directory)
        settings = alter(old)
        if settings != old:
            _reload(directory, settings, old)
        return settings


def settings_in_use(directory: Path) -> ProxySettings | None:
    """Read the settings of the configuration in use; None where there is none."""
    path = config_file(directory)
    try:
        return nginx_config.parse(path.read_text())[1]
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise MachineError(f"{path} cannot be read: {error}\nhint: delete it, then run ./trimaran up") from error


def stop(directory: Path, leader: Leader) -> None:
    """Let running requests finish for a while, then end nginx; its error log stays."""
    sessions.end(leader, signal.SIGQUIT, grace_s=DRAIN_S, proof=_works_in(directory))
    for name in (_CONFIG, _MASTER, "nginx.pid"):
        (directory / name).unlink(missing_ok=True)
    shutil.rmtree(directory / "tmp", ignore_errors=True)


def end_leftovers(directory: Path, leader: Leader) -> None:
    """End the workers that a killed master left behind; they would hold the port."""
    sessions.end(leader, signal.SIGKILL, grace_s=0, proof=_works_in(directory))


def config_file(directory: Path) -> Path:
    """Return where the configuration in use lies."""
    return directory / _CONFIG


def _listeners(settings: ProxySettings) -> tuple[tuple[str, int], ...]:
    return (settings.host, settings.port), (ports.LOOPBACK, settings.test_port)


def _start(directory: Path, settings: ProxySettings, cancelled: Cancelled) -> Leader:
    if (running := _recorded_master(directory)) is not None and sessions.is_alive(running):
        raise MachineError(f"another nginx, pid {running.pid}, already runs in {directory}")
    generation, text = _rendered(directory, settings)
    _check(directory, text)
    log_start = _log_size(directory)
    command = [*_command(directory), "-c", str(config_file(directory))]
    with (
        _replaced(config_file(directory), text),
        sessions.starting(
            command, environment=sessions.base_environment(), cwd=str(directory), log_file=directory / _ERROR_LOG
        ) as child,
    ):
        _wait_until_started(directory, child, settings, generation, log_start, cancelled)
        _write(directory / _MASTER, json.dumps(asdict(child.leader)))
        return child.leader


def _wait_until_started(
    directory: Path,
    child: sessions.Child,
    settings: ProxySettings,
    generation: str,
    log_start: int,
    cancelled: Cancelled,
) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while not _serves(settings, generation):
        if cancelled():
            raise MachineError("nginx was stopped, because the deployment was cancelled")
        problems = _new_problems(directory, log_start)
        for host, port in _listeners(settings):
            if any(f" {host}:{port} failed (98:" in line for line in problems):
                raise PortTaken(host, port)
        if (reason := child.exit_reason()) is not None:
            raise MachineError(_with_lines(f"nginx {reason}", problems))
        if time.monotonic() > deadline:
            raise MachineError(_with_lines(f"nginx did not answer within {START_PATIENCE_S:g} s", problems))
        time.sleep(POLL_S)


def _reload(directory: Path, settings: ProxySettings, old: ProxySettings) -> None:
    master = _master(directory)
    _check(directory, _rendered(directory, settings)[1])
    try:
        _take_up(directory, master, settings)
    except MachineError:
        # Waited for as well, or nginx, which may still be busy with the refused one, would be in the next change's way.
        with suppress(MachineError):
            _take_up(directory, master, old, heeds_log=False)
        raise


def _take_up(directory: Path, master: Leader, settings: ProxySettings, *, heeds_log: bool = True) -> None:
    old_workers = _workers(master)
    generation, text = _rendered(directory, settings)
    log_start = _log_size(directory) if heeds_log else None
    _write(config_file(directory), text)
    if not sessions.send(master, signal.SIGHUP):
        raise _not_running(directory)
    _wait_until_serving(directory, settings, generation, log_start)
    _wait_for(old_workers)


def _wait_until_serving(directory: Path, settings: ProxySettings, generation: str, log_start: int | None) -> None:
    deadline = time.monotonic() + RELOAD_PATIENCE_S
    while not _serves(settings, generation):
        if log_start is not None and (problems := _new_problems(directory, log_start)):
            raise MachineError(_with_lines("nginx refused the new configuration, the old one stays in use", problems))
        if time.monotonic() > deadline:
            raise MachineError(
                f"nginx did not take up the new configuration within {RELOAD_PATIENCE_S:g} s, the old one stays in use"
            )
        time.sleep(POLL_S)


def _wait_for(workers: Mapping[int, int]) -> None:
    """Wait until old workers accept no more, and a moment longer for those that have nothing left to do."""
    deadline = time.monotonic() + OLD_WORKERS_PATIENCE_S
    while left := [pid for pid, start_time in workers.items() if _is_same(pid, start_time)]:
        is_late = time.monotonic() > deadline
        if is_late and all(_is_closing(pid) for pid in left):
            return
        if time.monotonic() > deadline + RELOAD_PATIENCE_S:
            raise MachineError(f"the nginx workers {left} still accept connections after a reload")
        time.sleep(POLL_S)


def _is_same(pid: int, start_time: int) -> bool:
    stat = sessions.stat_of(pid)
    return stat is not None and stat.start_time == start_time and stat.state not in "ZX"


def _is_closing(pid: int) -> bool:
    try:
        return b"shutting down" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def _master(directory: Path) -> Leader:
    master = _recorded_master(directory)
    if master is None or not sessions.is_alive(master):
        raise _not_running(directory)
    return master


def _recorded_master(directory: Path) -> Leader | None:
    try:
        return Leader(**json.loads((directory / _MASTER).read_text()))
    except FileNotFoundError:
        return None


def _not_running(directory: Path) -> MachineError:
    return MachineError(f"no nginx runs in {directory}\nhint: bring it back with: ./trimaran up")


def _workers(master: Leader) -> dict[int, int]:
    """Return the workers that accept connections, number to start time; not those that only finish old ones."""
    children = {pid: stat.start_time for pid, stat in sessions.processes() if stat.parent == master.pid}
    return {pid: start_time for pid, start_time in children.items() if not _is_closing(pid)}


def _serves(settings: ProxySettings, generation: str) -> bool:
    url = f"http://{ports.LOOPBACK}:{settings.test_port}{nginx_config.GENERATION_PATH}"
    return probe.get(url, timeout_s=1).text == generation


def _rendered(directory: Path, settings: ProxySettings) -> tuple[str, str]:
    # By chance and not by content: a worker that still serves an older file of the same content must not be believed.
    generation = secrets.token_hex(6)
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    server = Server(
        user=pwd.getpwuid(0).pw_name if os.geteuid() == 0 else None,
        open_files=_OPEN_FILES if hard_limit == resource.RLIM_INFINITY else min(hard_limit, _OPEN_FILES),
    )
    return generation, nginx_config.render(settings, server, directory=directory, generation=generation)


def _check(directory: Path, text: str) -> None:
    """Let nginx read a configuration before it replaces the one in use."""
    (directory / "tmp").mkdir(mode=0o700, exist_ok=True)
    trial = directory / f"{_CONFIG}.trial"
    trial.write_text(text)
    try:
        run = subprocess.run(
            [*_command(directory), "-t", "-q", "-c", str(trial)],
            env=sessions.base_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    finally:
        trial.unlink()
    if run.returncode != 0:
        raise MachineError(_with_lines("nginx refuses the configuration", run.stderr.splitlines()))


def _command(directory: Path) -> list[str]:
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    program = shutil.which("nginx", path=search)
    if program is None:
        raise MachineError("nginx is not installed\nhint: apt-get install nginx (no system service is needed)")
    # -e: before it has read its configuration nginx would write to the system's log.
    return [program, "-p", str(directory), "-e", str(directory / _ERROR_LOG)]


@contextmanager
def _replaced(path: Path, text: str) -> Iterator[None]:
    """Give a file a new content, and its old one back (or none) when the block fails."""
    old = path.read_text() if path.exists() else None
    _write(path, text)
    try:
        yield
    except BaseException:
        if old is None:
            path.unlink()
        else:
            _write(path, old)
        raise


def _write(path: Path, text: str) -> None:
    """Replace a file at once, so that nobody reads half of it."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(text)
        new.chmod(0o600)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep a deployment and a promotion from changing one proxy at the same time."""
    handle = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _works_in(directory: Path) -> Callable[[int], bool]:
    """Recognise nginx by its working folder: it overwrites its environment with its title."""

    def proof(pid: int) -> bool:
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")) == directory and ports.program_name(pid) == "nginx"
        except OSError:
            return False

    return proof


def _log_size(directory: Path) -> int:
    try:
        return (directory / _ERROR_LOG).stat().st_size
    except FileNotFoundError:
        return 0


def _new_problems(directory: Path, log_start: int) -> list[str]:
    try:
        with (directory / _ERROR_LOG).open("rb") as log:
            log.seek(log_start)
            lines = log.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [line for line in lines if "[emerg]" in line]


def _with_lines(message: str, lines: list[str]) -> str:
    return "\n".join([message, *(f"  | {line}" for line in lines[-10:])])
