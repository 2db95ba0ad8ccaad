"""Requests as no client should write them, made from good ones by a seed: the same seed gives the same requests in every process."""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks up a word",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
        "strict": True,
    },
}
_CONVERSATION = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "name": "ann", "content": "hi"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "a word"},
    {"role": "assistant", "content": "It is a word.", "refusal": None},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "and this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
        ],
    },
]
_SAMPLING = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 9, "stop": ["\n"], "user": "u1"}
_CHAT = {
    "messages": _CONVERSATION,
    **_SAMPLING,
    "stream_options": {"include_usage": True},
    "tools": [_TOOL],
    "tool_choice": {"type": "function", "function": {"name": "look_up"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
    "reasoning_effort": "low",
    "parallel_tool_calls": False,
}
_ONLY_OPENAI = {
    "n": 2,
    "seed": 1,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 2,
}
_PLAIN = {"messages": [{"role": "user", "content": "hi"}]}

GOOD: dict[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": [_CHAT, {**_PLAIN, **_ONLY_OPENAI}, {**_PLAIN, "max_completion_tokens": 5}, _PLAIN],
    "/v1/chat": [{**_PLAIN, "temperature": 1, "max_tokens": 5}, {"messages": _CONVERSATION}],
    "/v1/completions": [
        {"prompt": "Once", **_SAMPLING, "n": 2, "best_of": 2, "logprobs": 1, "echo": False, "suffix": "end"},
        {"prompt": ["Once", "twice"]},
        {"prompt": [1, 2, 3]},
    ],
    "/v1/embeddings": [
        {"input": "Once", "encoding_format": "float", "dimensions": 2, "user": "u1"},
        {"input": [[1, 2], [3]]},
    ],
}
_FIELDS = sorted(
    {name for bodies in GOOD.values() for body in bodies for name in body}
    | {"prompt_cache_key", "safety_identifier", "metadata", "store", "service_tier", "functions", "function_call"}
    | {"modalities", "audio", "prediction", "verbosity", "top_k", "min_p", "web_search_options", "__proto__", "", "é"}
)
_INFINITE, _HUGE = "@1e400@", "@-1e999@"  # written as numbers, which Python's json cannot
_LEAVES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**30)),
    *(0.5, -0.0, 1e308, float("nan"), float("inf"), _INFINITE, _HUGE),
    *("", " ", "x", "\0", "\ud800", "\udc00x", "😀", "a" * 300, "b" * 5000, "auto", "none", "required", "text"),
    *("json_object", "json_schema", "function", "image_url", "user", "http://[", "https://127.0.0.1/x", "data:,x"),
    *([], {}, [None], [[]], [{}], [1], ["x"], [[[[]]]], {"a": None}, {"type": None}, {"type": []}, {"type": "x"}),
    *({"type": "text"}, {"type": "function"}, {"type": "image_url"}, {"url": None}, {"function": None}, {"": {}}),
    *({"type": "image_url", "image_url": None}, {"type": "text", "text": 5}, {"role": "user"}, {"role": []}),
    *({"type": "function", "function": {"name": None, "parameters": []}}, {"function": []}, {"type": "json_schema"}),
    *({"type": "json_schema", "json_schema": []}, {"type": "json_schema", "json_schema": {"schema": True}}),
]
_PATHS = [
    *GOOD,
    *("/", "/health", "/health/live", "/health/generate", "/metrics", "/v1/models", "/v1/routes", "/openapi.json"),
    *("/v1/models/open", "/v1/models/%00", "/v1/models/%ff%fe", "/v1/models/%F0%9F", "/v1/models/" + "m" * 9000),
    *("/v1/models/..%2f..%2fetc", "/v1/models/a%0d%0ab", "/web/main.js", "/web/../main.py", "/web/%2e%2e/x", "//"),
    *("/v1/chat/", "/v1//chat", "/v1/chat/socket", "/docs", "/" + "%20" * 500, "/v1/chat%00", "/%", "/%zz", "/?%ff"),
    *("/v1/chat/completions?stream=true&x=%ff", "/v1/models?" + "a=b&" * 500, "/metrics?name[]=x", "/v1/models#x"),
]
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_HEADERS: list[tuple[str, bytes]] = [
    *(("x-session-id", value) for value in (b"", b"s", b"s" * 50_000, b"\xff\xfe", b"\xc3\xa9", b"a, b")),
    *(("x-request-id", value) for value in (b"", b"r1", b"r" * 500, b"\xff", b"a b")),
    *(("traceparent", value) for value in (b"", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01", b"ff", b"\xff" * 60)),
    *(("tracestate", value) for value in (b"", b"a=b", b"=,=,", b"\xe9=\xe9", b"k=" + b"v" * 3000)),
    *(("accept", value) for value in (b"", b"*/*", b"text/event-stream", b"application/openmetrics-text; version=9")),
    *(("accept", value) for value in (b"application/openmetrics-text;version=x;escaping=y", b";;,,", b"\xff")),
    *(("content-type", value) for value in (b"", b"text/plain", b"multipart/form-data", b"application/json; x=\xff")),
    *(("authorization", value) for value in (b"", b"Bearer", b"Bearer \xff", b"Basic !!", b"Bearer " + b"k" * 5000)),
    *(("x-api-key", value) for value in (b"", b"\xff", b"k" * 5000)),
    *(("cookie", b"a=b; ;;="), ("accept-encoding", b"br;q=x"), ("range", b"bytes=9-1"), ("if-none-match", b'W/"\xff')),
    *(("content-encoding", b"gzip"), ("x-forwarded-for", b"\xff"), ("x-forwarded-host", b"[::"), ("forwarded", b"=")),
]
_MODELS = ["open", "claude", "", "open", "claude", "both"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request. ``body`` goes out as it is, with its true length."""

    method: str
    path: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes

    def raw(self, host: str) -> bytes:
        lines = [("host", host.encode()), *self.headers, ("content-length", b"%d" % len(self.body))]
        head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in lines)
        return f"{self.method} {self.path} HTTP/1.1\r\n".encode() + head + b"\r\n" + self.body


def requests(seed: int, count: int) -> Iterator[Sent]:
    """``count`` requests: most to a generating path with a body that is nearly good, the others odd in method, path or bytes."""
    chance = random.Random(seed)
    for _ in range(count):
        path = chance.choice(list(GOOD))
        headers = tuple(chance.choice(_HEADERS) for _ in range(chance.choice((0, 0, 1, 3))))
        if chance.random() < 0.15:
            body = b"" if chance.random() < 0.5 else written(spoilt(chance, path))
            yield Sent(chance.choice(_METHODS), chance.choice(_PATHS), headers, body)
            continue
        body = written(spoilt(chance, path))
        if chance.random() < 0.05:
            body = _bent(chance, body)
        yield Sent("POST", path, headers, body)


def each_place(step: int) -> Iterator[Sent]:
    """Every ``step``-th of: each odd value in each place of each good body, and in each field that there is anywhere, one at a time."""
    for path, good, model, leaf, place in itertools.islice(_changes(), 0, None, step):
        body: dict[str, Any] = {"model": model, **copy.deepcopy(good)}
        holder, key = (body, place) if isinstance(place, str) else list(_places(body))[place]
        holder[key] = leaf
        yield Sent("POST", path, (), written(body))


def _changes() -> Iterator[tuple[str, dict[str, Any], str, Any, int | str]]:
    """A place is the name of a field, or its number among the places of the body."""
    for path, bodies in GOOD.items():
        models = ("open", "claude", "both") if path == "/v1/chat/completions" else ("open",)
        for leaf, model in itertools.product(_LEAVES, models):
            for body in bodies:
                yield from ((path, body, model, leaf, number + 1) for number, _ in enumerate(_places(body)))
            yield from ((path, bodies[-1], model, leaf, field) for field in _FIELDS)


def messages(seed: int, count: int) -> Iterator[str | bytes]:
    """``count`` messages for the WebSocket."""
    chance = random.Random(seed)
    kinds: list[Any] = ["chat"] * 12 + ["cancel", "auth", "", "x", None, [], 5]
    for number in range(count):
        body = spoilt(chance, "/v1/chat/completions")
        envelope = {"type": chance.choice(kinds), "id": f"m{number}"}
        if chance.random() < 0.1:
            envelope["id"] = chance.choice(_LEAVES)
        text = written(envelope | body if isinstance(body, dict) else body)
        if chance.random() < 0.05:
            text = _bent(chance, text)
        yield text if chance.random() < 0.2 else text.decode(errors="replace")


def spoilt(chance: random.Random, path: str) -> Any:
    """A good body for ``path`` with one to four things wrong in it."""
    body: Any = copy.deepcopy(chance.choice(GOOD[path]))
    body["model"] = chance.choice(_MODELS)
    if path != "/v1/embeddings" and chance.random() < 0.4:
        body["stream"] = True
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        body = _spoil(chance, body)
    return body


def _spoil(chance: random.Random, body: Any) -> Any:
    places = list(_places(body))
    if not places or chance.random() < 0.02:
        return copy.deepcopy(chance.choice(_LEAVES))
    holder, key = chance.choice(places)
    match chance.randrange(6):
        case 0 | 1 | 2:
            holder[key] = copy.deepcopy(chance.choice(_LEAVES))
        case 3:
            del holder[key]
        case 4:
            holder[key] = [copy.deepcopy(holder[key])] * chance.choice((1, 2, 20))
        case 5 if isinstance(body, dict):
            body[chance.choice(_FIELDS)] = copy.deepcopy(chance.choice(_LEAVES))
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where something can be changed, at every depth."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def written(value: Any) -> bytes:
    """As JSON, with what Python's json writes but no standard allows: NaN, Infinity, lone surrogates, numbers out of range."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace(f'"{_INFINITE}"', "1e400").replace(f'"{_HUGE}"', "-1e999").encode()


def _bent(chance: random.Random, body: bytes) -> bytes:
    """The same with something wrong in its bytes."""
    at = chance.randrange(len(body) + 1)
    match chance.randrange(7):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case 2:
            return body[:at] + b"\xff\xfe\x00" + body[at:]
        case 3:
            return b"\xef\xbb\xbf" + body
        case 4:
            return b"[" * 100_000
        case 5:
            return b'{"messages":' * 20_000
    return body + body
