"""The list of targets, and what each one on it must bring."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.clouds import cloud_of_type
from delivery.platforms.targets import platform_of, stack_name
from delivery.stack_file import StackFile
from stacks.outputs import Outputs
from stacks.parsing import keys_of, parse
from stacks.targets import TARGETS, load, named_in

ROOT = Path(__file__).parents[2]
PREFIX, SUFFIX = "Pulumi.", ".example.yaml"
EXAMPLES = sorted((ROOT / "stacks/environments").glob(f"{PREFIX}*{SUFFIX}"))
REHEARSED = sorted(name for name, target in TARGETS.items() if not target.is_here)


def text_of(path: str, what: str) -> str:
    """The text of a file that a target must have."""
    file = ROOT / path
    assert file.exists(), f"create {path}: {what}; docs/adding-a-target.md says how"
    return file.read_text(encoding="utf-8")


def example_of(target: str) -> str:
    """The example of a target's dev stack."""
    example = StackFile(root=ROOT, stack=stack_name(target)).example.relative_to(ROOT)
    return text_of(str(example), f"the example of '{target}', which explains every key that it reads")


def page_of(target: str) -> str:
    return text_of(f"docs/targets/{target}.md", f"the page of '{target}'")


def flat(document: dict[str, Any]) -> dict[str, str]:
    """An example's config as the engine hands it to a program."""
    found = document["config"].items()
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found}


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_is_a_class_and_a_module_that_deploys(target: str) -> None:
    """One row in the list, two files."""
    row = TARGETS[target]
    text_of(f"{row.config.partition(':')[0].replace('.', '/')}.py", f"the configuration of '{target}'")
    text_of(f"{row.module.replace('.', '/')}.py", f"the program of '{target}'")

    assert row.config_type().__name__ == row.config.partition(":")[2]
    assert callable(load(target).deploy)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_stands_on_one_of_the_list(target: str) -> None:
    """Or on nothing."""
    assert TARGETS[target].foundation in (None, *TARGETS)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_example_speaks_of_every_key_that_its_target_reads(target: str) -> None:
    """A person finds each key in it, commented or not, and no key that the target refuses."""
    example = example_of(target)
    read = keys_of(TARGETS[target].config_type())

    assert [key for key in read if f"trimaran:{key}" not in example] == []
    assert sorted(set(re.findall(r"trimaran:(\w+)", example)) - set(read)) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_and_ties_nobody(path: Path) -> None:
    """It is parsed as a real one; without salt and secrets provider, which are the user's own."""
    stack = path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
    document = yaml.safe_load(path.read_text())

    config = parse(flat(document), stack)

    assert set(document) == {"config"}
    assert config.target == named_in(stack)[0]
    assert bool(config.region) == bool(TARGETS[config.target].region_keys)


