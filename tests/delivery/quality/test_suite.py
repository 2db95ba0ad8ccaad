"""Suites: what ships, what is asked, and what is said about a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.failure import ExitCode, Failure
from delivery.quality.suite import load

GOOD = "cases:\n- id: a\n  messages: hi\n  checks: [{contains: x}]\n"


def test_a_hundred_different_cases_ship() -> None:
    """Of at least eight kinds, none asked twice, none of them long."""
    suite = load("general")

    assert len(suite.cases) == len({case.question for case in suite.cases}) == 100
    assert len({tag for case in suite.cases for tag in case.tags}) >= 8
    assert all(suite.body(case)["max_tokens"] <= 64 for case in suite.cases)


def test_smoke_asks_for_all_that_an_app_promises() -> None:
    """By its tags."""
    tags = {tag for case in load("smoke").cases for tag in case.tags}

    assert tags == {"answers", "stream", "limits", "json", "tools", "refusals"}


def test_a_case_has_the_suites_settings_but_for_its_own(tmp_path: Path) -> None:
    """A stream asks for its count of tokens; a text is one message of the user's."""
    path = tmp_path / "mine.yaml"
    path.write_text("settings: {max_tokens: 9, seed: 1}\n" + GOOD + "  settings: {seed: 2, temperature: 9}\n")
    suite = load(str(path))

    assert suite.name == "mine"
    assert suite.body(suite.cases[0]) == {
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 9,
        "seed": 2,
        "temperature": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_digest_is_of_what_is_asked(tmp_path: Path) -> None:
    """A comment or the description changes nothing, a check does."""
    path = tmp_path / "mine.yaml"
    digests = []
    for text in (GOOD, f"# note\ndescription: d\n{GOOD}", GOOD.replace("x}", "y}")):
        path.write_text(text)
        digests.append(load(str(path)).digest)

    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            GOOD.replace("contains", "contain"),
            4,
            "'cases.a.checks.0.contain' is not a known key.*Did you mean 'contains'",
        ),
        (GOOD.replace("messages", "mesages"), 3, "'cases.a.mesages' is not a known key.*Did you mean 'messages'"),
        (GOOD + "  settings: {max_token: 3}\n", 5, "'cases.a.settings.max_token' is not.*Did you mean 'max_tokens'"),
        (GOOD.replace("{contains: x}", "{length: {unit: miles}}"), 4, "cases.a.checks.0.length.unit: "),
        (GOOD.replace("{contains: x}", "{regex: '('}"), 4, "no regular expression"),
        (GOOD.replace("{contains: x}", "{json_schema: {type: 7}}"), 4, "no JSON schema"),
        (GOOD.replace("{contains: x}", "{contains: x, exact: y}"), 4, "a check has one key, this has 2"),
        (GOOD.replace("  checks: [{contains: x}]\n", ""), 2, "'cases.a.checks' is missing"),
        (GOOD + GOOD.removeprefix("cases:\n"), 1, "two cases have the id 'a'"),
        (GOOD.replace("{contains: x}", "{judge: {rubric: r, reference: s}}"), 1, "the suite names none under 'judge'"),
        (GOOD + "  weight: 0\n", 5, "cases.a.weight: "),
        ("cases: [\n", 2, "not valid YAML"),
        ("cases: []\n", 1, "cases: "),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    """And the nearest known key; exit code 2."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)

    with pytest.raises(Failure, match=said) as raised:
        load(str(path))

    assert raised.value.sentence.startswith(f"{path}:{line}: ")
    assert raised.value.exit_code is ExitCode.USAGE


def test_an_unknown_suite_names_those_that_ship() -> None:
    """With exit code 2."""
    with pytest.raises(Failure, match=r"'genral' is neither .* ship: general, smoke\."):
        load("genral")
