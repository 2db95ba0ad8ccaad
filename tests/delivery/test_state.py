"""The state on this machine: private, complete or not there, held by one command at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from delivery import state
from delivery.failure import Failure
from delivery.stack_file import StackFile


def lock_of(root: Path, pid: int, host: str) -> Path:
    lock = root / ".pulumi-state/.pulumi/locks/organization/trimaran/local/1.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": pid, "username": "me", "hostname": host, "timestamp": "2026-01-01T00:00:00Z"}))
    lock.with_name("1.json.attrs").write_text("{}")
    return lock


def a_dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_state_and_passphrase_are_the_users_alone(root: Path) -> None:
    """Nobody else may read what decrypts the secrets."""
    environment = state.prepare(root)

    passphrase = Path(environment["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert stat.S_IMODE(passphrase.stat().st_mode) == 0o600
    assert stat.S_IMODE(passphrase.parent.stat().st_mode) == 0o700
    assert environment["PULUMI_BACKEND_URL"] == (root / ".pulumi-state").as_uri()
    assert [path.name for path in passphrase.parent.iterdir()] == ["passphrase"]


def test_the_passphrase_is_made_once(root: Path) -> None:
    """A second command uses the first one's."""
    state.prepare(root)
    before = (root / ".pulumi-state/passphrase").read_text()

    state.prepare(root)

    assert (root / ".pulumi-state/passphrase").read_text() == before
    assert len(before) >= 40


def test_commands_at_once_agree_on_one_passphrase(root: Path) -> None:
    """Whoever is first; the others use it."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.map(state.prepare, [root] * 8)

    assert [path.name for path in (root / ".pulumi-state").iterdir()] == ["passphrase"]


def test_a_lost_passphrase_is_not_replaced_under_its_state(root: Path) -> None:
    """A new one could never read the old state."""
    stack = root / ".pulumi-state/.pulumi/stacks/trimaran/local.json"
    stack.parent.mkdir(parents=True)
    stack.write_text("{}")

    with pytest.raises(Failure, match="is gone, but the state beside it was encrypted with it"):
        state.prepare(root)


def test_a_config_tied_to_a_lost_passphrase_gets_a_new_one(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deleting the state directory is a way to start over."""
    file = StackFile(root=root, stack="local")
    file.path.write_text("config:\n  trimaran:port: 1\nencryptionsalt: v1:x\n")

    state.prepare(root)

    assert not file.has_salt()
    assert "gets a new one" in capsys.readouterr().err


def test_secrets_of_a_lost_passphrase_are_not_thrown_away(root: Path) -> None:
    """The user decides; and nothing half-made stays behind."""
    file = StackFile(root=root, stack="local")
    file.path.write_text("config:\n  trimaran:apiKeys: {secure: v1:a}\nencryptionsalt: v1:x\n")

    with pytest.raises(Failure, match="holds secrets encrypted with a passphrase that is gone"):
        state.prepare(root)

    assert not (root / ".pulumi-state/passphrase").exists()


def test_a_directory_that_cannot_be_made_is_one_sentence(root: Path) -> None:
    """Here because a file is in its place."""
    (root / ".pulumi-state").write_text("")

    with pytest.raises(Failure, match="cannot be written: "):
        state.prepare(root)


def test_a_second_change_of_a_stack_is_refused(root: Path) -> None:
    """And another stack is free."""
    with state.changing(root, "local"):
        with (
            pytest.raises(Failure, match="stack 'local' is being changed by another command"),
            state.changing(root, "local"),
        ):
            pass
        with state.changing(root, "other"):
            pass


def test_the_lock_of_a_killed_run_is_cleared(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its process is gone, on this machine: nobody else can be meant."""
    pid = a_dead_pid()
    lock = lock_of(root, pid, socket.gethostname())

    with state.changing(root, "local"):
        pass

    assert list(lock.parent.iterdir()) == []
    assert capsys.readouterr().err == f"cleared the lock of a run that was killed (pid {pid})\n"


def test_a_lock_whose_pid_went_to_another_program_is_cleared(root: Path) -> None:
    """Pids are used again."""
    lock = lock_of(root, os.getpid(), socket.gethostname())

    with state.changing(root, "local"):
        assert not lock.exists()


def wait_for_its_name(pid: int) -> None:
    """A process that was started this moment may not show its command line yet."""
    deadline = time.monotonic() + 60
    while not Path(f"/proc/{pid}/cmdline").read_bytes() and time.monotonic() < deadline:
        time.sleep(0.001)


def test_the_lock_of_a_running_engine_is_kept(root: Path, tmp_path: Path) -> None:
    """A Pulumi command that somebody runs by hand."""
    engine = tmp_path / "pulumi"
    engine.symlink_to("/bin/sleep")
    with subprocess.Popen([str(engine), "60"]) as process:
        lock = lock_of(root, process.pid, socket.gethostname())
        wait_for_its_name(process.pid)
        with pytest.raises(Failure, match=rf"another command \(pid {process.pid}\)"), state.changing(root, "local"):
            pass
        process.kill()

    assert lock.exists()


def test_the_lock_of_another_machine_is_kept(root: Path) -> None:
    """Whether it is still at work cannot be seen from here."""
    lock = lock_of(root, a_dead_pid(), "elsewhere")

    with pytest.raises(Failure, match=r"locked by pid \d+ on elsewhere") as raised, state.changing(root, "local"):
        pass

    assert lock.exists()
    assert "./trimaran pulumi cancel --stack local" in raised.value.hint


def test_a_lock_that_cannot_be_read_is_kept(root: Path) -> None:
    """Half-written or foreign: the user decides."""
    lock = lock_of(root, 1, "x")
    lock.write_text("{")

    with pytest.raises(Failure, match="cannot be read"), state.changing(root, "local"):
        pass

    assert lock.exists()
