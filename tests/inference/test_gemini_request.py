"""A request in OpenAI's form as one of Gemini's: what is mapped, what is left out by name, and what is refused in which words."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from app.inference.gemini_request import UNSIGNED, map_request
from app.inference.images import ImageFetcher
from app.logic.answer import Failure, Kind
from tests.inference.contract import KEY, backend, call, heard, opened, streamed
from tests.inference.fakes.gemini import Gemini
from tests.inference.fakes.server import Received, Reply, serving
from tests.inference.fakes.vendor import Said

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
USER = {"role": "user", "content": "hi"}


def gemini(model: str = "gemini-2.5-flash", **fields: Any) -> dict[str, Any]:
    return map_request(call(**fields), model=model, backend="b").body


def config(model: str = "gemini-2.5-flash", **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = gemini(model, **fields).get("generationConfig", {})
    return found


def contents(*messages: dict[str, Any], model: str = "gemini-2.5-flash") -> Any:
    return gemini(model, messages=list(messages))["contents"]


def used(call_id: str, name: str, arguments: Any = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("fields", "mapped"),
    [
        ({"max_tokens": 5}, {"maxOutputTokens": 5}),
        ({"max_completion_tokens": 5, "max_tokens": 7}, {"maxOutputTokens": 5}),
        ({"stop": "x"}, {"stopSequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stopSequences": ["x", "y"]}),
        ({"temperature": 0, "top_p": 0.5, "top_k": 3}, {"temperature": 0, "topP": 0.5, "topK": 3}),
        ({"seed": 7, "n": 2}, {"seed": 7, "candidateCount": 2}),
        ({"presence_penalty": 1, "frequency_penalty": -1}, {"presencePenalty": 1, "frequencyPenalty": -1}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        ({"response_format": {"type": "text"}}, {}),
        ({"logprobs": False, "top_logprobs": 0, "logit_bias": {}, "parallel_tool_calls": True}, {}),
    ],
)
def test_what_gemini_calls_otherwise(fields: dict[str, Any], mapped: dict[str, Any]) -> None:
    """Field by field."""
    assert config(**fields) == mapped


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 1024}),
        ("gemini-2.5-pro", "low", {"thinkingBudget": 1024}),
        ("gemini-2.5-pro", "medium", {"thinkingBudget": 8192}),
        ("gemini-2.5-pro", "high", {"thinkingBudget": 24_576}),
        ("gemini-3-flash-preview", "minimal", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash", "medium", {"thinkingLevel": "MEDIUM"}),
        ("gemini-10-pro", "high", {"thinkingLevel": "HIGH"}),
    ],
)
def test_effort_is_a_budget_or_a_level(model: str, effort: str, thinking: dict[str, Any]) -> None:
    """By the model's generation: one that gets both answers with an error."""
    assert config(model, reasoning_effort=effort) == {"thinkingConfig": thinking}


def test_thoughts_are_shown_to_those_who_ask() -> None:
    """Who does not gets an answer that can be taken up when it breaks off."""
    assert config(include_reasoning=True) == {"thinkingConfig": {"includeThoughts": True}}
    assert config() == {}


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (None, None),
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "f"}}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tool_choice(choice: Any, calling: Any) -> None:
    """OpenAI's words in Google's."""
    body = gemini(tools=[{"type": "function", "function": {"name": "f"}}], tool_choice=choice)
    assert body.get("toolConfig", {}).get("functionCallingConfig") == calling


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        (None, None),
        ({}, None),
        ({"type": "object", "properties": {}, "required": [], "additionalProperties": False}, None),
        (SCHEMA, SCHEMA),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({"$ref": "#/$defs/a", "$defs": {"a": {}}}, {"type": "object", "$ref": "#/$defs/a", "$defs": {"a": {}}}),
    ],
)
def test_a_functions_schema(parameters: Any, schema: Any) -> None:
    """As JSON schema; none where nothing is in it, for Google refuses an object without properties."""
    [tool] = gemini(tools=[{"type": "function", "function": {"name": "f", "parameters": parameters}}])["tools"]
    [declared] = tool["functionDeclarations"]
    assert declared == {"name": "f", **({"parametersJsonSchema": schema} if schema else {})}


def test_a_strict_function_is_called_as_any_other() -> None:
    """And that is told."""
    tools = [{"type": "function", "function": {"name": "f", "strict": True}}]
    assert map_request(call(tools=tools), model="m", backend="b").ignored == {"strict"}


@pytest.mark.parametrize(
    ("seed", "is_sent"), [(7, True), (0, True), (2**31 - 1, True), (-(2**31), True), (2**31, False), (2**63 - 1, False)]
)
def test_a_seed_that_google_has_no_room_for_is_left_out(seed: int, is_sent: bool) -> None:
    """It only hints, so it stops no answer; that it was left out is told."""
    body, ignored = map_request(call(seed=seed), model="m", backend="b")
    assert body.get("generationConfig", {}) == ({"seed": seed} if is_sent else {})
    assert ignored == (set() if is_sent else {"seed"})


def test_turns_and_the_system() -> None:
    """The system's parts stand apart, wherever they stood; neighbours of one role are one turn; what is empty goes."""
    body = gemini(
        messages=[
            {"role": "system", "content": "a"},
            USER,
            {"role": "user", "content": [{"type": "text", "text": "there"}, {"type": "text", "text": ""}]},
            {"role": "assistant", "content": ""},
            {"role": "developer", "content": "b"},
            {"role": "assistant", "content": None, "refusal": "no"},
            {"role": "user", "content": ""},
        ]
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "there"}]},
        {"role": "model", "parts": [{"text": "no"}]},
    ]


