"""A project directory of its own for a test of the commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with nothing but its name and the environments."""
    (tmp_path / "stacks/environments").mkdir(parents=True)
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    shutil.copy(ROOT / "stacks/environments/Pulumi.local.example.yaml", tmp_path / "stacks/environments")
    return tmp_path
