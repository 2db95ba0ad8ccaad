"""Anthropic's Messages, faked at the wire: accepted by the anthropic client, as ``test_fakes`` shows."""

from __future__ import annotations

import json
from typing import Any

from app.wire.events import Usage
from tests.inference.fakes.server import Received, Reply, as_json
from tests.inference.fakes.vendor import USAGE, Asked, Fault, Lack, Said, ServerSent, quoting

_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_FAULTS = {
    Fault.WRONG_KEY: (401, "authentication_error", "invalid x-api-key"),
    Fault.NO_ACCESS: (403, "permission_error", "not allowed"),
    Fault.NO_MODEL: (404, "not_found_error", "model: nope"),
    Fault.NO_MONEY: (400, "invalid_request_error", "Your credit balance is too low to access the API"),
    Fault.RATE_LIMITED: (429, "rate_limit_error", "This request would exceed your rate limit"),
    Fault.OVERLOADED: (529, "overloaded_error", "Overloaded"),
    Fault.BROKEN: (500, "api_error", "Internal server error"),
    Fault.BAD_REQUEST: (400, "invalid_request_error", "temperature: range: 0..1"),
    Fault.TOO_LONG: (400, "invalid_request_error", "prompt is too long: 203456 tokens > 200000 maximum"),
    Fault.REFUSED: (400, "invalid_request_error", "Output blocked by content filtering policy"),
}


def _error(fault: Fault, key: str) -> dict[str, Any]:
    _, kind, message = _FAULTS[fault]
    return {"type": "error", "error": {"type": kind, "message": quoting(message, key)}, "request_id": "req_1"}


def _usage(usage: Usage | None) -> dict[str, Any]:
    usage = usage or Usage()
    return {
        "input_tokens": usage.input,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write + usage.cache_write_1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def _event(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


class Anthropic(ServerSent):
    adapter = "anthropic"
    base_path = ""
    lacks: frozenset[Lack] = frozenset()
    usage = USAGE

    def whole(self, said: Said) -> Reply:
        content: list[dict[str, Any]] = []
        if said.reasoning:
            content.append({"type": "thinking", "thinking": "".join(said.reasoning), "signature": "c2ln"})
        if said.text:
            content.append({"type": "text", "text": "".join(said.text)})
        for n, (name, pieces) in enumerate(said.tools):
            given = json.loads("".join(pieces) or "{}")
            content.append({"type": "tool_use", "id": f"call_{n}", "name": name, "input": given})
        usage = {"usage": _usage(said.usage)} if said.usage else {}
        return as_json(self._message(content, _STOP[said.finish]) | usage)

    def stream(self, said: Said) -> list[bytes]:
        start = self._message([], None)
        if said.usage:
            start["usage"] = _usage(said.usage) | {"output_tokens": 1, "output_tokens_details": None}
        events = [_event({"type": "message_start", "message": start})]
        blocks = 0
        if said.reasoning:
            deltas = [{"type": "thinking_delta", "thinking": text} for text in said.reasoning]
            signed = [*deltas, {"type": "signature_delta", "signature": "c2ln"}]
            events += self._block(blocks, {"type": "thinking", "thinking": "", "signature": ""}, signed)
            blocks += 1
        if said.text:
            deltas = [{"type": "text_delta", "text": text} for text in said.text]
            events += self._block(blocks, {"type": "text", "text": ""}, deltas)
            blocks += 1
        events.insert(2, self.ping())
        for n, (name, pieces) in enumerate(said.tools):
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)]
            events += self._block(blocks, {"type": "tool_use", "id": f"call_{n}", "name": name, "input": {}}, deltas)
            blocks += 1
        delta = {"stop_reason": _STOP[said.finish], "stop_sequence": None}
        ending: dict[str, Any] = {"type": "message_delta", "delta": delta}
        if said.usage:
            details = {"thinking_tokens": said.usage.reasoning}
            ending["usage"] = {"output_tokens": said.usage.completion, "output_tokens_details": details}
        events.append(_event(ending))
        return [*events, _event({"type": "message_stop"})]

    def fault(self, fault: Fault, key: str = "") -> Reply:
        return as_json(_error(fault, key), status=_FAULTS[fault][0])

    def error_event(self, fault: Fault, key: str = "") -> bytes:
        return _event(_error(fault, key))

    def ping(self) -> bytes:
        return _event({"type": "ping"})

    def asked(self, received: Received) -> Asked:
        body = received.body
        blocks = [block for turn in body["messages"] for block in turn["content"]]
        choice = body.get("tool_choice") or {}
        return Asked(
            model=body["model"],
            stream=body["stream"],
            system="\n".join(block["text"] for block in body.get("system", ())),
            text=next((block["text"] for block in blocks if block["type"] == "text"), ""),
            stop=tuple(body.get("stop_sequences", ())),
            max_tokens=body["max_tokens"],
            tools=tuple(tool["name"] for tool in body.get("tools", ())),
            tool_choice={"any": "required", "tool": choice.get("name", "")}.get(
                choice.get("type", ""), choice.get("type", "")
            ),
            schema=body.get("output_config", {}).get("format", {}).get("schema"),
            images=tuple(_image(block["source"]) for block in blocks if block["type"] == "image"),
            tool_results={
                block["tool_use_id"]: "".join(part["text"] for part in block["content"])
                for block in blocks
                if block["type"] == "tool_result"
            },
            turns=tuple(
                (turn["role"], "".join(block.get("text", "") for block in turn["content"])) for turn in body["messages"]
            ),
            temperature=body.get("temperature"),
            key=received.headers.get("x-api-key") or received.headers.get("authorization", "").removeprefix("Bearer "),
        )

    def _message(self, content: list[dict[str, Any]], stop: str | None) -> dict[str, Any]:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
        }

    def _block(self, index: int, block: dict[str, Any], deltas: list[dict[str, Any]]) -> list[bytes]:
        return [
            _event({"type": "content_block_start", "index": index, "content_block": block}),
            *(_event({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas),
            _event({"type": "content_block_stop", "index": index}),
        ]


def _image(source: dict[str, str]) -> str:
    return source["url"] if source["type"] == "url" else f"data:{source['media_type']};base64,{source['data']}"
