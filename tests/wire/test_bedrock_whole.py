"""A whole answer of Bedrock's of which something is odd: the rest is read all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.wire.bedrock import Bedrock
from app.wire.events import Event, Finish, Garbled, Reasoning, Start, Text, ToolCall, Usage

BLOCKS: list[Any] = [
    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
    {"text": "Let me see."},
    {"toolUse": {"toolUseId": "t", "name": "now", "input": {"zone": "UTC"}}},
]
USAGE = {"inputTokens": 3, "outputTokens": 5}
SAID = [Reasoning("hm"), Text("Let me see."), ToolCall(0, '{"zone": "UTC"}', "t", "now")]


def answer(*, blocks: Any = BLOCKS, **more: Any) -> bytes:
    return json.dumps({"output": {"message": {"content": blocks}}, "stopReason": "tool_use", "usage": USAGE, **more}).encode()  # fmt: skip


def events(raw: bytes) -> list[Event]:
    Bedrock().scan_whole(raw)
    return [event for event in Bedrock().parse_whole(raw) if not isinstance(event, Start)]


@pytest.mark.parametrize(
    "odd",
    [5, {"text": 5}, {"audio": {"bytes": 5}}, {"toolUse": "x"}, {"toolUse": None}, {"reasoningContent": {"reasoningText": None}}, {"text": None}, {}, None],
)  # fmt: skip
def test_a_block_of_a_new_shape_takes_no_other_with_it(odd: Any) -> None:
    """Wherever it stands."""
    for at in range(len(BLOCKS) + 1):
        said = events(answer(blocks=[*BLOCKS[:at], odd, *BLOCKS[at:]]))
        assert said == [*SAID, Finish("tool_calls"), Usage(input=3, output=5)]


@pytest.mark.parametrize("odd", [None, 5, [], {}])
def test_a_reason_that_is_none_is_a_usual_end(odd: Any) -> None:
    """As in a stream."""
    assert events(answer(stopReason=odd)) == [*SAID, Finish("stop"), Usage(input=3, output=5)]
    assert Bedrock().scan_whole(answer(stopReason=odd)).finish == "stop"


@pytest.mark.parametrize(
    ("odd", "counted"),
    [(None, None), (5, None), ({"inputTokens": "x"}, None), ({"inputTokens": None, "outputTokens": 5}, Usage(input=0, output=5))],
)  # fmt: skip
def test_counts_that_are_none_cost_no_answer(odd: Any, counted: Usage | None) -> None:
    """What cannot be read is not known."""
    assert events(answer(usage=odd)) == [*SAID, Finish("tool_calls"), *([counted] if counted else [])]
    assert Bedrock().scan_whole(answer(usage=odd)).usage == counted


@pytest.mark.parametrize("raw", [b"5", b"{", b"{}", b'{"output": 5}', b'{"output": {"message": {"content": 5}}}'])
def test_what_is_no_answer_is_garbled(raw: bytes) -> None:
    """And not an empty one."""
    with pytest.raises(Garbled):
        Bedrock().scan_whole(raw)


def test_a_call_without_arguments_has_none() -> None:
    """In words that a caller can parse."""
    for given in ({}, {"input": None}):
        [call, *_] = events(answer(blocks=[{"toolUse": {"toolUseId": "t", "name": "now", **given}}]))
        assert call == ToolCall(0, "{}", "t", "now")
