"""A target of a cloud that nobody here knows: two files and two rows, and every part of the kit says what it does not know."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from providers.machine.ports import free_port
from tests.end_to_end.scratch import Scratch, copy_tree
from tests.providers.rehearsal.toy import TOKEN, write_sdk

CLOUD = '        Cloud(name="toy", packages=("toy",), region_keys=("toy:region",), usual_region="here"),\n'
TARGET = """    "toy-box": Target(
        module="stacks.toy.box",
        config="stacks.toy.config:BoxConfig",
        packages=("toy",),
    ),
"""
CONFIG = '''"""The configuration of the targets on the toy cloud."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from stacks.config import STRICT, Limits, StackConfig


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BoxConfig(StackConfig):
    """The keys of `toy-box`."""

    size: str = Field(default="small", description="small or large", examples=["small"])
    limits: Limits = Field(default=Limits(), description='a map like {monthlyUsd: "900"}')
'''
PROGRAM = '''"""The target `toy-box`: one box."""

from __future__ import annotations

from pathlib import Path

import pulumi_toy as toy

from stacks.outputs import Outputs, Reference
from stacks.toy.config import BoxConfig


def deploy(config: BoxConfig, root: Path) -> Outputs:
    """Declare the box."""
    toy.Box("box", size=config.size, sealed=True)
    nowhere = Reference(kind="none", ref={})
    return Outputs(
        target=config.target,
        environment=config.environment,
        region="here",
        url="",
        test_url="",
        image="",
        models=(),
        revision="0" * 12,
        stable_revision="0" * 12,
        auth="none",
        metrics=nowhere,
        traffic=nowhere,
        api_key_ref="",
    )
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A copy of the tree with the two files and the two rows; the toy's SDK lies outside it."""
    copied = copy_tree(tmp_path_factory.mktemp("tree"), free_port())
    (copied.root / "stacks/toy").mkdir()
    (copied.root / "stacks/toy/config.py").write_text(CONFIG)
    (copied.root / "stacks/toy/box.py").write_text(PROGRAM)
    _add(copied.root / "catalog/clouds.py", '        Cloud(name="kubernetes"', CLOUD)
    _add(copied.root / "stacks/targets.py", '    "aws-ecs": Target(', TARGET)
    for environment in ("dev", "prod"):
        config = {"config": {"toy:region": "here", "trimaran:limits": {"monthlyUsd": "1", "regions": ["here"]}}}
        (copied.root / f"stacks/environments/Pulumi.toy-box-{environment}.yaml").write_text(json.dumps(config))
    write_sdk(copied.root.parent / "site-packages")
    return copied


def _add(path: Path, before: str, row: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, row + before))


def rehearse(tree: Scratch, stack: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, JSON and what a person is told."""
    path = os.pathsep.join((tree.environment["PYTHONPATH"], str(tree.root.parent / "site-packages")))
    done = subprocess.run(
        tree.command("rehearse", stack, "--json"),
        cwd=tree.root,
        env={**tree.environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_it_is_planned_priced_as_unknown_and_judged_as_undecided(tree: Scratch) -> None:
    """In dev all of that is told and stops nobody, except the limit on money, which an unknown price cannot keep."""
    _, told, _ = rehearse(tree, "toy-box-dev")

    (box,) = told["resources"]
    assert (box["type"], box["op"], box["source"]) == (TOKEN, "create", "stacks/toy/box.py:15")
    assert box["unvalidated"] == ["size"]
    assert [(line["urn"], line["state"]) for line in told["cost"]["lines"]] == [(box["urn"], "unknown")]
    assert {each["enforcement"] for each in told["policies"]["undecided"] if each["urn"] == box["urn"]} == {"advisory"}


def test_prod_refuses_what_nobody_can_judge(tree: Scratch) -> None:
    """By the type's name and with the rules that cannot be held against it."""
    status, told, said = rehearse(tree, "toy-box-prod")

    assert status == 3
    assert "mandatory" in {each["enforcement"] for each in told["policies"]["undecided"]}
    assert f"no check of policies/toy/ knows {TOKEN}" in said
