"""Gemini's answers, read: shapes as Google's clients know them and as public reports show them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.wire.events import Event, Finish, Garbled, Reasoning, Start, Text, ToolCall, Usage
from app.wire.gemini import Gemini

CODEC = Gemini(clock=lambda: 1700000000.5)
START = Start("r1", "gemini-2.5-flash", 1796120430)


def answer(*parts: dict[str, Any], finish: str = "", index: int | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}}
    candidate |= {"finishReason": finish} if finish else {}
    candidate |= {} if index is None else {"index": index}
    head = {"modelVersion": START.model, "responseId": START.id, "createTime": "2026-12-01T10:20:30.123456789Z"}
    return {"candidates": [candidate], **head, **more}


def stream(*answers: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in answers)


def whole(given: Any) -> list[Event]:
    """The events of a whole answer, as Google writes it: indented."""
    return list(CODEC.parse_whole(json.dumps(given, indent=2).encode()))


def called(name: str, args: Any = None, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **({} if args is None else {"args": args}), **more}}


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("OTHER", "content_filter"),
        ("SOMETHING_NEW", "content_filter"),
    ],
)
def test_finish_reasons(reason: str, finish: str) -> None:
    """What stopped an answer before its end is no end, even where nobody knows the reason."""
    given = answer({"text": "a"}, finish=reason)
    assert CODEC.scan_whole(json.dumps(given).encode()).finish == finish
    seen = CODEC.scan(stream(given), hide_usage=False)
    assert (seen.finish, seen.finished, seen.progress, seen.done) == (finish, frozenset({0}), True, False)
    assert whole(given) == [START, Text("a"), Finish(finish)]


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"])
def test_a_model_that_gave_up_is_an_error(reason: str) -> None:
    """There is no answer in it, though the status was 200."""
    given = answer(finish=reason)
    given["candidates"][0]["finishMessage"] = "print(now())"
    for seen in (CODEC.scan_whole(json.dumps(given).encode()), CODEC.scan(stream(given), hide_usage=False)):
        assert seen.error is not None
        assert json.loads(seen.error)["error"]["message"] == f"the model gave up ({reason}): print(now())"
        assert seen.finish is None


def test_an_unspecified_reason_is_none() -> None:
    """Google writes the zero of its enumeration where there is nothing yet."""
    assert (
        CODEC.scan(stream(answer({"text": "a"}, finish="FINISH_REASON_UNSPECIFIED")), hide_usage=False).finish is None
    )


def test_thoughts_text_and_calls_keep_their_order() -> None:
    """A signature is no content; an answer that calls has its own finish reason, wherever the calls stood."""
    events = list(
        CODEC.reader().read(
            stream(
                answer({"text": "hm", "thought": True}),
                answer({"text": "Let me see."}, {"text": "", "thoughtSignature": "c2ln"}),
                answer(called("f", {"a": [1, 2.5, None]}), called("f")),
                answer(called("g", {}, id="g-7")),
                answer(finish="STOP", usageMetadata={"promptTokenCount": 3}),
            )
        )
    )
    assert events == [
        START,
        Reasoning("hm"),
        Text("Let me see."),
        ToolCall(0, '{"a":[1,2.5,null]}', "call_r1_0", "f"),
        ToolCall(1, "{}", "call_r1_1", "f"),
        ToolCall(2, "{}", "g-7", "g"),
        Finish("tool_calls"),
        Usage(input=3),
    ]


def test_arguments_are_in_one_line_and_otherwise_as_written() -> None:
    """Large numbers and escapes stay what they were."""
    raw = json.dumps(answer(called("f", {"a": "x\ny"})), indent=2).replace(
        '"x\\ny"', '12345678901234567890.10, "b": "\\u00e9"'
    )
    [_, call] = CODEC.parse_whole(raw.encode())
    assert call == ToolCall(0, '{"a":12345678901234567890.10,"b":"\\u00e9"}', "call_r1_0", "f")


def test_candidates_are_choices() -> None:
    """Each has its calls and its end; usage comes with the last end, once."""
    events = list(
        CODEC.reader().read(
            stream(
                answer({"text": "a"}, index=0) | {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1}},
                answer(called("f"), index=1),
                answer(finish="STOP", index=0, usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 2}),
                answer(finish="STOP", index=1, usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 5}),
            )
        )
    )
    assert events == [
        START,
        Text("a"),
        ToolCall(0, "{}", "call_r1_1_0", "f", index=1),
        Finish("stop"),
        Finish("tool_calls", 1),
        Usage(input=3, output=5),
    ]


def test_usage_is_disjoint_and_grows() -> None:
    """The prompt's count has the cached tokens in it, and what Google's own tools read stands beside it. An event may leave out what another told."""
    first = {"promptTokenCount": 30, "totalTokenCount": 30}
    last = {
        "promptTokenCount": 30,
        "cachedContentTokenCount": 7,
        "candidatesTokenCount": 11,
        "thoughtsTokenCount": 4,
        "toolUsePromptTokenCount": 2,
    }
    seen = CODEC.scan(stream(answer(usageMetadata=first), answer(usageMetadata=last)), hide_usage=True)
    assert seen.usage == Usage(input=25, cache_read=7, output=11, reasoning=4)
    assert CODEC.total(seen.usage, Usage(input=30)) == seen.usage


def test_a_blocked_prompt_is_an_error() -> None:
    """Also where its usage was counted; and one that was only rated is none."""
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}
    seen = CODEC.scan_whole(json.dumps(blocked).encode())
    assert seen.error is not None
    assert json.loads(seen.error)["error"] == {"status": "PROMPT_BLOCKED", "message": "the prompt was blocked (SAFETY)"}
    rated = answer({"text": "a"}, finish="STOP", promptFeedback={"safetyRatings": []})
    assert CODEC.scan_whole(json.dumps(rated).encode()).error is None


@pytest.mark.parametrize(
    "raw",
    [
        b'{\n  "error": {\n    "code": 429,\n    "status": "RESOURCE_EXHAUSTED"\n  }\n}\r\n\r\n',
        b'[{\n  "error": {\n    "code": 429,\n    "status": "RESOURCE_EXHAUSTED"\n  }\n}\n]\n\n',
        b'data: {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}\n\n',
    ],
)
def test_an_error_between_events_is_one(raw: bytes) -> None:
    """However Google frames it; the events before it go on."""
    before = stream(answer({"text": "a"}))
    seen = CODEC.scan(before + raw, hide_usage=False)
    assert seen.error is not None
    assert b"RESOURCE_EXHAUSTED" in seen.error
    assert list(CODEC.reader().read(seen.raw)) == [START, Text("a")]


@pytest.mark.parametrize("raw", [b'{"a": 1}\n\n', b"[1]\n\n", b"[]\n\n", b"data: [1]\n\n", b'data: "x"\n\n'])
def test_other_json_between_events_is_garbage(raw: bytes) -> None:
    """It is neither an event nor an error."""
    with pytest.raises(Garbled):
        CODEC.scan(raw, hide_usage=False)


@pytest.mark.parametrize(
    "odd",
    [
        {"usageMetadata": "many"},
        {"promptFeedback": 7},
        {"modelVersion": 3},
        {"createTime": 5},
    ],
)
def test_a_field_of_another_shape_takes_nothing_else_away(odd: dict[str, Any]) -> None:
    """Its text and its end are still read."""
    events = whole(answer({"text": "a"}, finish="STOP") | odd)
    assert events[1:] == [Text("a"), Finish("stop")]


def test_a_candidate_of_another_shape_is_left_out() -> None:
    """The others are read."""
    given = answer({"text": "a"}, finish="STOP")
    given["candidates"].insert(0, {"content": "text", "index": 1})
    assert whole(given) == [START, Text("a"), Finish("stop")]


def test_an_answer_without_its_time_has_that_of_the_clock() -> None:
    """OpenAI's wire must say one."""
    for made in ({}, {"createTime": "soon"}, {"createTime": None}):
        given = {name: value for name, value in answer({"text": "a"}).items() if name != "createTime"} | made
        assert whole(given)[0] == Start("r1", START.model, 1700000000)


@pytest.mark.parametrize(
    "raw", [b"{}", b'{"candidates": []}', b'{"usageMetadata": {}}', b"7", b"<html>", b'{"a": "\xff"}']
)
def test_what_is_no_answer_is_garbled(raw: bytes) -> None:
    """Nobody takes it for an empty one."""
    with pytest.raises(Garbled):
        CODEC.scan_whole(raw)
