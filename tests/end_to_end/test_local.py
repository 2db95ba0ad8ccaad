"""The target `local` for real: the real engine deploys the app and its model, and a person talks to them.

The tests share one deployment and run in order.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import threading
import time
import urllib.error
from collections.abc import Iterator

import pytest

from providers.machine.ports import free_port
from tests.end_to_end.scratch import Scratch, copy_tree

pytestmark = pytest.mark.alone  # one stack for all of them, in their order; processes are killed and awaited

KEY = f"sk-{secrets.token_hex(16)}"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """The stack `local` of a copy of the tree, up; down again at the end, with nothing left."""
    scratch = copy_tree(tmp_path_factory.mktemp("tree"), free_port())
    try:
        scratch.run("up")
        yield scratch
        scratch.run("down")
    finally:
        scratch.end()


def test_the_model_answers(local: Scratch) -> None:
    """A real model wrote this text."""
    content = json.loads(local.chat(temperature=0))["content"]

    assert re.search(r"[A-Za-z]{3}", content)


def test_the_answer_streams(local: Scratch) -> None:
    """Event by event through the proxy, to the end."""
    events = [
        line for line in local.chat(stream=True, temperature=0).decode().split("\n\n") if line.startswith("data: ")
    ]

    assert len(events) > 3
    assert events[-1] == "data: [DONE]"
    assert (
        "".join(json.loads(event[6:])["content"] for event in events[:-1])
        == json.loads(local.chat(temperature=0))["content"]
    )


def test_a_second_up_changes_nothing(local: Scratch) -> None:
    """It says so, and the printed line works when it is pasted."""
    pid = local.app_pid()

    done = local.run("up")

    assert done.stdout.startswith(f"no changes\n\nlocal answers at http://127.0.0.1:{local.port}\n")
    assert local.app_pid() == pid
    pasted = subprocess.run(["bash", "-c", curl_line(done.stdout)], capture_output=True, text=True, check=True)
    assert json.loads(pasted.stdout)["content"]


def test_a_pulumi_of_ones_own_does_the_same(local: Scratch) -> None:
    """The page's lines, pasted, with nothing else set: they find the same state, and nothing to change in it."""
    page = (local.root / "docs/targets/local.md").read_text()
    [lines] = [block for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) if "pulumi up -s local" in block]
    pid = local.app_pid()
    environment = {key: value for key, value in local.environment.items() if key != "PYTHONPATH"}

    done = subprocess.run(
        ["bash", "-ec", lines],
        cwd=local.root,
        env={**environment, "PULUMI_SKIP_CONFIRMATIONS": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Resources:\s+3 unchanged", done.stdout)
    assert local.app_pid() == pid


def test_status_and_logs_know_it(local: Scratch) -> None:
    """What runs, and what it wrote."""
    status = local.status()

    assert (status["url"], status["health"], status["split"]) == (
        f"http://127.0.0.1:{local.port}",
        "ready",
        {"blue": 100, "green": 0},
    )
    assert local.run("logs", "--lines", "3").stdout.count("\n") == 3


def test_up_heals_what_was_killed(local: Scratch) -> None:
    """The refresh finds it gone; a new one takes its place behind the same address."""
    before = local.status()
    os.kill(local.app_pid(), signal.SIGKILL)
    assert local.status()["health"] == "unreachable"

    done = local.run("up")

    assert "was gone" in done.stderr
    assert local.status() == before
    assert json.loads(local.chat())["content"]


def test_a_changed_setting_replaces_the_app_without_a_failed_request(local: Scratch) -> None:
    """A client that keeps calling, each time on a new connection, sees nothing of it."""
    before, pid = local.status()["revision"], local.app_pid()
    local.run(
        "pulumi", "config", "set", "--path", "trimaran:settings.systemPrompt", "Answer in one word.", "--stack", "local"
    )

    with Callers(local) as callers:
        done = local.run("up")

    assert re.search(r"\+ app-\w+ created.*\n.*proxy updated.*\n.*- app-\w+ deleted", done.stderr)
    after = local.status()["revision"]
    assert pid not in {each.pid for each in local.processes()}
    assert callers.failures == []
    assert (callers.revisions[0], callers.revisions[-1], set(callers.revisions)) == (before, after, {before, after})
    assert before != after


def test_a_bad_setting_leaves_the_running_app_alone(local: Scratch) -> None:
    """A model that is not here is one sentence, and the old one goes on answering."""
    config = local.root / "stacks/environments/Pulumi.local.yaml"
    good, before = config.read_text(), local.status()
    config.write_text(good.replace("smollm2-135m-instruct", "smolm2"))

    done = local.run("up", status=2)

    config.write_text(good)
    assert re.search(
        r"error: trimaran:settings.model 'smolm2' is not a model this machine can run\..*\nhint: ", done.stderr
    )
    assert "Traceback" not in done.stderr
    assert local.status() == before


def test_a_key_is_wanted_and_kept_secret(local: Scratch) -> None:
    """It is nowhere on disk in plain text, and the printed line reads it from where it lives."""
    local.run("pulumi", "config", "set", "--secret", "trimaran:apiKeys", f"me={KEY}", "--stack", "local")

    done = local.run("up")

    with pytest.raises(urllib.error.HTTPError, match="401"):
        local.chat()
    assert json.loads(local.chat(key=KEY))["content"]
    assert KEY not in done.stdout + done.stderr
    assert files_with(local, KEY) == []
    stand_in = " ".join(local.command()) + " "
    pasted = subprocess.run(
        ["bash", "-c", curl_line(done.stdout).replace("./trimaran ", stand_in).replace("100", "4")],
        cwd=local.root, env=local.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(pasted.stdout)["content"]


def test_a_taken_port_starts_nothing(local: Scratch) -> None:
    """Another stack on the same port: one sentence, which names the holder, and a command that mends it as it is typed."""
    running = len(local.processes())
    configure(local, "local-dev", local.port)

    done = local.run("up", "local-dev", status=1)

    assert re.search(rf"error: port {local.port} on 127.0.0.1 is taken by nginx \(pid \d+\)\.\nhint: ", done.stderr)
    assert len(local.processes()) == running
    assert not list((local.root / ".pulumi-state").rglob("local-dev.json"))
    local.run(*done.stderr.rpartition("or: ./trimaran ")[2].split())
    written = (local.root / "stacks/environments/Pulumi.local-dev.yaml").read_text()
    assert f"trimaran:port: {local.port}\n" not in written
    assert "trimaran:port: " in written


def test_an_app_that_never_gets_ready_leaves_nothing_running(local: Scratch) -> None:
    """Its routes name a backend that there is no adapter for."""
    running = len(local.processes())
    (local.root / "bad.yaml").write_text(
        "version: 1\nbackends: {x: {adapter: nothing}}\nmodels: {m: {backends: [{use: x}]}}\n"
    )
    configure(local, "local-dev", free_port(), "  trimaran:routes: bad.yaml\n")

    done = local.run("up", "local-dev", status=1)

    assert done.stderr.count("error: ") == 1
    assert "hint: " in done.stderr
    assert len(local.processes()) == running
    assert local.run("down", "local-dev").stdout == "nothing is running\n"


def test_two_at_once_are_one(local: Scratch) -> None:
    """The second is refused with a sentence."""
    first, second = local.start("up"), local.start("up")
    said = first.communicate(timeout=60)[1] + second.communicate(timeout=60)[1]

    assert sorted((first.returncode, second.returncode)) == [0, 1]
    assert said.count("error: stack 'local' is being changed by another command.\nhint: ") == 1


def test_a_killed_engine_is_cleared_up_after(local: Scratch) -> None:
    """In the middle of the first `up`: no process stays, the next command goes on from there."""
    configure(local, "local-dev", free_port())
    running = {each.pid for each in local.processes()}
    (local.root / ".trimaran/logs/local-dev/up.jsonl").unlink(missing_ok=True)
    command = local.start("up", "local-dev")
    kill_engine_once_it_creates(local, "local-dev")

    said = command.communicate(timeout=60)[1]

    assert command.returncode == 1
    assert "error: the engine was killed (SIGKILL).\nhint: " in said
    assert_ends_with(local, running)
    assert "created" in local.run("up", "local-dev").stderr
    assert local.status("local-dev")["health"] == "ready"
    assert local.run("down", "local-dev").stdout == "stack local-dev is down\n"
    assert_ends_with(local, running)


def test_ctrl_c_stops_in_order(local: Scratch) -> None:
    """In the middle of the first `up`: 130, one line, nothing left."""
    configure(local, "local-dev", free_port())
    running = {each.pid for each in local.processes()}
    (local.root / ".trimaran/logs/local-dev/up.jsonl").unlink(missing_ok=True)
    command = local.start("up", "local-dev")
    wait_for_creation(local, "local-dev")
    command.send_signal(signal.SIGINT)

    said = command.communicate(timeout=60)[1]

    assert command.returncode == 130
    assert "error: stopped.\n" in said
    assert "Traceback" not in said
    assert_ends_with(local, running)


def test_down_leaves_no_process(local: Scratch) -> None:
    """And the config stays for the next `up`."""
    assert local.run("down").stdout == "stack local is down\n"

    assert_ends_with(local, set())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", local.port)) != 0
    assert local.run("down").stdout == "nothing is running\n"
    assert (local.root / "stacks/environments/Pulumi.local.yaml").exists()


class Callers:
    """Clients that call without a pause while the block runs, from before it begins until after it has ended."""

    def __init__(self, local: Scratch) -> None:
        self.local = local
        self.revisions: list[str] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(3)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        self._wait_for_answers()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait_for_answers()
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _wait_for_answers(self) -> None:
        """Until each has called once more."""
        enough, deadline_s = len(self.revisions) + 2 * len(self._threads), time.monotonic() + 60
        while len(self.revisions) < enough and not self.failures and time.monotonic() < deadline_s:
            time.sleep(0.05)

    def _call(self) -> None:
        while not self._stop.is_set():
            try:
                self.revisions.append(self.local.revision_that_answers())
            except (OSError, ValueError) as error:
                self.failures.append(repr(error))


def curl_line(report: str) -> str:
    """The first command of what `up` printed."""
    return next(line.strip() for line in report.splitlines() if line.startswith("  curl "))


def configure(local: Scratch, stack: str, port: int, more: str = "") -> None:
    file = local.root / f"stacks/environments/Pulumi.{stack}.yaml"
    salt = (
        [line for line in file.read_text().splitlines() if line.startswith("encryptionsalt")] if file.exists() else []
    )
    file.write_text("\n".join([f"config:\n  trimaran:port: {port}\n{more}", *salt, ""]))


def wait_for_creation(local: Scratch, stack: str) -> None:
    """Until the engine has begun to make the app."""
    log = local.root / f".trimaran/logs/{stack}/up.jsonl"
    deadline_s = time.monotonic() + 120
    while not (log.exists() and re.search(r'"resourcePreEvent".*machine:index:Process', log.read_text())):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def kill_engine_once_it_creates(local: Scratch, stack: str) -> None:
    wait_for_creation(local, stack)
    time.sleep(0.2)
    engines = [each for each in local.processes() if each.name() == "pulumi" and stack in each.cmdline()]
    assert len(engines) == 1
    engines[0].send_signal(signal.SIGKILL)


def assert_ends_with(local: Scratch, pids: set[int]) -> None:
    """Soon only these processes run out of the copy."""
    deadline_s = time.monotonic() + 60
    while {each.pid for each in local.processes()} != pids:
        assert time.monotonic() < deadline_s, [each.cmdline() for each in local.processes() if each.pid not in pids]
        time.sleep(0.1)


def files_with(local: Scratch, text: str) -> list[str]:
    files = [path for path in local.root.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [str(path) for path in files if text.encode() in path.read_bytes()]
