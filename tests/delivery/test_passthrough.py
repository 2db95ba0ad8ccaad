"""`pulumi ARGS...`: which stack a Pulumi command line speaks of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from delivery.passthrough import selected_stack, stack_in


@pytest.mark.parametrize(
    ("arguments", "stack"),
    [
        (["up", "-s", "aws-ecs-dev"], "aws-ecs-dev"),
        (["up", "--stack", "organization/trimaran/local"], "local"),
        (["config", "get", "x", "--stack=local-prod"], "local-prod"),
        (["stack", "init", "aws-ecs-dev"], "aws-ecs-dev"),
        (["stack", "select", "local"], "local"),
        (["stack", "ls"], None),
        (["stack", "output", "url"], None),
        (["version"], None),
        (["up", "-s"], None),
        ([], None),
    ],
)
def test_the_stack_is_the_one_named(arguments: list[str], stack: str | None) -> None:
    """By option, or as the argument of the verbs that take one."""
    assert stack_in(arguments) == stack


@pytest.mark.parametrize(
    ("chosen", "stack"),
    [
        ({"HERE": "organization/trimaran/local"}, "local"),
        ({"s3://b": "organization/trimaran/aws-ecs-dev"}, "aws-ecs-dev"),
        ({"s3://b": "organization/trimaran/aws-ecs-dev", "HERE": "organization/trimaran/local"}, "local"),
        ({}, None),
        (None, None),
    ],
)
def test_else_it_is_the_one_selected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str] | None, stack: str | None
) -> None:
    """This machine's choice first: a command without a stack should not reach a cloud by surprise."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    if chosen is not None:
        digest = hashlib.sha1(str(tmp_path / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
        file = tmp_path / f"home/workspaces/trimaran-{digest}-workspace.json"
        file.parent.mkdir(parents=True)
        here = (tmp_path / ".pulumi-state").as_uri()
        file.write_text(json.dumps({"stacks": {key.replace("HERE", here): value for key, value in chosen.items()}}))

    assert selected_stack(tmp_path) == stack
