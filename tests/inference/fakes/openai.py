"""OpenAI's chat completions, faked at the wire: accepted by the openai client, as ``test_fakes`` shows."""

from __future__ import annotations

import json
from typing import Any

from app.wire.events import Usage
from tests.inference.fakes.server import Received, Reply, as_json
from tests.inference.fakes.vendor import USAGE, Asked, Fault, Lack, Said, ServerSent, quoting

_FAULTS: dict[Fault, tuple[int, dict[str, Any]]] = {
    Fault.WRONG_KEY: (401, {"message": "Incorrect API key provided", "code": "invalid_api_key"}),
    Fault.NO_ACCESS: (403, {"message": "Project has no access", "code": "model_not_allowed"}),
    Fault.NO_MODEL: (404, {"message": "The model does not exist", "code": "model_not_found"}),
    Fault.NO_MONEY: (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}),
    Fault.RATE_LIMITED: (429, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}),
    Fault.OVERLOADED: (503, {"message": "The server is overloaded", "code": None}),
    Fault.BROKEN: (500, {"message": "The server had an error", "type": "server_error", "code": None}),
    Fault.BAD_REQUEST: (400, {"message": "Invalid value", "param": "temperature", "code": "invalid_value"}),
    Fault.TOO_LONG: (400, {"message": "This model's maximum context length is 8", "code": "context_length_exceeded"}),
    Fault.REFUSED: (400, {"message": "Filtered", "code": "content_filter"}),
}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _event(value: Any) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


class OpenAI(ServerSent):
    base_path = "/v1"
    lacks: frozenset[Lack] = frozenset()
    usage = USAGE

    def __init__(self, adapter: str = "openai") -> None:
        self.adapter = adapter

    def whole(self, said: Said) -> Reply:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(said.text) or None, "refusal": None}
        if said.reasoning:
            message["reasoning_content"] = "".join(said.reasoning)
        if said.tools:
            message["tool_calls"] = [
                {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": "".join(pieces)}}
                for n, (name, pieces) in enumerate(said.tools)
            ]
        choice = {"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}
        body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "gpt-4o-2024-11-20"}
        usage = {"usage": _usage(said.usage)} if said.usage else {}
        return as_json(body | {"choices": [choice]} | usage)

    def stream(self, said: Said) -> list[bytes]:
        events = [self._chunk({"role": "assistant", "content": ""})]
        events += [self._chunk({"reasoning_content": text}) for text in said.reasoning]
        events += [self._chunk({"content": text}) for text in said.text]
        for n, (name, pieces) in enumerate(said.tools):
            first = {"index": n, "id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": ""}}
            events.append(self._chunk({"tool_calls": [first]}))
            events += [
                self._chunk({"tool_calls": [{"index": n, "function": {"arguments": piece}}]}) for piece in pieces
            ]
        events.append(self._chunk({}, said.finish))
        if said.usage:
            events.append(_event(self._head() | {"choices": [], "usage": _usage(said.usage)}))
        return [*events, b"data: [DONE]\n\n"]

    def fault(self, fault: Fault, key: str = "") -> Reply:
        status, error = _FAULTS[fault]
        text = quoting(error["message"], key)
        return as_json(
            {"error": {"type": "invalid_request_error", "param": None} | error | {"message": text}}, status=status
        )

    def error_event(self, fault: Fault, key: str = "") -> bytes:
        status, error = _FAULTS[fault]
        return _event({"error": error | {"code": error["code"] or status, "message": quoting(error["message"], key)}})

    def ping(self) -> bytes:
        return b": ping\n\n"

    def asked(self, received: Received) -> Asked:
        body = received.body
        messages = body["messages"]
        parts = [part for m in messages if isinstance(m["content"], list) for part in m["content"]]
        stop = body.get("stop") or []
        choice = body.get("tool_choice") or ""
        return Asked(
            model=body["model"],
            stream=body["stream"],
            system="\n".join(m["content"] for m in messages if m["role"] in ("system", "developer")),
            text=next((m["content"] for m in messages if m["role"] == "user" and isinstance(m["content"], str)), ""),
            stop=tuple([stop] if isinstance(stop, str) else stop),
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            tools=tuple(tool["function"]["name"] for tool in body.get("tools", ())),
            tool_choice=choice if isinstance(choice, str) else choice["function"]["name"],
            schema=(body.get("response_format") or {}).get("json_schema", {}).get("schema"),
            images=tuple(part["image_url"]["url"] for part in parts if part["type"] == "image_url"),
            tool_results={m["tool_call_id"]: m["content"] for m in messages if m["role"] == "tool"},
            turns=tuple((m["role"], m["content"]) for m in messages if m["role"] in ("user", "assistant")),
            temperature=body.get("temperature"),
            key=received.headers.get("authorization", "").removeprefix("Bearer "),
        )

    def _head(self) -> dict[str, Any]:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1700000000,
            "model": "gpt-4o-2024-11-20",
        }

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event(self._head() | {"choices": [choice], "usage": None})
