"""What the commands make of the engine: its environment, its events, its failures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from delivery.engine import Deployment, Event, PulumiEngine, engine_for, environment_for
from delivery.failure import ExitCode, Failure, Interrupted
from delivery.platforms.targets import platform_of

STACK_URN = "urn:pulumi:local::trimaran::pulumi:pulumi:Stack::trimaran-local"


def error(message: str, urn: str | None = STACK_URN) -> Event:
    diagnostic = {"severity": "error", "message": message}
    return {"diagnosticEvent": diagnostic | ({"urn": urn} if urn else {})}


@pytest.fixture
def scripted(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine that is a small program on PATH which prints what a test tells it to."""

    def make(events: list[Event], *, said: str = "", body: str = "", status: int = 0) -> PulumiEngine:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        lines = "".join(f"print({json.dumps(json.dumps(each))}, flush=True)\n" for each in events)
        program = folder / "pulumi"
        program.write_text(
            f"#!{sys.executable}\nimport os, signal, sys, time\n{lines}{body}\nsys.stderr.write({said!r})\nsys.exit({status})\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return PulumiEngine(root=root, stack="local", platform=platform_of("local"), environment=dict(os.environ))

    return make


def failure_of(engine: PulumiEngine) -> Failure:
    with pytest.raises(Failure) as raised:
        engine.change("up", lambda _: None)
    return raised.value


def test_events_are_handed_on_and_kept(scripted: Any, root: Path) -> None:
    """What is no event is not; the log has all of it."""
    seen: list[Event] = []
    engine = scripted([{"sequence": 0}, {"sequence": 1}], body="print('remark')")

    assert engine.change("up", seen.append) == seen == [{"sequence": 0}, {"sequence": 1}]
    assert "remark" in (root / ".trimaran/logs/local/up.jsonl").read_text()


def test_a_failure_with_a_hint_is_told_before_others(scripted: Any) -> None:
    """The engine adds errors of its own; ours says what to do."""
    failure = failure_of(
        scripted([error("program exited with 1", None), error("port is wrong.\nhint: set it\n")], status=255)
    )

    assert (failure.sentence, failure.hint, failure.exit_code) == ("port is wrong.", "set it", ExitCode.USAGE)


def test_a_failed_resource_is_no_usage_error(scripted: Any) -> None:
    """The config was good; something on the machine was not."""
    failure = failure_of(
        scripted([error("no start\nhint: look", "urn:pulumi:local::trimaran::machine:index:Process::app")], status=1)
    )

    assert (failure.sentence, failure.exit_code) == ("no start", ExitCode.FAILED)


def test_a_failure_without_events_is_what_the_engine_printed(scripted: Any, root: Path) -> None:
    """Without its remarks."""
    said = "warning: using pulumi-language-python from $PATH at x\nerror: no such thing\n"

    failure = failure_of(scripted([], said=said, status=1))

    assert failure.sentence == "no such thing"
    assert failure.hint == f"the whole story is in {root}/.trimaran/logs/local/up.jsonl"


def test_the_engines_own_lock_is_the_same_sentence(scripted: Any) -> None:
    """Two at once, one of them by hand."""
    failure = failure_of(scripted([], said="error: the stack is currently locked by 1 lock(s).", status=1))

    assert failure.sentence == "stack 'local' is being changed by another command."


def test_a_killed_engine_is_named(scripted: Any) -> None:
    """Not an exit code that nobody knows."""
    failure = failure_of(scripted([], body="os.kill(os.getpid(), signal.SIGKILL)"))

    assert failure.sentence == "the engine was killed (SIGKILL)."


def test_an_interrupt_reaches_the_engine_once(scripted: Any, root: Path) -> None:
    """It ends in its own time; the command ends with 130."""
    engine = scripted(
        [],
        body="""
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print('{}', flush=True)
signal.sigwait({signal.SIGINT})
print('{"interrupts": 1}', flush=True)
if signal.sigtimedwait({signal.SIGINT}, 1):
    print('{"interrupts": 2}', flush=True)
""",
    )
    seen: list[Event] = []

    def interrupt() -> None:
        while not seen:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Interrupted) as raised:
        engine.change("up", seen.append)
    thread.join()

    assert raised.value.exit_code == 130
    assert seen == [{}, {"interrupts": 1}]


