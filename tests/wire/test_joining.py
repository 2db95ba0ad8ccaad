"""A stream put together is the whole answer that the vendor would have given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.wire.joining import joined
from app.wire.openai_chat import OpenAIChat
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.vendor import Said

SAID = {
    "text": Said(text=("Hel", "lo, 世界", "!")),
    "reasoning": Said(reasoning=("Let me ", "think."), text=("42",)),
    "tools": Said(tools=(("look", ('{"a":', '"b"}')), ("now", ("{}",))), finish="tool_calls"),
    "cut short": Said(text=("So far",), finish="length", usage=None),
    "nothing": Said(),
}


@pytest.mark.parametrize("name", SAID)
def test_it_says_the_same_as_the_whole_answer(name: str) -> None:
    """Text, reasoning, calls, finish reason and usage."""
    vendor = OpenAI()
    whole = vendor.whole(SAID[name]).steps[0]
    assert isinstance(whole, bytes)
    codec = OpenAIChat()
    made = joined(vendor.stream(SAID[name]))
    assert list(codec.parse_whole(made)) == list(codec.parse_whole(whole))
    assert codec.scan_whole(made).finish == SAID[name].finish


def stream(*choices: dict[str, Any], **more: Any) -> list[bytes]:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}
    return [b"data: " + json.dumps(head | {"choices": [choice]}).encode() + b"\n\n" for choice in choices] + [
        b": a comment\n\n",
        b"data: [DONE]\n\n",
    ]


def test_what_a_vendor_adds_is_kept() -> None:
    """Log-probabilities and annotations are one list, unknown texts are put together, the last of everything else counts."""
    token = {"token": "a", "logprob": -0.5}
    raws = stream(
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None},
        {"index": 0, "delta": {"content": "a", "notes": "x"}, "logprobs": {"content": [token]}, "finish_reason": None},
        {"index": 0, "delta": {"content": "a", "notes": "y", "annotations": [1]}, "logprobs": {"content": [token]}},
        {"index": 0, "delta": {"annotations": [2]}, "finish_reason": "stop"},
        system_fingerprint="fp",
    )
    assert json.loads(joined(raws)) == {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "system_fingerprint": "fp",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "aa",
                    "refusal": None,
                    "notes": "xy",
                    "annotations": [1, 2],
                },
                "logprobs": {"content": [token, token]},
                "finish_reason": "stop",
            }
        ],
    }


def test_choices_and_calls_are_told_apart() -> None:
    """By their index, in whatever order they come; a name that is repeated in each part is one."""
    call = {"index": 1, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}
    again = {"index": 1, "id": "c", "function": {"name": "f", "arguments": ":1}"}}
    raws = stream(
        {"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"},
        {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None},
        {"index": 0, "delta": {"tool_calls": [again]}, "finish_reason": "tool_calls"},
    )
    first, second = json.loads(joined(raws))["choices"]
    assert first["message"]["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    ]
    assert (second["index"], second["message"]["content"]) == (1, "b")
