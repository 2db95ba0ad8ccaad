"""OpenAI at the wire, for the client libraries' own suites: every path that the app asks, and every field by which an answer changes its form."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.clients.obliging import Said, answer, unanswered
from tests.inference.fakes.server import Received, Reply, as_json, as_stream

_DIMENSIONS = 1536  # of text-embedding-3-small (OpenAI's guide to embeddings, checked 2026-12-01)

Body = Mapping[str, Any]


def reply(received: Received) -> Reply:
    """The answer to a request, in the form that OpenAI gives it."""
    body = received.body
    match received.path.rpartition("/v1")[2]:
        case "/embeddings":
            return as_json(_embeddings(body))
        case "/completions":
            return as_stream(*_text_events(body)) if body["stream"] else as_json(_text(body))
    if unanswered(body["messages"]):
        error = {
            "message": "a tool call has no answer",
            "type": "invalid_request_error",
            "param": "messages",
            "code": None,
        }
        return as_json({"error": error}, status=400)
    said = answer(body)
    return as_stream(*_events(body, said)) if body["stream"] else as_json(_whole(body, said))


def _head(body: Body, kind: str) -> dict[str, Any]:
    tier = {"service_tier": body.get("service_tier") or "default", "system_fingerprint": "fp_1"}
    return {"id": "chatcmpl-1", "object": kind, "created": 1700000000, "model": body["model"], **tier}


_USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 11,
    "total_tokens": 31,
    "prompt_tokens_details": {"cached_tokens": 7, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 4,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 3,
        "rejected_prediction_tokens": 2,
    },
}


def _whole(body: Body, said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None, "annotations": []}
    if said.calls:
        message["tool_calls"] = _calls(said)
    choices = [
        {"index": index, "message": message, "finish_reason": said.finish, "logprobs": _logprobs(body, [said.text])}
        for index in range(body.get("n") or 1)
    ]
    return {**_head(body, "chat.completion"), "choices": choices, "usage": _USAGE}


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(said.calls)
    ]


def _logprobs(body: Body, tokens: Sequence[str]) -> dict[str, Any] | None:
    if not body.get("logprobs"):
        return None
    content = [
        {"token": token, "logprob": -0.1, "bytes": list(token.encode()), "top_logprobs": []}
        for token in tokens
        if token
    ]
    return {"content": content, "refusal": None}


def _events(body: Body, said: Said) -> Iterator[bytes]:
    kind = "chat.completion.chunk"
    for index in range(body.get("n") or 1):
        for delta in ({"role": "assistant", "content": ""}, *_deltas(said)):
            yield _event(body, kind, {"index": index, "delta": delta, "finish_reason": None}, delta.get("content"))
        yield _event(body, kind, {"index": index, "delta": {}, "finish_reason": said.finish})
    yield from _end(body, kind)


def _deltas(said: Said) -> Iterator[dict[str, Any]]:
    middle = len(said.text) // 2
    yield from ({"content": piece} for piece in (said.text[:middle], said.text[middle:]) if piece)
    for number, call in enumerate(_calls(said)):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": number, "function": {**function, "arguments": ""}}]}
        middle = len(function["arguments"]) // 2
        for piece in (function["arguments"][:middle], function["arguments"][middle:]):
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}


def _event(body: Body, kind: str, choice: dict[str, Any], text: str | None = None) -> bytes:
    choice = {"logprobs": _logprobs(body, [text]) if text else None, **choice}
    return _data({**_head(body, kind), "choices": [choice]})


def _end(body: Body, kind: str) -> Iterator[bytes]:
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _data({**_head(body, kind), "choices": [], "usage": _USAGE})
    yield b"data: [DONE]\n\n"


def _data(value: Any) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _text(body: Body) -> dict[str, Any]:
    choice = {"index": 0, "text": "This is a test.", "finish_reason": "stop", "logprobs": None}
    return {**_head(body, "text_completion"), "choices": [choice], "usage": _USAGE}


def _text_events(body: Body) -> Iterator[bytes]:
    kind = "text_completion"
    yield _data({**_head(body, kind), "choices": _text(body)["choices"]})
    yield from _end(body, kind)


def _embeddings(body: Body) -> dict[str, Any]:
    given = body["input"]
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    vectors = [_vector(each, body.get("dimensions") or _DIMENSIONS) for each in inputs]
    if body.get("encoding_format") == "base64":
        written: list[Any] = [base64.b64encode(struct.pack(f"<{len(each)}f", *each)).decode() for each in vectors]
    else:
        written = list(vectors)
    data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(written)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def _vector(given: str | Sequence[int], dimensions: int) -> list[float]:
    """A vector of length 1 in the direction that the first of the input decides."""
    first = ord(given[0]) if isinstance(given, str) else given[0]
    return [float(place == first % dimensions) for place in range(dimensions)]
