"""The clouds know nothing of each other: every folder of a cloud is on the list that the import contracts compare."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Folders that are no cloud's.
_SHARED = {"stacks": {"config"}, "cost": set[str](), "policies": {"rules"}}


@pytest.mark.parametrize("part", _SHARED)
def test_every_cloud_is_in_the_contract(part: str) -> None:
    """One that nobody has listed could be imported by another."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [listed] = [
        set(each["modules"])
        for each in contracts
        if each["type"] == "independence" and all(module.startswith(f"{part}.") for module in each["modules"])
    ]
    folders = {each.parent.name for each in (ROOT / part).glob("*/*.py")}
    clouds = {f"{part}.{name}" for name in folders - _SHARED[part]}

    assert listed == clouds, f"pyproject.toml, the contract of the clouds of {part}: write modules = {sorted(clouds)}"
