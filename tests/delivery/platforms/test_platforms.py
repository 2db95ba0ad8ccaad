"""Every target can be reached: its platform keeps the contract, and a name that is no target is any cloud's."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.failure import ExitCode, Failure
from delivery.platforms import targets
from delivery.platforms.cloud import CloudPlatform
from delivery.platforms.platform import Platform
from delivery.platforms.targets import listed, platform_of, promotable, stack_name
from delivery.status import split
from stacks.targets import TARGETS, Target

FOLDER = Path(targets.__file__).parent
LOGGED_IN = {"PULUMI_BACKEND_URL": "s3://bucket"}


@pytest.fixture(params=[*TARGETS, "nowhere-yet"])
def platform(request: pytest.FixtureRequest) -> Platform:
    """Of each target, and of what is none."""
    return platform_of(request.param)


def test_every_target_has_a_file() -> None:
    missing = [path for target in TARGETS if not (path := FOLDER / f"{target.replace('-', '_')}.py").exists()]
    assert missing == [], "create it, with its PLATFORM"


def test_a_target_without_its_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a command works on it as if it were any cloud's."""
    target = Target(module="stacks.acme.run", config="stacks.acme.config:RunConfig", packages=("acme",))
    monkeypatch.setitem(TARGETS, "acme-run", target)

    with pytest.raises(Failure, match="'acme-run' is on the list, but nothing says how it is reached") as raised:
        platform_of("acme-run")
    assert "delivery/platforms/targets/acme_run.py" in raised.value.hint


@pytest.mark.parametrize(
    "name", ["team.dev", "metrics", "files", "records", "cloud", "targets", "local.x", "..", "", "aws_ecs", "aws ecs"]
)
def test_a_name_that_is_no_target_is_any_clouds(name: str) -> None:
    """A stack is called as its owner likes, also as a module of ours."""
    assert platform_of(name) == CloudPlatform(target=name)


@pytest.mark.parametrize("target", TARGETS)
def test_a_platform_is_called_as_its_target(target: str) -> None:
    assert platform_of(target).target == target


def test_the_engine_is_led_to_one_backend(platform: Platform, root: Path) -> None:
    """What the user has set for other programs stays."""
    environment = platform.backend(root, {**LOGGED_IN, "LANG": "C.UTF-8"})
    assert "://" in environment["PULUMI_BACKEND_URL"]
    assert environment["LANG"] == "C.UTF-8"


def test_logs_are_a_program_or_a_sentence(platform: Platform, root: Path) -> None:
    """Of a stack that is not deployed there are none, wherever it would be."""
    with pytest.raises(Failure) as raised:
        platform.log_command(root, f"{platform.target}-dev", {}, lines=10, follow=False)
    assert raised.value.sentence


def test_what_cannot_be_promoted_has_a_split_all_the_same(platform: Platform) -> None:
    """Without a candidate; with one it is not known where nobody can read it."""
    one = {"revision": "a", "stable_revision": "a"}
    assert split(platform, one) == {"blue": 100, "green": 0}
    if platform.blue_green is None:
        assert split(platform, {**one, "revision": "b", "traffic": {"kind": "ecs"}}) == {}


def test_the_promotable_targets_are_named_as_in_a_sentence() -> None:
    assert promotable() == ["local"]
    assert listed(["local", "aws-ecs"]) == "'local' and 'aws-ecs'"


def test_a_cloud_names_its_own_command_for_logs(root: Path) -> None:
    """What is not read here yet can be read all the same."""
    with pytest.raises(Failure, match="keeps its logs in its cloud") as raised:
        platform_of("aws-ecs").log_command(root, "aws-ecs-prod", {"region": "eu-west-1"}, lines=10, follow=True)
    assert raised.value.hint == "aws logs tail /trimaran/aws-ecs-prod/api --region eu-west-1 --follow"
    assert raised.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("local", "local"), ("aws-ecs", "aws-ecs-dev"), ("local-prod", "local-prod"), ("cloudrun", "cloudrun")],
)
def test_a_typed_name_is_a_stack(typed: str, meant: str) -> None:
    """`local` is itself; what is no target is left for the error to name."""
    assert stack_name(typed) == meant