def test_only_examples_are_committed() -> None:
    """The live file is the user's own."""
    done = subprocess.run(
        ["git", "ls-files", "stacks/environments"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert [path for path in done.stdout.split() if not path.endswith(SUFFIX)] == []


@pytest.mark.parametrize("target", REHEARSED)
def test_a_target_has_a_golden_plan_and_a_shape(target: str) -> None:
    """What its dev stack makes, for a review to read."""
    stack, package = stack_name(target), TARGETS[target].packages[0]
    cloud = cloud_of_type(package)
    assert cloud, f"add a row to catalog/clouds.py for the package '{package}' of '{target}'"
    text_of(f"tests/golden/plans/{stack}.txt", f"the golden plan of '{stack}'")
    shapes = f"tests/stacks/{cloud.name}/rehearsals.py"
    text_of(shapes, f"the shapes of the stacks on {cloud.name}, one of them called '{stack}'")

    found = importlib.import_module(f"tests.stacks.{cloud.name}.rehearsals").SHAPES
    assert stack in found, f"add a shape '{stack}' to {shapes}"


@pytest.mark.parametrize("target", REHEARSED)
def test_a_target_has_a_page_that_does_not_promise_too_much(target: str) -> None:
    """Rehearsed, until somebody records a real run."""
    assert page_of(target).startswith(f"# Target `{target}` (*rehearsed*)")


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_page_begins_with_the_example_and_shows_the_stock_cli(target: str, tmp_path: Path) -> None:
    """The line that copies works when it is pasted; whoever lives with `pulumi` alone finds their own line."""
    page, stack = page_of(target), stack_name(target)
    lines = [line.strip() for block in re.findall(r"```\w+\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    commands = [line for line in lines if line.startswith(("cp ", "./trimaran ", "pulumi "))]
    [copying] = [line for line in commands if line.startswith("cp ")]
    (tmp_path / "stacks/environments").mkdir(parents=True)
    file = StackFile(root=tmp_path, stack=stack)
    file.example.write_text(example_of(target))

    subprocess.run(["bash", "-ec", copying], cwd=tmp_path, check=True)

    assert file.parse().target == target
    assert TARGETS[target].is_here or commands[0] == copying
    pack = " --policy-pack policies" if platform_of(target).keeps_policies else ""
    stock = re.findall(r"pulumi up\b[^`#\n]*", page)
    assert [line for line in stock if line.rstrip().removesuffix(" --refresh") != f"pulumi up -s {stack}{pack}"] == []
    assert stock
    assert [line for line in commands if re.match(rf"\./trimaran up( {stack})?( |$)", line)]


def test_targets_are_imported_only_when_needed() -> None:
    """Neither the list nor the configurations load a cloud's SDK."""
    program = """
import sys
from stacks.targets import TARGETS
for target in TARGETS.values():
    target.config_type()
print(sorted(name for name in sys.modules if name.startswith("pulumi")))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_outputs_are_the_contract() -> None:
    """The names that cost, promotion and status read."""
    assert {each.name for each in fields(Outputs)} == {
        "schema", "target", "environment", "region", "url", "test_url", "test_headers", "image", "models",
        "revision", "stable_revision", "auth", "metrics", "traffic", "api_key_ref",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ("local", ("local", "dev")),
        ("aws-ecs-prod", ("aws-ecs", "prod")),
        ("aws-ecs", ("aws-ecs", "dev")),
        ("dev", ("dev", "dev")),
        ("PROD", ("PROD", "prod")),
        ("chat-Prod", ("chat", "prod")),
        ("aws-ecs-production", ("aws-ecs-production", "")),
        ("chat", ("chat", "")),
    ],
)
def test_a_stack_is_called_target_environment(stack: str, expected: tuple[str, str]) -> None:
    """The last word is the environment where it is one; only a target's own name stands for dev, any other says none."""
    assert named_in(stack) == expected


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_interfaces_name_every_config_key(target: str) -> None:
    """The page that parts agree on and the parser say the same."""
    page = (ROOT / "docs/interfaces.md").read_text()
    section = page[page.index("\nconfig:") : page.index("\noutputs:")]
    keys = keys_of(TARGETS[target].config_type())

    missing = sorted(set(keys) - _listed_in(section))
    assert not missing, (
        f"list under `config:` in docs/interfaces.md what the target {target} reads: {', '.join(missing)}"
    )


def test_a_key_is_named_only_where_keys_are_listed() -> None:
    """A word inside a map, in a comment, or of the line that a comment goes on in, is none."""
    section = "config:  # zone\n  # cidr\n  a, b  # count\n  net: {vpc: ID, of: [cidr], in: {zone: x}}, key: ARN\n          # nat, too\n"

    assert _listed_in(section) == {"a", "b", "net", "key"}


def _listed_in(section: str) -> set[str]:
    """The keys that a section of the interfaces lists: what begins its lines and follows a comma, outside of maps and lists."""
    lines = re.findall(r"^  (?! |#)([^#\n]*)", section, re.MULTILINE)
    text, inner = ", ".join(lines), 1
    while inner:
        text, inner = re.subn(r"\{[^{}[\]]*\}|\[[^{}[\]]*\]", "", text)
    return {each.partition(":")[0].strip() for each in text.split(",")}
