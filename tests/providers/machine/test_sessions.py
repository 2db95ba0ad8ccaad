"""Only what was started here is ever signalled, and nothing of it is left."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.machine import sessions
from providers.machine.sessions import Leader
from tests.providers.machine.conftest import processes_under, python

SLEEP = python("import time; time.sleep(60)")
# A leader with one child; it says so, and on SIGTERM tells whether the child still lives while it drains.
FAMILY = python("""
    import os, pathlib, signal, subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    def drain(*_):
        time.sleep(0.3)
        pathlib.Path("drained").write_text("with child" if child.poll() is None else "alone")
        sys.exit()
    signal.signal(signal.SIGTERM, drain)
    pathlib.Path("child.new").write_text(str(child.pid))
    os.rename("child.new", "child")
    time.sleep(60)
""")


@pytest.fixture
def start(tmp_path: Path) -> Callable[[list[str]], Leader]:
    """Start a program in a session of its own."""

    def run(command: list[str]) -> Leader:
        with sessions.starting(command, environment={}, cwd=str(tmp_path), log_file=tmp_path / "log") as child:
            return child.leader

    return run


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A session leader of somebody else, with a child."""
    process = subprocess.Popen(FAMILY, cwd=tmp_path, start_new_session=True)
    wait_for(tmp_path / "child")
    yield process
    for pid, stat in sessions.processes():
        if stat.session == process.pid and pid != process.pid:
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()


def wait_for(path: Path) -> str:
    """Wait until a file appears; returns its text."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)
    return path.read_text()


def runs(pid: int) -> bool:
    """Tell whether a process lives."""
    stat = sessions.stat_of(pid)
    return stat is not None and stat.state not in "ZX"


def identity(pid: int, *, started_before: int = 0) -> Leader:
    """Who a process is; or, with ticks taken off its start, who had its number before."""
    stat = sessions.stat_of(pid)
    assert stat is not None
    return Leader(pid=pid, start_time=stat.start_time - started_before, boot_id=sessions.boot_id())


def test_the_leader_drains_while_its_children_serve_it_then_all_is_gone(
    start: Callable[[list[str]], Leader], tmp_path: Path
) -> None:
    """The stop signal goes to the leader alone."""
    leader = start(FAMILY)
    child = int(wait_for(tmp_path / "child"))

    sessions.end(leader, signal.SIGTERM, grace_s=10)

    assert (tmp_path / "drained").read_text() == "with child"
    assert not runs(leader.pid)
    assert not runs(child)


def test_a_program_that_ignores_its_stop_signal_is_killed_after_its_grace(
    start: Callable[[list[str]], Leader], tmp_path: Path
) -> None:
    """The grace is an upper limit: by itself it would end long after this test's own time."""
    deaf = (
        "import pathlib, signal, time; signal.signal(15, signal.SIG_IGN); pathlib.Path('deaf').touch(); time.sleep(600)"
    )
    leader = start(python(deaf))
    wait_for(tmp_path / "deaf")
    began = time.monotonic()

    sessions.end(leader, signal.SIGTERM, grace_s=0.5)

    assert time.monotonic() - began >= 0.5
    assert not runs(leader.pid)


def test_ending_what_is_already_gone_is_fine(start: Callable[[list[str]], Leader]) -> None:
    """Twice is as good as once."""
    leader = start(SLEEP)

    for _ in range(2):
        sessions.end(leader, signal.SIGKILL, grace_s=1)

    assert not sessions.is_alive(leader)


@pytest.mark.parametrize("change", ["start time", "boot"])
def test_who_got_the_number_later_is_never_signalled(
    stranger: subprocess.Popen[bytes], change: str, tmp_path: Path
) -> None:
    """Neither the process that has the number now nor the children in its session, whatever a proof says."""
    lost = identity(stranger.pid, started_before=7)
    if change == "boot":
        lost = replace(identity(stranger.pid), boot_id="00000000-0000-0000-0000-000000000000")

    sessions.end(lost, signal.SIGTERM, grace_s=0, proof=lambda pid: True)

    assert not sessions.is_alive(lost)
    assert not sessions.send(lost, signal.SIGKILL)
    assert runs(stranger.pid)
    assert runs(int((tmp_path / "child").read_text()))
    assert not (tmp_path / "drained").exists()


def test_children_of_a_lost_leader_are_ended_only_with_proof(
    start: Callable[[list[str]], Leader], tmp_path: Path
) -> None:
    """When the number is free, somebody else may have led a session of that number in between."""
    leader = start(FAMILY)
    child = int(wait_for(tmp_path / "child"))
    os.kill(leader.pid, signal.SIGKILL)
    os.waitpid(leader.pid, 0)

    sessions.end(leader, signal.SIGKILL, grace_s=0)
    assert runs(child)

    sessions.end(leader, signal.SIGKILL, grace_s=0, proof=lambda pid: pid == child)
    assert not runs(child)


def test_a_zombie_counts_as_gone_and_its_children_as_its_own(
    start: Callable[[list[str]], Leader], tmp_path: Path
) -> None:
    """An unreaped leader keeps its number, so its session needs no further proof."""
    leader = start(FAMILY)
    child = int(wait_for(tmp_path / "child"))
    os.kill(leader.pid, signal.SIGKILL)
    os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)

    assert not sessions.is_alive(leader)
    sessions.end(leader, signal.SIGKILL, grace_s=0)
    assert not runs(child)


def test_an_error_while_starting_leaves_nothing(tmp_path: Path) -> None:
    """Whatever goes wrong in the block, the whole session is killed."""

    def start_and_fail() -> None:
        with sessions.starting(FAMILY, environment={}, cwd=str(tmp_path), log_file=tmp_path / "log"):
            wait_for(tmp_path / "child")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_and_fail()

    assert processes_under(tmp_path) == []


def test_a_detached_program_has_nothing_of_ours(start: Callable[[list[str]], Leader], tmp_path: Path) -> None:
    """Own session, no input, output to a private log, no other open file, and private files by default."""
    report = """
        import os, pathlib, time
        # The listing itself holds one more.
        open_files = [os.readlink(f"/proc/self/fd/{n}") for n in "0123456789" if os.path.exists(f"/proc/self/fd/{n}")]
        text = f"{os.getsid(0) == os.getpid()} {open_files} {os.umask(0):o} {dict(os.environ)}"
        pathlib.Path("new").write_text(text)
        os.rename("new", "report")
        print("hello", flush=True)
        time.sleep(60)
    """
    (tmp_path / "log").write_text("before\n")
    kept_open = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(kept_open, True)

    leader = start(python(report))

    log = str(tmp_path / "log")
    assert wait_for(tmp_path / "report").startswith(f"True {['/dev/null', log, log]} 77 {{")
    sessions.end(leader, signal.SIGTERM, grace_s=5)
    assert (tmp_path / "log").read_text() == "before\nhello\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    os.close(kept_open)


def test_the_engines_own_variables_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The passphrase would open the state."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")

    environment = sessions.base_environment()

    assert environment["XDG_CACHE_HOME"] == "/somewhere"
    assert "PATH" in environment
    assert not {"PULUMI_CONFIG_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"} & environment.keys()
