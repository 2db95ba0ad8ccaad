"""What callers write where something else is expected: each value of each field that the mappers of other vendors' wires read."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.api.dialects import openai
from app.api.errors import Fault
from app.inference import anthropic_request, bedrock_request, gemini_request
from app.logic.answer import Call, Failure
from tests.inference.test_bedrock import CLAUDE, LLAMA, NOVA_2

CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
THOUGHTS = [
    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "enp6"},
]
CALLED = {"id": "call_0", "type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}
FUNCTION = {
    "name": "now",
    "description": "The time",
    "strict": True,
    "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
}
WHOLE: dict[str, Any] = {
    "model": "chat",
    "messages": [
        {"role": "system", "content": "Be brief.", **CACHED},
        {"role": "user", "content": [{"type": "text", "text": "Look", **CACHED}, IMAGE], "name": "u"},
        {"role": "assistant", "content": THOUGHTS, "refusal": "no"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": None, "thinking_blocks": THOUGHTS, "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "call_0", "content": [{"type": "text", "text": "noon"}], **CACHED},
        {"role": "user", "content": "And now?"},
    ],
    "tools": [{"type": "function", "function": FUNCTION, **CACHED}],
    "tool_choice": {"type": "function", "function": {"name": "now"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "description": "b", "schema": {}}},
    "stop": ["END"],
}
# Of fields that shut each other out, or that a mapper refuses before it reads the others.
SCALARS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "max_tokens": 5,
    "max_completion_tokens": 5,
    "seed": 1,
    "n": 1,
    "user": "u",
    "safety_identifier": "s",
    "reasoning_effort": "low",
    "include_reasoning": True,
    "parallel_tool_calls": False,
    "logit_bias": {},
    "top_logprobs": 0,
    "presence_penalty": 0,
    "verbosity": "medium",
    "tool_choice": "auto",
}
ODD: list[Any] = [
    None, True, 0, 5, -1.5, 2**63 - 1, "", "   ", "x", "\u0000", "\ud7ff", [], [[]], [None], [5], ["x"], [{}], {}, {"a": {}}, {"type": []}, {"ttl": []},
    {"ttl": {}}, {"type": "text"},
]  # fmt: skip

Mapper = Callable[[Call], object]


def _bedrock(model: str) -> Mapper:
    def mapped(call: Call) -> object:
        body, _ = bedrock_request.admitted(call, model=model, backend="a")
        return bedrock_request.map_request(body, model=model, backend="a")

    return mapped


MAPPERS: dict[str, Mapper] = {
    "bedrock-claude": _bedrock(CLAUDE),
    "bedrock-nova": _bedrock(NOVA_2),
    "bedrock-other": _bedrock(LLAMA),
    "gemini-2.5": lambda call: gemini_request.map_request(call, model="gemini-2.5-pro", backend="a"),
    "gemini-3": lambda call: gemini_request.map_request(call, model="gemini-3-pro", backend="a"),
    "anthropic": lambda call: anthropic_request.map_request(call, model="claude-haiku-4-5", backend="a"),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a value stands, at every depth."""
    if path:
        yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*path, key))


def changed(path: tuple[Any, ...], odd: Any) -> dict[str, Any]:
    whole = copy.deepcopy(WHOLE)
    at: Any = whole
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = odd
    return whole


def requests(odd: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in places(WHOLE):
        yield ".".join(map(str, path)), changed(path, odd)
    plain = {name: WHOLE[name] for name in ("model", "messages", "tools")}
    for name in SCALARS:
        yield name, {**plain, name: odd}


@pytest.mark.parametrize("mapper", MAPPERS)
@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
def test_an_odd_value_is_taken_or_refused(mapper: str, odd: Any) -> None:
    """Whatever passes the API's own check is mapped, or refused by name: nothing else is raised, which would be this app's fault."""
    seen = 0
    for at, body in requests(odd):
        try:
            call = openai.CHAT.check(body, "r")
        except Fault:
            continue
        seen += 1
        try:
            json.dumps(MAPPERS[mapper](call), default=sorted)
        except Failure:
            continue
        except Exception as error:
            error.add_note(f"{at}: {odd!r}")
            raise
    assert seen
