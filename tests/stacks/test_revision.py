"""A revision: the same for the same thing, another for another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stacks.revision import revision, source_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree of the app."""
    for path in (
        "app/main.py",
        "app/web/index.html",
        "catalog/models.py",
        "requirements/base.txt",
        "requirements/local.txt",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


def test_a_revision_is_twelve_hex_digits_that_never_move() -> None:
    """Other parts store it: the way it is made is a contract."""
    assert revision("sha256:1", {"model": "m", "systemPrompt": ""}) == "871dbce71393"


def test_settings_in_another_order_are_the_same_settings() -> None:
    """Only what is set counts."""
    assert revision("x", {"a": "1", "b": "2"}) == revision("x", {"b": "2", "a": "1"})


@pytest.mark.parametrize(
    ("artefact", "settings"), [("y", {"a": "1"}), ("x", {"a": "2"}), ("x", {}), ("x", {"a": "1", "b": ""})]
)
def test_another_artefact_or_setting_is_another_revision(artefact: str, settings: dict[str, str]) -> None:
    """A revision is (artefact, settings)."""
    assert revision(artefact, settings) != revision("x", {"a": "1"})


@pytest.mark.parametrize(
    "path", ["app/main.py", "app/new.py", "app/web/index.html", "catalog/models.py", "requirements/base.txt"]
)
def test_a_changed_or_new_source_is_another_tree(tree: Path, path: str) -> None:
    """Everything the app is made of counts."""
    before = source_tree(tree)

    (tree / path).write_text("changed")

    assert source_tree(tree) != before


@pytest.mark.parametrize("path", ["app/__pycache__/main.pyc", "catalog/prices.py", "README.md", "app/web/x.pyc"])
def test_what_the_app_is_not_made_of_does_not_count(tree: Path, path: str) -> None:
    """A compiled file or a price is no reason to replace a running app."""
    before = source_tree(tree)

    (tree / path).parent.mkdir(exist_ok=True)
    (tree / path).write_text("noise")

    assert source_tree(tree) == before


def test_a_copy_elsewhere_is_the_same_tree(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every clone with the same files has the same revision."""
    copy = tmp_path_factory.mktemp("copy") / "tree"

    shutil.copytree(tree, copy)

    assert source_tree(copy) == source_tree(tree)


def test_a_moved_file_is_another_tree(tree: Path) -> None:
    """Path and content both count."""
    before = source_tree(tree)

    (tree / "app/main.py").rename(tree / "app/other.py")

    assert source_tree(tree) != before
