"""The list of targets, and what each one on it must bring."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from stacks.config import KEYS, parse
from stacks.outputs import Outputs
from stacks.targets import TARGETS, load, named_in

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_is_a_module_that_deploys(target: str) -> None:
    """One line in the list, one file."""
    assert callable(load(target).deploy)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_has_a_valid_example(target: str) -> None:
    """The example beside the real configs is parsed as a real one."""
    names = [f"{target}.example.yaml", f"Pulumi.{target}-dev.yaml"]
    example = next(path for name in names if (path := ROOT / "stacks/environments" / name).exists())
    config = yaml.safe_load(example.read_text())["config"]

    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}

    assert parse(raw, target).target == target


def test_the_example_speaks_of_every_key() -> None:
    """A person finds each key in it, commented or not."""
    text = (ROOT / "stacks/environments/local.example.yaml").read_text()
    assert [key for key in KEYS if f"trimaran:{key}" not in text] == []


def test_targets_are_imported_only_when_needed() -> None:
    """Reading the list loads no cloud SDK."""
    assert all(importlib.util.find_spec(module) for module in TARGETS.values())


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
    ],
)
def test_a_stack_is_called_target_environment(stack: str, expected: tuple[str, str]) -> None:
    """The last word is the environment where it is one."""
    assert named_in(stack) == expected


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"local"}))
def test_a_target_has_a_page_that_does_not_promise_too_much(target: str) -> None:
    """Rehearsed, until somebody records a real run."""
    page = (ROOT / f"docs/targets/{target}.md").read_text()

    assert page.startswith(f"# Target `{target}` (*rehearsed*)")


def test_the_interfaces_name_every_config_key() -> None:
    """The page that parts agree on and the parser say the same."""
    page = (ROOT / "docs/interfaces.md").read_text()
    section = page[page.index("\nconfig:\n") : page.index("\noutputs:")]

    assert [key for key in KEYS if not re.search(rf"\b{key}\b", section)] == []
