"""A `Process`: made once it is ready, known again later, ended with all it started, and silent about secrets."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plan.tokens import UNKNOWN
from providers.machine import ports, probe, process
from providers.machine.values import MachineError, Properties
from tests.providers.machine.conftest import Upstream, never, processes_under, python
from tests.providers.machine.test_sessions import FAMILY, identity, runs, wait_for
from tests.providers.machine.test_values import secret

URN = "urn:pulumi:test::project::machine:index:Process::app"
PLACES = {"cwd": "/", "log_file": "/tmp/log"}

Wanted = Callable[..., Properties]


def failure(inputs: Properties, cancelled: Callable[[], bool] = never) -> str:
    """The message of a create that must fail."""
    with pytest.raises(MachineError) as caught:
        process.create(URN, inputs, cancelled)
    return str(caught.value)


def test_a_process_is_made_once_it_is_ready_and_deleted_with_its_session(wanted: Wanted) -> None:
    """The outputs say where it is and who it is."""
    resource_id, outputs = process.create(URN, wanted(environment={"ANSWER": "port {port}"}), never)

    assert probe.get(outputs["url"]).text == f"port {outputs['port']}"
    assert outputs["pid"] == ports.listener(outputs["port"])
    assert identity(outputs["pid"]).start_time == outputs["start_time"]

    process.delete(resource_id, outputs)
    assert not runs(outputs["pid"])
    process.delete(resource_id, outputs)


def test_an_early_exit_names_program_status_log_and_last_lines(wanted: Wanted, tmp_path: Path) -> None:
    """Only lines of this start count; a log holds earlier ones too."""
    (tmp_path / "app.log").write_text("from yesterday\n")
    noisy = python("import sys\nfor n in range(20): print('line', n)\nsys.exit(3)")

    message = failure(wanted(command=noisy))

    assert message.startswith(f"{noisy[0]} exited with status 3 after ")
    assert f"log: {tmp_path / 'app.log'}" in message
    assert message.splitlines()[2:] == [f"  | line {n}" for n in range(10, 20)]


def test_an_end_by_a_signal_is_named(wanted: Wanted) -> None:
    """A crash reads differently from an exit."""
    message = failure(wanted(command=python("import os; os.kill(os.getpid(), 11)")))

    assert "was ended by SIGSEGV" in message


def test_not_ready_in_time_tells_the_last_answer_and_leaves_nothing(
    wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole session is stopped, whatever the program thinks of SIGTERM."""
    limit_s, real = 600.0, probe.get

    def get(url: str) -> probe.Reply:
        """Once the program has answered, its time is over."""
        reply = real(url)
        if reply.status == 503:
            late_s = time.monotonic() + limit_s + 1
            monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: late_s, sleep=time.sleep))
        return reply

    monkeypatch.setattr(probe, "get", get)
    message = failure(wanted(ready_url="http://127.0.0.1:{port}/broken", ready_timeout_s=limit_s))

    assert "was not ready after 600 s: http://127.0.0.1:" in message
    assert "/broken answered 503." in message
    assert processes_under(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"command": ["no-such-program"]}, "could not start: No such file or directory (no-such-program)"),
        ({"cwd": "/no/such/folder"}, "could not start: the working directory /no/such/folder does not exist"),
        ({"log_file": "/proc/nowhere/log"}, "could not start: No such file or directory"),
    ],
)
def test_what_cannot_start_says_why(wanted: Wanted, change: Properties, expected: str) -> None:
    """A missing program, folder or log is told apart."""
    assert expected in failure(wanted(**change))


def test_a_cancelled_create_leaves_nothing(wanted: Wanted, tmp_path: Path) -> None:
    """Ctrl-C does not wait for readiness and not for a polite end."""
    message = failure(wanted(command=FAMILY), lambda: (tmp_path / "child").exists())

    assert "the deployment was cancelled" in message
    assert processes_under(tmp_path) == []
    assert not (tmp_path / "drained").exists()


def test_a_secret_is_in_the_environment_only(wanted: Wanted, tmp_path: Path) -> None:
    """Not in the error, not on a command line, and still wrapped in the outputs."""
    hidden = {"API_KEYS": secret("ci=sk-very-secret"), "OPEN": "visible"}
    shout = python(
        "import os; print('refused', os.environ['API_KEYS'].split('=')[1], os.environ['OPEN']); raise SystemExit(1)"
    )

    message = failure(wanted(command=shout, environment=hidden))
    resource_id, outputs = process.create(URN, wanted(environment=hidden), never)

    assert "refused [secret] visible" in message
    assert outputs["environment"] == hidden
    assert b"sk-very-secret" not in Path(f"/proc/{outputs['pid']}/cmdline").read_bytes()
    assert b"API_KEYS=ci=sk-very-secret" in Path(f"/proc/{outputs['pid']}/environ").read_bytes()
    process.delete(resource_id, outputs)


