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


def test_texts_between_lists_are_kept() -> None:
    """Mistral's reasoning models send thoughts as lists and then texts; a list between the texts takes none of them away."""
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": text}]} for text in ("Let ", "me")]
    reference = {"type": "reference", "reference_ids": [1]}
    contents = ["", [thought[0]], [thought[1]], "Hel", "lo", [reference], " you"]
    raws = stream(*({"index": 0, "delta": {"content": content}} for content in contents))
    assert json.loads(joined(raws))["choices"][0]["message"]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Let me"}]},
        {"type": "text", "text": "Hello"},
        reference,
        {"type": "text", "text": " you"},
    ]


def test_pieces_that_a_vendor_numbers_alike_are_one() -> None:
    """OpenRouter's reasoning details: a signature counts for the whole thought, which must come back as one."""
    pieces: list[dict[str, Any]] = [{"text": "Let"}, {"text": " me"}, {"signature": "sig"}]
    head = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    other = {"type": "reasoning.encrypted", "data": "x", "index": 1}
    details = [*(head | piece for piece in pieces), other]
    raws = stream(*({"index": 0, "delta": {"reasoning_details": [detail]}} for detail in details))
    assert json.loads(joined(raws))["choices"][0]["message"]["reasoning_details"] == [
        head | {"text": "Let me", "signature": "sig"},
        other,
    ]


def test_a_reason_that_is_said_twice_is_said_once() -> None:
    """OpenRouter repeats the reasons beside usage."""
    end = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop", "native_finish_reason": "STOP"}
    (choice,) = json.loads(joined(stream(end, end)))["choices"]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("stop", "STOP")
