"""The command line as a person meets it: what is said where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.doctor import examine
from providers.machine.ports import free_port
from stacks.targets import TARGETS

ROOT = Path(__file__).parents[2]


def trimaran(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "delivery.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(cwd), "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The command line in a directory of its own, without any state."""
    for folder in ("delivery", "stacks", "providers", "cost", "plan", "catalog"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "Pulumi.*.yaml"))
    for file in ("Pulumi.yaml", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["ups"], "No such command 'ups'. Did you mean 'up'?", "./trimaran --help"),
        (["up", "--fast"], "No such option: --fast", "./trimaran up --help"),
        (
            ["up", "cloudrun"],
            f"target 'cloudrun' is unknown. Known targets: {', '.join(TARGETS)}.",
            "./trimaran up local",
        ),
        (
            ["down", "locale"],
            f"target 'locale' is unknown. Known targets: {', '.join(TARGETS)}. Did you mean 'local'?",
            "./trimaran up local",
        ),
        (["logs", "--lines", "many"], "Invalid value for '--lines'", "./trimaran logs --help"),
        (
            ["serve", "--routes", "/nowhere.yaml"],
            "routes file '/nowhere.yaml' cannot be read: No such file",
            "leave --routes out",
        ),
    ],
)
def test_a_mistake_is_an_error_line_and_a_hint_line(arguments: list[str], error: str, hint: str) -> None:
    """On stderr, exit code 2, no traceback."""
    done = trimaran(*arguments)

    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 2)
    assert lines[0].startswith(f"error: {error}")
    assert lines[1] == f"hint: {hint}"


def test_the_version_is_the_projects() -> None:
    """On stdout, as data."""
    done = trimaran("--version")

    assert re.fullmatch(r"trimaran \d+\.\d+\.\d+\n", done.stdout)


def test_no_command_shows_the_help() -> None:
    """As a usage error, so that a script notices."""
    done = trimaran()

    assert done.returncode == 2
    assert "Usage: ./trimaran" in done.stdout
    assert "error" not in done.stderr


def test_nothing_deployed_is_no_error(copy: Path) -> None:
    """An empty list is an answer."""
    done = trimaran("status", "--json", cwd=copy)

    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        {"schema": "trimaran.status/1", "stack": None, "stacks": []},
    )


def test_a_bad_config_leaves_nothing_behind(copy: Path) -> None:
    """No state is made for a stack whose config cannot be used."""
    (copy / "stacks/environments/Pulumi.local.yaml").write_text("config: {trimaran:prot: 1}\n")

    done = trimaran("up", cwd=copy)

    assert done.returncode == 2
    assert done.stderr.startswith("error: config key 'trimaran:prot' is unknown. Did you mean 'port'?")
    assert not (copy / ".pulumi-state").exists()


def test_a_name_that_is_no_stack_makes_nothing(copy: Path) -> None:
    """Not even a lock, wherever the name would lead."""
    before = sorted(copy.rglob("*"))

    for name in ("../../x", "a/b", "local/", " "):
        assert trimaran("up", name, cwd=copy, PYTHONDONTWRITEBYTECODE="1").returncode == 2

    assert sorted(copy.rglob("*")) == before


def test_a_directory_that_cannot_be_written_is_one_sentence(copy: Path) -> None:
    """Here because a file is in its place."""
    (copy / ".trimaran").write_text("")

    done = trimaran("up", cwd=copy)

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {copy}/.trimaran/locks cannot be written: Not a directory.\nhint: ")


def test_a_taken_port_of_serve_is_refused_before_it_starts(copy: Path) -> None:
    """With another one in the hint, never taken silently."""
    import socket

    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        done = trimaran("serve", "--port", str(port), cwd=copy)

    assert done.returncode == 1
    assert re.match(rf"error: port {port} on 127.0.0.1 is taken by \S+ \(pid {os.getpid()}\)\.\n", done.stderr)
    assert re.search(r"hint: ./trimaran serve --port \d+\n", done.stderr)


def test_remedies_can_be_pasted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages are the administrator's to install."""
    monkeypatch.setenv("PATH", "")

    remedies = [each.remedy for each in examine(root) if "apt-get" in each.remedy]

    assert remedies
    assert all(each.startswith("sudo apt-get install ") for each in remedies)


def test_an_interrupt_is_told(copy: Path) -> None:
    """Whichever moment of whichever command it hits."""
    (copy / "delivery/doctor.py").write_text("raise KeyboardInterrupt\n")

    done = trimaran("doctor", cwd=copy)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: stopped.\n")


def test_an_unexpected_error_is_one_line_and_a_log(copy: Path) -> None:
    """A defect of ours never buries the terminal."""
    (copy / "delivery/doctor.py").write_text("raise RuntimeError('planted')\n")

    done = trimaran("doctor", cwd=copy)

    assert done.returncode == 1
    assert done.stderr.startswith("error: unexpected: RuntimeError: planted\nhint: the traceback is in ")
    assert "Traceback" in Path(done.stderr.strip().rpartition(" ")[2]).read_text()


def test_a_reader_that_leaves_is_no_error(copy: Path) -> None:
    """`./trimaran … | head -1` ends quietly."""
    done = subprocess.run(
        f"{sys.executable} -m delivery.cli --help | head -1",
        shell=True,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""


def test_a_pipe_gets_neither_colour_nor_wrapped_cells() -> None:
    """One row, one line."""
    done = trimaran("doctor", COLUMNS="40")

    assert "\x1b" not in done.stdout
    assert all(re.search(r"  +(ok|absent|missing)  +", line) for line in done.stdout.splitlines()[1:])


def test_doctor_fails_where_something_needed_is_missing() -> None:
    """Here everything that PATH brings; the table says what to do about each."""
    done = trimaran("doctor", "--json", PATH="")

    findings = {each["what"]: each for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert "error: missing: pulumi, Pulumi's Python host, nginx." in done.stderr
    assert findings["nginx"]["state"] == "missing"
    assert findings["nginx"]["remedy"]
    assert findings["redis-server"]["state"] == "absent"


@pytest.mark.parametrize("module", ["pulumi", "grpc", "aiohttp", "fastapi", "pydantic", "rich"])
def test_the_command_line_starts_light(module: str) -> None:
    """What a command does not need is not imported before it runs."""
    code = f"import sys, delivery.cli; sys.exit({module!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