def test_a_lost_race_for_the_port_takes_another(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when whoever took it answers 200 where readiness is asked."""
    first_id, first = process.create(URN, wanted(), never)
    offers = iter([first["port"], first["port"], ports.free_port()])
    monkeypatch.setattr(ports, "free_port", lambda: next(offers))

    second_id, second = process.create(URN, wanted(environment={"ANSWER": "second"}), never)

    assert probe.get(second["url"]).text == "second"
    process.delete(first_id, first)
    process.delete(second_id, second)


def test_losing_the_port_again_and_again_is_an_error(
    wanted: Wanted, upstreams: dict[str, Upstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tries are bounded."""
    monkeypatch.setattr(ports, "free_port", lambda: upstreams["blue"].server_port)

    assert "lost 5 free ports in a row" in failure(wanted())


def test_a_living_process_is_read_as_it_is(wanted: Wanted) -> None:
    """Nothing changes by looking."""
    inputs = wanted()
    resource_id, outputs = process.create(URN, inputs, never)

    found = process.read(resource_id, inputs, outputs)

    assert found is not None
    assert (found.inputs, found.outputs) == (inputs, outputs)
    process.delete(resource_id, outputs)


def test_a_killed_process_is_read_as_gone_and_its_leftovers_are_ended(wanted: Wanted, tmp_path: Path) -> None:
    """Even once its number is free again, its children are known by their mark."""
    resource_id, outputs = process.create(URN, wanted(command=FAMILY, ready_url=""), never)
    child = int(wait_for(tmp_path / "child"))
    os.kill(outputs["pid"], signal.SIGKILL)
    os.waitpid(outputs["pid"], 0)

    assert process.read(resource_id, {}, outputs) is None

    assert not runs(child)


def test_a_reused_number_is_read_as_gone_and_not_killed(wanted: Wanted) -> None:
    """The state knows an earlier process of that number."""
    resource_id, outputs = process.create(URN, wanted(), never)
    earlier = {**outputs, "start_time": outputs["start_time"] - 1}

    assert process.read(resource_id, {}, earlier) is None
    process.delete(resource_id, earlier)

    assert runs(outputs["pid"])
    process.delete(resource_id, outputs)


def test_delete_waits_for_the_grace_of_the_state(wanted: Wanted, tmp_path: Path) -> None:
    """An update in place of the stop settings is what the delete goes by."""
    inputs = wanted(command=FAMILY, ready_url="", stop_signal="SIGKILL")
    resource_id, outputs = process.create(URN, inputs, never)
    wait_for(tmp_path / "child")
    updated = process.update(URN, outputs, inputs, {**inputs, "stop_signal": "SIGTERM", "stop_grace_s": 10}, never)

    process.delete(resource_id, updated)

    assert updated["pid"] == outputs["pid"]
    assert (tmp_path / "drained").read_text() == "with child"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("command", [], "must be a list of words"),
        ("command", "python", "must be a list of words"),
        ("command", ["./app"], "relative path"),
        ("command", ["app", secret("key")], "holds a secret"),
        ("cwd", "relative", "must be an absolute path"),
        ("log_file", None, "must be an absolute path"),
        ("environment", {"A": 1.0}, "must map A to text"),
        ("environment", {"A=B": "x"}, "not a variable's"),
        ("environment", ["A=B"], "must map names to text"),
        ("ready_url", "https://x", "must start with http://"),
        ("ready_timeout_s", -1.0, "0 or more"),
        ("stop_grace_s", "soon", "0 or more"),
        ("stop_signal", "TERM", "the name of a signal"),
        ("port", 70000.0, "from 0 (any free port) to 65535"),
        ("port", 80.5, "from 0 (any free port) to 65535"),
        ("ports", 80.0, "is not an input of a Process"),
    ],
)
def test_check_names_the_wrong_input(name: str, value: Any, problem: str) -> None:
    """One clear sentence each."""
    _, failures = process.check({"command": ["app"], **PLACES, name: value})

    assert [(failed, problem in reason) for failed, reason in failures] == [(name, True)]


def test_check_lets_unknown_values_through_and_fills_defaults() -> None:
    """A preview does not know what other resources will say."""
    unknown = {"command": ["app", UNKNOWN], "cwd": UNKNOWN, "log_file": UNKNOWN, "environment": {"A": UNKNOWN}}

    inputs, failures = process.check({**unknown, "port": UNKNOWN})

    assert failures == []
    assert inputs == {**process.DEFAULTS, **unknown, "port": UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "anew", "in_place"),
    [
        ({}, [], []),
        ({"command": ["other"]}, ["command"], []),
        ({"environment": {"A": UNKNOWN}}, ["environment"], []),
        ({"environment": {"A": secret("b")}}, [], ["environment"]),
        ({"port": 1}, ["port"], []),
        ({"stop_grace_s": 1, "ready_url": "http://x"}, [], ["ready_url", "stop_grace_s"]),
    ],
)
def test_what_makes_another_program_needs_a_new_process(
    changes: Properties, anew: list[str], in_place: list[str]
) -> None:
    """How it is waited for or stopped does not."""
    old, _ = process.check({"command": ["app"], **PLACES, "environment": {"A": "b"}})

    change = process.diff(old, {**old, **changes})

    assert (change.anew, change.in_place, change.delete_first) == (anew, in_place, False)


def test_two_processes_cannot_share_a_fixed_port_so_the_old_one_ends_first() -> None:
    """With a port of the provider's choice the new one comes first."""
    old, _ = process.check({"command": ["app"], **PLACES, "port": 8000})

    assert process.diff(old, {**old, "command": ["other"]}).delete_first
    assert not process.diff(old, {**old, "port": 8001}).delete_first


def test_preview_foretells_what_is_known(wanted: Wanted, tmp_path: Path) -> None:
    """And starts nothing."""
    fresh = process.preview(wanted(), None)
    fixed = process.preview(wanted(port=8000), None)

    assert [fresh[name] for name in ("pid", "port", "url")] == [UNKNOWN] * 3
    assert [fixed[name] for name in ("pid", "port", "url")] == [UNKNOWN, 8000, "http://127.0.0.1:8000"]
    assert process.preview(wanted(), {**fixed, "pid": 7})["pid"] == 7
    assert processes_under(tmp_path) == []
