"""No message recommends a command that does not exist: every string of the tree that names one is held against the command line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from delivery.cli import app

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "catalog", "delivery", "plan", "cost", "policies", "providers", "stacks", "tools")
_OURS = re.compile(r"\./trimaran ([a-z][\w-]*)")
_PULUMI = re.compile(r"(?<![\w./-])(?:\./trimaran )?pulumi ([a-z][\w-]*)")
# The verbs that messages may recommend (pulumi 3.274, `pulumi --help`); words that follow the name in prose are in no message.
PULUMI_VERBS = {
    "up",
    "preview",
    "destroy",
    "config",
    "stack",
    "login",
    "logout",
    "refresh",
    "cancel",
    "import",
    "state",
}
PULUMI_VERBS |= {"about", "plugin", "new", "whoami", "version", "package", "policy", "logs", "watch", "install"}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Every string of a file with its line; docstrings, which no user is shown, are left out. What is put in at run time is a blank."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else " " for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def found(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """Where a command is named in a string, and which."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [
        (f"{path.relative_to(ROOT)}:{line}", word)
        for path in files
        for line, text in strings(path)
        for word in pattern.findall(text)
    ]


def test_our_commands_exist() -> None:
    """Each word behind `./trimaran`."""
    known = set(typer.main.get_command(app).list_commands(None)) | {"test"}  # type: ignore[attr-defined]
    named = found(_OURS)
    assert len(named) > 10
    assert [(where, word) for where, word in named if word not in known] == []


def test_pulumis_verbs_exist() -> None:
    """Each word behind `pulumi` where a command is meant."""
    named = found(_PULUMI)
    assert len(named) > 5
    assert [(where, word) for where, word in named if word not in PULUMI_VERBS] == []


@pytest.mark.parametrize(("text", "word"), [("run ./trimaran fly", "fly"), ("pulumi fly --yes", "fly")])
def test_a_command_in_a_sentence_is_seen(text: str, word: str) -> None:
    """The patterns find what they look for."""
    assert [*_OURS.findall(text), *_PULUMI.findall(text)] == [word]