def test_an_interrupt_while_the_engine_starts_reaches_it_too(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on behind the back of a command that has stopped."""
    engine = scripted([], body="time.sleep(600)")
    real, started = subprocess.Popen, []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        started.append(real(*arguments, **options))
        os.kill(os.getpid(), signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    try:
        with pytest.raises(Interrupted, match="stopped"):
            engine.change("up", lambda _: None)
        assert started[0].poll() is not None
    finally:
        started[0].kill()
        started[0].wait()


def test_an_event_longer_than_a_read_is_whole(scripted: Any) -> None:
    """The follower never cuts a line."""
    events = scripted([{"text": "x" * 300_000}, {"sequence": 1}]).change("up", lambda _: None)

    assert [len(each.get("text", "")) for each in events] == [300_000, 0]


def test_a_deployment_is_what_the_state_holds() -> None:
    """The stack and the providers are no resources."""
    exported = {
        "resources": [
            {"type": "pulumi:pulumi:Stack", "outputs": {"url": "u"}},
            {"type": "pulumi:providers:machine"},
            {"type": "machine:index:Process"},
        ],
        "pending_operations": [{}],
    }

    assert Deployment.of(exported) == Deployment(outputs={"url": "u"}, resources=1, interrupted=1)
    assert Deployment.of({}) == Deployment(outputs={}, resources=0, interrupted=0)


def test_local_keeps_its_state_here(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever backend and passphrase the user has for other things."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://theirs")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "theirs")

    environment = environment_for(root, platform_of("local"))

    assert environment["PULUMI_BACKEND_URL"] == (root / ".pulumi-state").as_uri()
    assert "PULUMI_CONFIG_PASSPHRASE" not in environment


@pytest.mark.parametrize("backend", ["file:///tmp/state", "file://~"])
def test_a_cloud_refuses_a_local_state(root: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """It would be lost with the machine and doubled by CI."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", backend)

    with pytest.raises(Failure, match="would keep its state in a local directory") as raised:
        environment_for(root, platform_of("aws-ecs"))

    assert raised.value.hint.startswith("./trimaran pulumi login s3://")


@pytest.mark.parametrize(
    ("credentials", "outcome"),
    [(None, "you are not logged in"), ('{"current": "file:///x"}', "local directory"), ("{", "you are not logged in")],
)
def test_a_cloud_wants_a_login(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, credentials: str | None, outcome: str
) -> None:
    """Said before the engine asks for a password."""
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    if credentials is not None:
        (tmp_path / "credentials.json").write_text(credentials)

    with pytest.raises(Failure, match=outcome):
        environment_for(root, platform_of("aws-ecs"))


def test_a_cloud_uses_the_users_login(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves it as it is."""
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    (tmp_path / "credentials.json").write_text('{"current": "s3://bucket"}')

    assert "PULUMI_BACKEND_URL" not in environment_for(root, platform_of("aws-ecs"))
    assert not (root / ".pulumi-state").exists()


def test_an_unknown_target_is_named_before_anything_else(root: Path) -> None:
    """Not as a log-in that is missing."""
    with pytest.raises(Failure, match=r"target 'locla' is unknown\. Known targets: local, .*\. Did you mean 'local'"):
        engine_for(root, "locla")


def test_no_pulumi_is_one_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the wrapper brings it."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(Failure, match="the Pulumi command line is not on PATH"):
        engine_for(root, "local").deployment()


def test_the_command_outlives_a_closed_terminal(scripted: Any, root: Path) -> None:
    """The engine writes into a file: a reader that dies does not end it half-way."""
    engine = scripted([{"sequence": 0}], body="time.sleep(0.5)\nopen('done', 'w').close()")
    code = f"import os; from pathlib import Path; from delivery.engine import PulumiEngine; from delivery.platforms.targets import platform_of; PulumiEngine(root=Path({str(root)!r}), stack='local', platform=platform_of('local'), environment=dict(os.environ)).change('up', lambda e: os._exit(1))"

    subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=dict(engine.environment), check=False
    )
    deadline = time.monotonic() + 60
    while not (root / "done").exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert (root / "done").exists()
