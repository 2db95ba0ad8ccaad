"""docs/adding-a-target.md, executed whole: its rows are added, its files written, its program run, its example read."""

from __future__ import annotations

import asyncio
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime.settings import get_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

import stacks
from catalog import clouds
from catalog.clouds import Cloud
from delivery.platforms import targets as platforms
from delivery.platforms.targets import platform_of
from delivery.stack_file import StackFile
from stacks.config import ConfigError, StackConfig
from stacks.outputs import Outputs, export
from stacks.parsing import keys_of, parse
from stacks.targets import TARGETS, Target, load

PAGE = Path(__file__).parents[2] / "docs/adding-a-target.md"
_STEP = re.compile(r"^(?=\d+\. )", re.MULTILINE)
_PATH = re.compile(r"`([\w/.-]+/[\w.-]+\.\w+)`")
_BLOCK = re.compile(r"^ *```\w+\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
STACK = "acme-run-dev"
# The targets that the page's own is held against: another one may have a key of the same name.
BESIDE = ("local", "aws-ecs")


def blocks() -> dict[str, str]:
    """The page's blocks, each by the first path that its step names."""
    found: dict[str, str] = {}
    for step in _STEP.split(PAGE.read_text()):
        for block in _BLOCK.findall(step):
            path = _PATH.search(step)
            assert path, f"a step of {PAGE.name} has a block and names no file: {step[:80]}"
            assert path[1] not in found, f"two blocks of {PAGE.name} are for {path[1]}"
            found[path[1]] = textwrap.dedent(block)
    return found


class Mocks(pulumi.runtime.Mocks):
    """Takes down what the program makes."""

    def __init__(self) -> None:
        self.made: dict[str, Mapping[str, Any]] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made[args.typ] = args.inputs
        return args.name, dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        raise AssertionError(f"the page's program looks nothing up, and asks {args.token}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tree with the page's files, and its rows in the two tables."""
    files = blocks()
    cloud = eval(files.pop("catalog/clouds.py"), {"Cloud": Cloud})
    rows: dict[str, Target] = eval(f"{{{files.pop('stacks/targets.py')}}}", {"Target": Target})
    monkeypatch.setattr(clouds, "CLOUDS", {**clouds.CLOUDS, cloud.name: cloud})
    before = dict(TARGETS)
    TARGETS.clear()
    TARGETS.update({**{name: before[name] for name in BESIDE}, **rows})
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(stacks, "__path__", [*stacks.__path__, str(tmp_path / "stacks")])
    monkeypatch.setattr(platforms, "__path__", [*platforms.__path__, str(tmp_path / "delivery/platforms/targets")])
    yield tmp_path
    TARGETS.clear()
    TARGETS.update(before)  # in their own order, which messages show
    for module in [name for name in sys.modules if "acme" in name]:
        del sys.modules[module]


def config_of(project: Path) -> StackConfig:
    """The page's example, copied and parsed as every stack's file is."""
    file = StackFile(root=project, stack=STACK)
    file.path.write_text(file.example.read_text())
    return file.parse()


def test_the_target_deploys(project: Path) -> None:
    """From the example to a resource and the outputs that every stack has."""
    mocks = Mocks()

    async def run() -> dict[str, Any]:
        # Inside the loop, which the root resource that this makes waits for.
        pulumi.runtime.set_mocks(mocks, project="trimaran", stack=STACK)
        config = config_of(project)
        await run_pulumi_func(lambda: export(load(config.target).deploy(config, project)))
        root = get_root_resource()
        assert isinstance(root, Stack)
        return root.outputs

    outputs = asyncio.run(run())

    service = mocks.made["acme:run/service:Service"]
    assert (service["region"], service["replicas"]) == ("north-1", 2)
    assert service["environment"]["TRIMARAN_REVISION"] == outputs["revision"]
    assert set(outputs) == {each.name for each in fields(Outputs)}


def test_the_commands_reach_it(project: Path) -> None:
    """By the file that the page has for it."""
    assert platform_of("acme-run").target == "acme-run"


def test_it_reads_its_own_keys_and_no_others(project: Path) -> None:
    """What the class does not have is refused by name, and what it has is refused elsewhere."""
    with pytest.raises(ConfigError, match="'trimaran:redis' is not read by the target 'acme-run', only by aws-ecs"):
        parse({"trimaran:redis": "{}"}, STACK)
    with pytest.raises(ConfigError, match="'trimaran:replicas' is not read by the target 'local', only by acme-run"):
        parse({"trimaran:replicas": "2"}, "local")


def test_the_example_explains_every_key(project: Path) -> None:
    """As the page asks for."""
    text = StackFile(root=project, stack=STACK).example.read_text()

    assert set(yaml.safe_load(text)) == {"config"}
    assert [key for key in keys_of(TARGETS["acme-run"].config_type()) if f"trimaran:{key}" not in text] == []
