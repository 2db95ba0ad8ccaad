"""Each check, on answers that pass and that fail."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.quality.answer import Answer
from delivery.quality.checking import checked
from delivery.quality.checks import Check

CALL = ({"name": "weather", "arguments": '{"city": "Oslo"}'},)
CITY = {"type": "object", "required": ["city"]}


def passed(check: dict[str, Any], **answer: Any) -> bool:
    return checked(Check.model_validate(check), Answer(**{"status": 200, **answer})).passed


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ({"exact": "4"}, [" 4\n"], ["4.", "14"]),
        ({"exact": ["yes", "no"]}, ["no"], ["No"]),
        ({"contains": 4}, ["It is 4.", "4"], ["14", "40", "four"]),
        ({"contains": "Paris"}, ["in PARIS!"], ["Parisian"]),
        ({"regex": "^a+$"}, ["aaa"], ["ab"]),
        ({"json_schema": {"const": {"a": 1}}}, ['{"a": 1}', '```json\n{"a": 1}\n```'], ['{"a": 2}', "a"]),
        ({"number": {"value": 1234.5}}, ["about 3, no, 1,234.5!"], ["1234", "none"]),
        ({"number": {"value": -2, "tolerance": 0.1}}, ["-1.95", "−2"], ["2", "-1.8"]),
        ({"refusal": True}, ["I'm sorry, I can't help with that.", "Es tut mir leid."], ["Sure: first"]),
        ({"refusal": False}, ["Sure: first"], ["I cannot do that."]),
        ({"length": {"unit": "words", "at_most": 2}}, ["", "a b"], ["a b c"]),
        ({"length": {"unit": "lines", "at_least": 2, "at_most": 2}}, ["a\nb\n"], ["a", "a\nb\nc"]),
        ({"length": {"at_least": 3}}, ["abc"], ["ab"]),
        ({"language": "de"}, ["Das ist ein kurzer Satz."], ["This is a short sentence.", "42"]),
        ({"language": "fr"}, ["La mer est grande et bleue."], ["The sea is big and blue."]),
        ({"similarity": {"to": "The cat is black", "at_least": 0.9}}, ["the cat is black."], ["a dog"]),
        ({"any_of": [{"exact": "a"}, {"exact": "b"}]}, ["a", "b"], ["c"]),
        ({"none_of": [{"contains": "cat"}]}, ["a dog"], ["a cat"]),
    ],
    ids=str,
)
def test_texts(check: dict[str, Any], good: list[str], bad: list[str]) -> None:
    """Pass and fail as written."""
    assert [passed(check, text=each) for each in good] == [True] * len(good)
    assert [passed(check, text=each) for each in bad] == [False] * len(bad)


def test_tool_calls() -> None:
    """By name, with arguments that fit."""
    wanted = {"tool_call": {"name": "weather", "arguments": CITY}}

    assert passed(wanted, tool_calls=CALL)
    assert not passed(wanted, text="weather(Oslo)")
    assert not passed(wanted, tool_calls=({"name": "weather", "arguments": '{"town": "Oslo"}'},))
    assert not passed({"tool_call": {"name": "clock"}}, tool_calls=CALL)


def test_ends_and_counts() -> None:
    """Why it ended, how many tokens and pieces; a count that did not come is not a small one."""
    assert passed({"finish": ["stop", "length"]}, finish="length")
    assert not passed({"finish": "stop"}, finish="length")
    assert passed({"length": {"unit": "tokens", "at_most": 5}}, tokens_out=5)
    assert not passed({"length": {"unit": "tokens", "at_most": 5}})
    assert not passed({"length": {"unit": "pieces", "at_least": 2}}, pieces=1)


def test_expected_errors() -> None:
    """Status, param and a whole body; an answer is none."""
    wanted = {"error": {"status": 400, "param": "tools"}}
    error = {"message": "no", "type": "invalid_request_error", "param": "tools"}

    assert passed(wanted, status=400, error=error, failure="400: no")
    assert not passed(wanted, status=422, error=error, failure="422: no")
    assert not passed(wanted, status=400, error={"message": "no", "param": "tools"}, failure="400: no")
    assert not passed(wanted, text="fine")


def test_an_unexpected_error_passes_nothing() -> None:
    """Not even what is asked of an empty text."""
    for check in ({"length": {"at_most": 9}}, {"none_of": [{"exact": "x"}]}, {"refusal": False}, {"refusal": True}):
        assert not passed(check, status=500, failure="500: no")


def test_a_filter_is_a_refusal() -> None:
    """Whether the provider says it with a finish reason, a field or an error."""
    assert passed({"refusal": True}, finish="content_filter")
    assert passed({"refusal": True}, refusal="No.")
    assert passed({"refusal": True}, status=400, error={"code": "refused_by_policy"}, failure="400: no")


def test_what_another_backend_answered_passes_nothing() -> None:
    """The version that was asked did not answer: neither a text nor an expected error is its own."""
    error = {"message": "no", "type": "invalid_request_error"}

    assert not passed({"exact": "x"}, text="x", rescued="2 attempts")
    assert not passed({"any_of": [{"exact": "x"}]}, text="x", rescued="2 attempts")
    assert not passed({"error": {"status": 400}}, status=400, error=error, rescued="2 attempts")


def test_graded_checks_have_a_score() -> None:
    """Whether they pass or not."""
    check = Check.model_validate({"similarity": {"to": "one two three four"}})

    found = checked(check, Answer(status=200, text="one two three five"))

    assert 0.5 < found.score < 1
