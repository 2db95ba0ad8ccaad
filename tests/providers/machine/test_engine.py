"""The real Pulumi engine with this provider as its plugin: deploy, heal, replace, keep secrets, take down."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from providers.machine import ports, probe, proxy
from tests.providers.machine.conftest import SERVER, Engine, processes_under, python
from tests.providers.machine.test_proxy import Callers
from tests.providers.machine.test_sessions import FAMILY, runs, wait_for

SECRET = "sk-nobody-may-read-this"


@pytest.fixture
def app(tmp_path: Path) -> dict[str, Any]:
    """The arguments of a process that serves HTTP."""
    return {
        "command": python(SERVER, "{port}"),
        "cwd": str(tmp_path),
        "log_file": str(tmp_path / "app.log"),
        "ready_url": "http://127.0.0.1:{port}/",
        "stop_grace_s": 5,
    }


@pytest.fixture
def edge(free_port: int, tmp_path: Path) -> dict[str, Any]:
    """The arguments of a proxy in front of that process."""
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("nginx is not installed")
    return {
        "port": free_port,
        "directory": str(tmp_path / "nginx"),
        "upstreams": {"blue": "app"},
        "weights": {"blue": 100},
    }


def test_deploy_twice_heal_and_take_down(
    engine: Engine, app: dict[str, Any], edge: dict[str, Any], tmp_path: Path
) -> None:
    """A preview starts nothing, a second `up` changes nothing, a refresh notices a death, destroy leaves no process."""
    engine.want(app=app, edge=edge)
    engine.run("preview")
    assert processes_under(tmp_path) == []

    engine.up()
    first = engine.outputs()
    assert probe.get(first["edge"]["url"]).text == "hello"

    assert "3 unchanged" in engine.up("--refresh")

    os.kill(first["app"]["pid"], signal.SIGKILL)
    os.kill(first["edge"]["pid"], signal.SIGKILL)
    assert "2 created" in engine.up("--refresh")
    healed = engine.outputs()
    assert probe.get(healed["edge"]["url"]).text == "hello"
    assert healed["app"]["pid"] != first["app"]["pid"]

    engine.destroy()
    assert processes_under(tmp_path) == []
    assert ports.is_free("127.0.0.1", edge["port"])


def test_a_secret_stays_one(engine: Engine, app: dict[str, Any], tmp_path: Path) -> None:
    """Neither in the state, nor in what is printed, nor in a file; the program itself has it."""
    engine.want(app={**app, "secret_environment": {"ANSWER": SECRET}})

    printed = engine.run("preview", "--diff") + engine.up("--diff") + engine.run("refresh", "--yes", "--diff")
    state = engine.run("stack", "export")

    assert probe.get(engine.outputs()["app"]["url"]).text == SECRET
    for text in (printed, state, *(path.read_text(errors="replace") for path in tmp_path.rglob("*") if is_ours(path))):
        assert SECRET not in text
    assert "ciphertext" in state


def is_ours(path: Path) -> bool:
    """Everything that the engine and the provider wrote, except the test's own order."""
    return path.is_file() and path.name != "resources.json"


def test_a_failure_shows_why_and_keeps_the_secret(engine: Engine, app: dict[str, Any], tmp_path: Path) -> None:
    """The program's last words are shown, without what it must not say."""
    shout = python("import os; print('cannot use', os.environ['ANSWER']); raise SystemExit(4)")
    engine.want(app={**app, "command": shout, "secret_environment": {"ANSWER": SECRET}})

    printed = engine.up(fails=True)

    assert "exited with status 4" in printed
    assert "  | cannot use [secret]" in printed
    assert SECRET not in printed
    assert processes_under(tmp_path) == []


def test_a_changed_setting_replaces_the_process_without_a_failed_request(
    engine: Engine, app: dict[str, Any], edge: dict[str, Any]
) -> None:
    """The new one is ready and has the traffic before the old one ends."""
    engine.want(app=app, edge=edge)
    engine.up()
    first = engine.outputs()["app"]["pid"]

    with Callers(url := engine.outputs()["edge"]["url"]) as callers:
        engine.want(app={**app, "environment": {"ANSWER": "new"}}, edge=edge)
        engine.up()

    assert callers.failures == []
    assert callers.answers.keys() == {"hello", "new"}
    assert probe.get(url).text == "new"
    assert not runs(first)


def test_stop_settings_change_in_place(engine: Engine, app: dict[str, Any]) -> None:
    """The process goes on."""
    engine.want(app=app)
    engine.up()
    first = engine.outputs()["app"]["pid"]

    engine.want(app={**app, "stop_grace_s": 7})

    assert "1 updated" in engine.up()
    assert engine.outputs()["app"]["pid"] == first


def test_a_split_moved_by_a_promotion_stays(
    engine: Engine, app: dict[str, Any], edge: dict[str, Any], tmp_path: Path
) -> None:
    """`up` adds green at 0; after the split was moved it shows no change, and a later change does not move it back."""
    edge = {**edge, "ignore_changes": ["weights"], "weights": {"blue": 100, "green": 0}}
    edge["upstreams"] = {"blue": "app", "green": "green"}
    engine.want(app=app, green=app, edge=edge)
    engine.up()

    proxy.set_weights(tmp_path / "nginx", {"blue": 5, "green": 95})
    assert "unchanged" in engine.up("--refresh", "--expect-no-changes")
    proxy.set_weights(tmp_path / "nginx", {"blue": 0, "green": 100})
    engine.want(app=app, green=app, edge={**edge, "test_upstream": "green"})
    engine.up()

    assert proxy.read_weights(tmp_path / "nginx") == {"blue": 0, "green": 100}
    assert engine.outputs()["edge"]["weights"] == {"blue": 0, "green": 100}


def test_another_port_makes_the_proxy_anew(engine: Engine, app: dict[str, Any], edge: dict[str, Any]) -> None:
    """The old one lets go of its folder first; the app goes on."""
    engine.want(app=app, edge=edge)
    engine.up()
    first = engine.outputs()

    engine.want(app=app, edge={**edge, "port": ports.free_port()})
    assert "1 replaced" in engine.up()

    after = engine.outputs()
    assert probe.get(after["edge"]["url"]).text == "hello"
    assert after["app"] == first["app"]
    assert ports.is_free("127.0.0.1", edge["port"])


def test_a_taken_port_fails_the_deployment_with_a_hint(
    engine: Engine, app: dict[str, Any], edge: dict[str, Any]
) -> None:
    """The process that was started for it is in the state, so that the next `up` goes on from there."""
    engine.want(squatter={**app, "port": edge["port"]})
    engine.up()

    engine.want(squatter={**app, "port": edge["port"]}, app=app, edge=edge)
    printed = engine.up(fails=True)

    assert f"port {edge['port']} on 127.0.0.1 is already in use by python" in printed
    assert "hint: choose another with: ./trimaran pulumi config set trimaran:port " in printed


def test_ctrl_c_leaves_nothing(engine: Engine, app: dict[str, Any], tmp_path: Path) -> None:
    """Neither a program that was on its way, nor a long wait."""
    engine.want(app={**app, "command": FAMILY, "ready_timeout_s": 600})
    up = subprocess.Popen(
        engine.command("up", "--yes", "--skip-preview"),
        cwd=engine.directory,
        env=engine.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_for(tmp_path / "child")

    # As a terminal does: to the whole foreground group.
    os.killpg(up.pid, signal.SIGINT)
    printed, _ = up.communicate(timeout=120)

    assert up.returncode != 0
    assert "Traceback" not in printed
    assert processes_under(tmp_path) == []
    json.loads(engine.run("stack", "export"))
