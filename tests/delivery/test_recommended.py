"""Whatever a message or a page tells a person to type is there to be typed: the command, and each option of it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from delivery.cli_reference import commands

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("app", "catalog", "cost", "delivery", "plan", "policies", "providers", "stacks", "tools")
PAGES = ("*.md", "docs/**/*.md", "stacks/**/*.yaml", "trimaran", "tools/**/*.sh", "delivery/**/*.jinja")

WORD = r"""(?:'[^'\n]*'|"[^"\n]*"|<[^>\n]*>|[^\s`'"|;()·…,#<>\\])+"""
# "another ./trimaran" is one that runs, not one to be typed.
CALL = re.compile(rf"(?<!another )(?<!outer )\./trimaran((?:[ \t]+{WORD})+)")
# Anywhere in a sentence, but not in the table of programs that a command needs.
PULUMI = re.compile(rf"(?<![\w./-])(?<!\| )pulumi((?:[ \t]+{WORD})+)")


def texts() -> Iterator[tuple[str, str]]:
    """(path, text): every page, and every string of the source with {} where a value is put in."""
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            yield path.relative_to(ROOT).as_posix(), path.read_text()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for string in strings(ast.parse(path.read_text())):
                yield path.relative_to(ROOT).as_posix(), string


def strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from strings(child)


def calls(pattern: re.Pattern[str]) -> list[tuple[str, list[str]]]:
    """(path, words) of all that a person is told to type."""
    found = {(path, match[1].strip()) for path, text in texts() for match in pattern.finditer(text)}
    return [(path, [word[0].rstrip(".:") for word in re.finditer(WORD, words)]) for path, words in sorted(found)]


def options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]


def test_every_command_that_is_recommended_exists() -> None:
    """With the options that it is recommended with; those of `test` are pytest's, those of `pulumi` are looked at below."""
    wrong = []
    for path, words in calls(CALL):
        name = next((name for name in commands() if words[: len(name.split())] == name.split()), "")
        if not name and not re.match(r"[{<\[A-Z-]", words[0]):
            wrong.append(f"{path}: ./trimaran {words[0]} is no command")
        if name and name not in ("test", "pulumi"):
            context = commands()[name]
            known = {option for each in context.command.get_params(context) for option in each.opts}
            wrong += [f"{path}: {name} has no {option}" for option in options(words) if option not in known]

    assert wrong == []


def test_every_pulumi_verb_that_is_recommended_exists() -> None:
    """Asked of the Pulumi command line that is here."""
    if shutil.which("pulumi") is None:
        pytest.skip("no Pulumi on PATH; ./trimaran test brings it")
    wrong = []
    for path, words in calls(PULUMI):
        verbs = [word for word in words if not word.startswith("-")]
        known = help_of(*verbs[:2]) or help_of(*verbs[:1])
        if not re.match(r"[{<\[A-Z-]", words[0]) and not known:
            wrong.append(f"{path}: pulumi {words[0]} is no verb")
        wrong += [
            f"{path}: pulumi {verbs} has no {option}" for option in options(words) if known and option not in known
        ]

    assert wrong == []


@cache
def help_of(*verbs: str) -> frozenset[str]:
    """The options of a Pulumi verb; none where it is no verb."""
    if not verbs or not all(re.fullmatch(r"[a-z-]+", verb) for verb in verbs):
        return frozenset()
    done = subprocess.run(["pulumi", *verbs, "--help"], capture_output=True, text=True, check=False)
    called = re.search(r"^Usage:\n  pulumi (.*)(?:\n\nAliases:\n(.*))?", done.stdout, re.MULTILINE)
    if called is None or verbs[-1] not in re.findall(r"[a-z-]+", f"{called[1]} {called[2]}"):
        return frozenset()
    return frozenset(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout))


@pytest.mark.parametrize(
    ("text", "word"), [("run ./trimaran fly", "fly"), ("or, by hand: pulumi fly --yes", "fly --yes")]
)
def test_a_command_in_a_sentence_is_found(text: str, word: str) -> None:
    """Wherever it stands."""
    assert [found.strip() for pattern in (CALL, PULUMI) for found in pattern.findall(text)] == [word]


def test_what_is_recommended_is_found() -> None:
    """In strings that are put together, in pages, over quoted values."""
    words = {" ".join(words) for _, words in calls(CALL)}

    assert {"rehearse aws-foundation-prod", "up {}", "rehearse aws-ecs", "weights sync MODEL --bucket NAME"} <= words
    assert {"up -s aws-ecs-dev --policy-pack policies", "config get trimaran:apiKeys --stack {}"} <= {
        " ".join(words) for _, words in calls(PULUMI)
    }
    assert options(["config", "--secret", "'a --b'", "-s", "x", "--path=y", "-1"]) == ["--secret", "-s", "--path"]
