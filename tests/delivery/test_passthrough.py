"""`pulumi ARGS...`: which stack a Pulumi command line speaks of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from delivery import passthrough
from delivery.failure import Failure
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


@pytest.fixture
def replaced(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the example of a cloud's stack, where becoming `pulumi` only says so."""

    def become(command: str, arguments: list[str], environment: dict[str, str]) -> None:
        raise SystemExit(f"{command} was started")

    (root / "stacks/environments/Pulumi.aws-ecs-dev.example.yaml").write_text("config: {}\n")
    monkeypatch.setenv("PULUMI_HOME", str(root / "home"))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    monkeypatch.setattr(passthrough, "executable", lambda: "pulumi")
    monkeypatch.setattr("os.execve", become)
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize(
    "arguments",
    [["up", "-s", "aws-ecs-dev"], ["stack", "init", "aws-ecs-dev"], ["config", "set", "a", "b", "--stack=aws-ecs-dev"]],
)
def test_a_stack_that_has_only_an_example_is_refused(replaced: Path, arguments: list[str]) -> None:
    """Else the engine would write a file of its own beside the example, with nothing of it inside."""
    with pytest.raises(Failure, match="'aws-ecs-dev' has no config of its own yet, only an example"):
        passthrough.run(replaced, arguments)


@pytest.mark.parametrize(
    "arguments",
    [["up", "--stack", "aws-ecs-dev", "--help"], ["login", "s3://state"], ["preview", "-s", "aws-ecs-prod"]],
)
def test_what_needs_no_config_and_what_has_no_example_goes_on(
    replaced: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Help, the account, and a stack with a config that the kit knows nothing of, whichever stack is selected."""
    monkeypatch.setattr(passthrough, "selected_stack", lambda root: "aws-ecs-dev")

    with pytest.raises(SystemExit, match="pulumi was started"):
        passthrough.run(replaced, arguments)


def test_the_example_of_this_machine_is_made_the_users_own(replaced: Path) -> None:
    """As `up` does it."""
    with pytest.raises(SystemExit, match="pulumi was started"):
        passthrough.run(replaced, ["config", "set", "trimaran:port", "8081", "--stack", "local"])

    environments = replaced / "stacks/environments"
    assert (environments / "Pulumi.local.yaml").read_text() == (environments / "Pulumi.local.example.yaml").read_text()