def test_results_stand_in_the_order_of_their_calls() -> None:
    """In a turn of their own, of as many parts as there were calls; an id that is used again is of the last call."""
    turns = contents(
        USER,
        {"role": "assistant", "content": "x", "tool_calls": [used("1", "f", {"a": 1}), used("2", "f"), used("3", "g")]},
        {"role": "tool", "tool_call_id": "3", "content": "three"},
        {
            "role": "tool",
            "tool_call_id": "2",
            "content": [{"type": "text", "text": "tw"}, {"type": "text", "text": "o"}],
        },
        {"role": "tool", "tool_call_id": "1", "content": ""},
        USER,
        {"role": "assistant", "tool_calls": [used("1", "h")]},
        {"role": "tool", "tool_call_id": "1", "content": "again"},
    )
    results = [[part.get("functionResponse") for part in turn["parts"]] for turn in turns if turn["role"] == "user"]
    assert results == [
        [None],
        [
            {"name": "f", "response": {"output": ""}},
            {"name": "f", "response": {"output": "two"}},
            {"name": "g", "response": {"output": "three"}},
        ],
        [None],
        [{"name": "h", "response": {"output": "again"}}],
    ]
    assert turns[1]["parts"][1] == {"functionCall": {"name": "f", "args": {"a": 1}}}


def test_a_call_without_its_signature_says_so() -> None:
    """Since Gemini 3, at the first call of each turn: without it the request would be refused."""
    turn = {"role": "assistant", "content": "x", "tool_calls": [used("1", "f"), used("2", "f")]}
    for model, signatures in (("gemini-3.5-flash", [None, UNSIGNED, None]), ("gemini-2.5-flash", [None] * 3)):
        _, said = contents(USER, turn, model=model)
        assert [part.get("thoughtSignature") for part in said["parts"]] == signatures


@pytest.mark.parametrize(
    "fields",
    [
        {"logprobs": True},
        {"top_logprobs": 2},
        {"logit_bias": {"1": 5}},
        {"parallel_tool_calls": False},
        {"cached_content": "projects/p/locations/l/cachedContents/1"},
        {"safety_settings": []},
        {"n": 9},
        {"reasoning_effort": "enormous"},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"tools": [{"type": "function", "function": {}}], "tool_choice": "maybe"},
        {"tools": [{"type": "google_search"}]},
        {"messages": [{"role": "system", "content": "only this"}]},
        {"messages": [{"role": "function", "content": "x"}]},
        {"messages": [USER, {"role": "tool", "tool_call_id": "1", "content": "x"}]},
        {"messages": [USER, {"role": "assistant", "tool_calls": [used("1", "f", "{")]}]},
        {"messages": [USER, {"role": "assistant", "tool_calls": [used("1", "f", "[]")]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:text/html,x"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
    ],
)
def test_what_gemini_cannot_do_is_refused(fields: dict[str, Any]) -> None:
    """By name, never silently left out."""
    with pytest.raises(Failure, match="'b' does not take") as raised:
        gemini(**fields)
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, [*fields][-1])


def test_the_newest_models_always_think() -> None:
    """What turns it off for others is refused, with what there is."""
    with pytest.raises(Failure, match="known of its model are minimal, low, medium, high"):
        gemini("gemini-3.5-flash", reasoning_effort="none")


async def test_an_image_by_address_is_fetched_here() -> None:
    """And goes on in the request: Google would fetch it with the project's own rights. Not before the request was looked at."""
    vendor, png = Gemini(), b"\x89PNG\r\n\x1a\nx"
    async with (
        serving(Reply(content_type="image/png", steps=[png])) as public,
        backend(vendor, streamed(vendor, *vendor.stream(Said(text=("x",))))) as (subject, fake),
    ):
        fetcher = ImageFetcher(permitted=lambda _: True)
        subject = _with_images(subject, fetcher)
        parts = [{"type": "image_url", "image_url": {"url": f"{public.url}/a.png"}}]
        messages = [{"role": "user", "content": parts}]
        with pytest.raises(Failure, match="no_such_field"):
            await subject.open(call(messages=messages, no_such_field=1), time.monotonic() + 9)
        assert public.received == []
        await heard(await opened(subject, call(messages=messages)))
    assert vendor.asked(fake.received[0]).images == ("data:image/png;base64,iVBORw0KGgp4",)


def _with_images(subject: Any, fetcher: ImageFetcher) -> Any:
    return replace(subject, images=fetcher)


async def test_the_end_of_a_stream_that_calls_says_so() -> None:
    """Google's reason is STOP, and stands in another event than the calls: what is logged is what the caller reads."""
    vendor = Gemini()
    sent = vendor.stream(Said(tools=(("f", ()),), finish="tool_calls"))
    async with backend(vendor, streamed(vendor, *sent[:2], 0.02, *sent[2:])) as (subject, _):
        answer = await heard(await opened(subject, call()))
    assert answer.end is not None
    assert (answer.end.reason, answer.finish) == ("tool_calls", "tool_calls")


async def test_an_unreadable_request_reaches_nobody() -> None:
    """The key is not even fetched for it."""
    vendor = Gemini()

    def never(received: Received) -> Reply:
        raise AssertionError(received.path)

    async with backend(vendor, never) as (subject, fake):
        with pytest.raises(Failure) as raised:
            await opened(subject, call(logprobs=True))
    assert fake.received == []
    assert KEY not in str(raised.value)
