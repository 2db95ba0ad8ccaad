"""`pulumi ARGS...`: which stack a Pulumi command line speaks of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from delivery import passthrough
from delivery.engine import PulumiEngine
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
        (["-C", "stack", "stack", "--color", "never", "select", "local"], "local"),
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
    monkeypatch.setattr(PulumiEngine, "create_stack", lambda engine: (root / f"made-{engine.stack}").touch())
    monkeypatch.setattr("os.execve", become)
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize(
    "line",
    [
        "up -s aws-ecs-dev",
        "--stack aws-ecs-dev --color never up",
        "update",
        "preview",
        "pre --diff",
        "import aws:s3/bucket:Bucket a b",
        "stack init aws-ecs-dev",
        "stack change-secrets-provider passphrase",
        "config set a b --stack=aws-ecs-dev",
        "config --stack aws-ecs-dev set-all --plaintext a=b",
        "config rm a",
        "config cp -d local",
    ],
)
def test_a_stack_that_has_only_an_example_is_refused(
    replaced: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the program would run on nothing, or the engine write a file of its own, with nothing of the example inside."""
    monkeypatch.setattr(passthrough, "selected_stack", lambda root: "aws-ecs-dev")

    with pytest.raises(Failure, match="'aws-ecs-dev' has no config of its own yet, only an example") as raised:
        passthrough.run(replaced, line.split())

    assert raised.value.hint.startswith("cp stacks/environments/Pulumi.aws-ecs-dev.example.yaml ")


@pytest.mark.parametrize(
    "line",
    [
        *("", "version", "about", "plugin ls", "stack", "stack ls", "stack rm aws-ecs-dev", "stack select aws-ecs-dev"),
        *("stack output url -s aws-ecs-dev", "stack unselect", "stack export", "state unprotect --all", "cancel"),
        *("refresh -s aws-ecs-dev", "destroy --stack aws-ecs-dev", "down -s aws-ecs-dev", "config", "config get a"),
        *("config refresh", "up --config-file mine.yaml", "preview --config-file=mine.yaml", "-C . stack output"),
    ],
)
def test_what_makes_nothing_of_the_config_is_never_held_back(
    replaced: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Least of all for a deployed stack whose file is gone; and nothing is made beside the example."""
    monkeypatch.setattr(passthrough, "selected_stack", lambda root: "aws-ecs-dev")

    with pytest.raises(SystemExit, match="pulumi was started"):
        passthrough.run(replaced, line.split())

    assert not (replaced / "stacks/environments/Pulumi.aws-ecs-dev.yaml").exists()


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


@pytest.mark.parametrize("line", ["config set trimaran:port 8081 --stack local", "destroy --stack local"])
def test_the_example_of_this_machine_is_made_the_users_own(replaced: Path, line: str) -> None:
    """As `up` does it, before the engine writes into the file."""
    with pytest.raises(SystemExit, match="pulumi was started"):
        passthrough.run(replaced, line.split())

    environments = replaced / "stacks/environments"
    assert (environments / "Pulumi.local.yaml").read_text() == (environments / "Pulumi.local.example.yaml").read_text()


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("config set trimaran:port 8081 --stack local", ["made-local"]),
        ("config rm trimaran:port -s local", ["made-local"]),
        ("config set trimaran:port 8081 --stack local --config-file mine.yaml", []),
        ("config get trimaran:port --stack local", []),
        ("destroy --stack local", []),
        ("up --stack local", []),
        ("config set a b --stack kubernetes-dev", []),
    ],
)
def test_config_of_a_stack_here_can_be_set_before_its_first_up(replaced: Path, line: str, made: list[str]) -> None:
    """What `up` hints at when it refuses a port works as it is typed; nothing else makes a stack unasked."""
    with pytest.raises(SystemExit, match="pulumi was started"):
        passthrough.run(replaced, line.split())

    assert [path.name for path in replaced.glob("made-*")] == made


def test_a_stack_that_is_there_is_not_made_again(replaced: Path) -> None:
    """Its state says so."""
    stacks = replaced / ".pulumi-state/.pulumi/stacks/trimaran"
    stacks.mkdir(parents=True)
    (stacks / "local.json").write_text("{}")
    (replaced / ".pulumi-state/passphrase").write_text("p")

    with pytest.raises(SystemExit, match="pulumi was started"):
        passthrough.run(replaced, ["config", "set", "trimaran:port", "8081", "--stack", "local"])

    assert list(replaced.glob("made-*")) == []
