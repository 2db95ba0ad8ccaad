"""The real set-up in a fresh clone, with nothing on PATH but Python and the plain programs of a system."""

import re
import subprocess

import pytest

from tests.tools.conftest import Clone


@pytest.fixture
def fresh(whole_clone: Clone) -> Clone:
    """A clone whose PATH has one Python of the machine and no uv."""
    (whole_clone.bin / "python3").symlink_to(whole_clone.python.path)
    return whole_clone


def test_sets_up(fresh: Clone) -> None:
    """The base group is installed and compiled by a uv of our own, and the clone's packages import from anywhere."""
    first = fresh.run("--version")
    second = fresh.run("--version")

    steps = [line.split(" ...")[0] for line in first.stderr.splitlines()]
    assert first.returncode == 0, first.stderr
    assert [step.rsplit(" ", 1)[0] for step in steps[:2]] == ["Installing uv", "Making .venv with Python"]
    assert steps[2:] == ["Installing Python packages: base", "Compiling them"]
    assert (second.returncode, second.stderr) == (0, "")
    assert _imports(fresh, "app", "stacks", "providers", "delivery", "pulumi", "fastapi", "pip") == "ok\n"
    assert list(fresh.root.glob(".venv/lib/python3*/site-packages/fastapi/__pycache__/*.pyc")) != []
    assert _distributions(fresh) <= _pinned(fresh)


def _distributions(clone: Clone) -> set[str]:
    """What is installed, as name==version."""
    listed = "from importlib.metadata import distributions as d; print(*(f'{x.name}=={x.version}' for x in d()))"
    return {_normalized(each) for each in _python(clone, listed).split()}


def _pinned(clone: Clone) -> set[str]:
    """What the requirements, which have a hash for each, name for the base group."""
    lines = (clone.root / "requirements" / "base.txt").read_text().splitlines()
    return {_normalized(line.split()[0]) for line in lines if "==" in line and not line.startswith(" ")}


def _normalized(requirement: str) -> str:
    name, _, version = requirement.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


def _imports(clone: Clone, *names: str) -> str:
    return _python(clone, f"import {', '.join(names)}; print('ok')")


def _python(clone: Clone, code: str) -> str:
    done = subprocess.run(
        [clone.root / ".venv" / "bin" / "python", "-P", "-c", code],
        cwd=clone.home,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
