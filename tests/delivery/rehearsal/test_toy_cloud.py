"""A target of a fourth cloud, known by its SDK alone, and then with a schema of its own: the real engine plans it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.failure import Failure
from delivery.rehearsal import command
from providers.rehearsal.clouds import CLOUDS
from stacks.targets import TARGETS, Target
from tests.providers.rehearsal.toy import TOKEN, Toy, write_sdk

_PROGRAM = 'import pulumi_toy as toy\n\ntoy.Box("box", size="larger", sealed=True)\n'


@pytest.fixture
def root(project: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: None) -> Path:
    """A project with the toy's program and config; its SDK is installed, and its target is on the list."""
    made = project(_PROGRAM)
    (made / "stacks/environments/Pulumi.toy-box-dev.yaml").write_text("config: {toy:region: here}\n")
    packages = tmp_path / "site-packages"
    write_sdk(packages)
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", str(packages), prepend=os.pathsep)
    monkeypatch.setitem(TARGETS, "toy-box", Target(module="toy_box", config="toy_box:Config", packages=("toy",)))
    return made


def test_it_is_planned(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the line that makes each resource, and what nobody has validated."""
    command.rehearse(root, "toy-box-dev", whole_cycle=False, as_json=True)

    told = json.loads(capsys.readouterr().out)
    assert told["resources"] == [
        {
            "urn": f"urn:pulumi:toy-box-dev::sample::{TOKEN}::box",
            "type": TOKEN,
            "op": "create",
            "source": "stacks/__main__.py:3",
            "validated_by": ["sdk toy 1.2.3"],
            "unvalidated": ["size"],
            "unknown": [],
        }
    ]


def test_an_sdk_that_is_not_there_is_one_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what brings it, before the engine is started."""
    target = Target(module="toy_box", config="toy_box:Config", packages=("toy", "no-such"))
    monkeypatch.setitem(TARGETS, "toy-box", target)

    with pytest.raises(Failure, match=r"^the SDK pulumi_no_such is not installed\.$"):
        command.rehearse(root, "toy-box-dev", whole_cycle=False, as_json=True)


def test_one_row_more_and_its_own_schema_refuses(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line of the program."""
    monkeypatch.setitem(CLOUDS, "toy", Toy)

    with pytest.raises(Failure, match=r"^stacks/__main__.py:3: toy:index/box:Box 'box': size is 'larger'"):
        command.rehearse(root, "toy-box-dev", whole_cycle=False, as_json=True)
