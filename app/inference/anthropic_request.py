"""A chat request in OpenAI's form as one of Anthropic's Messages. What Anthropic cannot do is refused by name, never silently left out.

Anthropic's fields as in the anthropic 2.12 client (types/message_create_params.py), checked 2026-11-24.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import msgspec

from app.inference import fields
from app.inference.images import address, is_data
from app.logic.answer import Call
from app.logic.excerpt import excerpt

# Anthropic demands a limit, OpenAI's callers often give none. Every model since Claude 3.7 takes this one, and at 27 tokens a second
# it ends within the router's 600 s.
MAX_TOKENS = 16_000

ALLOWED = fields.CHAT - {"n", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"}
# Values that say "as usual" in OpenAI's form: dropped, because Anthropic has no such field.
_AS_USUAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "verbosity": ("medium",),
}
_IMAGE = re.compile(r"data:(image/(?:jpeg|png|gif|webp));base64,(.+)", re.I | re.S)
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}

Block = dict[str, Any]


def map_request(call: Call, *, model: str, backend: str) -> dict[str, Any]:
    """The body for ``/v1/messages``. Raises Failure(BAD_REQUEST) with the field that cannot be mapped."""
    usual = {name for name, values in _AS_USUAL.items() if call.body.get(name) in values}
    body = fields.admitted(call, ALLOWED | usual, backend, max_choices=1)
    fields.check_parts(body["messages"], backend)
    system, messages = _map_messages(body["messages"], backend)
    mapped: dict[str, Any] = {
        "model": model,
        "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens") or MAX_TOKENS,
        "messages": messages,
        "stream": call.stream,
    }
    if system:
        mapped["system"] = system
    if stop := body.get("stop"):
        mapped["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if user := body.get("user"):
        mapped["metadata"] = {"user_id": user}
    return mapped | _map_sampling(body, backend) | _map_tools(body, backend) | _map_output(body, backend)


def _map_sampling(body: dict[str, Any], backend: str) -> dict[str, Any]:
    if (body.get("temperature") or 0) > 1:
        raise fields.refused(backend, "temperature", "Anthropic's goes from 0 to 1")
    return {name: body[name] for name in ("temperature", "top_p") if body.get(name) is not None}


def _map_tools(body: dict[str, Any], backend: str) -> dict[str, Any]:
    tools = body.get("tools")
    if not tools:
        return {}
    choice = _map_tool_choice(body.get("tool_choice") or "auto", backend)
    if body.get("parallel_tool_calls") is False and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tools": [_map_tool(tool["function"]) for tool in tools], "tool_choice": choice}


def _map_tool(function: dict[str, Any]) -> dict[str, Any]:
    tool = {
        "name": function.get("name"),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    return tool | {name: function[name] for name in ("description", "strict") if function.get(name)}


def _map_tool_choice(choice: Any, backend: str) -> dict[str, Any]:
    if isinstance(choice, str) and choice in _CHOICES:
        return {"type": _CHOICES[choice]}
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "tool", "name": (choice.get("function") or {}).get("name")}
    raise fields.refused(backend, "tool_choice", "known are 'auto', 'none', 'required' and one function by name")


def _map_output(body: dict[str, Any], backend: str) -> dict[str, Any]:
    """JSON schema and effort, which share ``output_config``."""
    config: dict[str, Any] = {}
    wanted = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_object":
        raise fields.refused(backend, "response_format", "Anthropic writes JSON to a schema only; give a json_schema")
    if wanted["type"] == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema")
        if not isinstance(schema, dict):
            raise fields.refused(backend, "response_format", "json_schema.schema is missing")
        config["format"] = {"type": "json_schema", "schema": schema}
    effort = body.get("reasoning_effort")
    if effort == "none":
        return {"thinking": {"type": "disabled"}} | ({"output_config": config} if config else {})
    if effort:
        if effort not in _EFFORTS:
            raise fields.refused(backend, "reasoning_effort", f"known are none, {', '.join(_EFFORTS)}")
        config["effort"] = _EFFORTS[effort]
    return {"output_config": config} if config else {}


def _map_messages(messages: list[dict[str, Any]], backend: str) -> tuple[list[Block], list[dict[str, Any]]]:
    """The system blocks, wherever they stood, and the turns: neighbours of one role are one turn."""
    system: list[Block] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        match message["role"]:
            case "system" | "developer":
                system += _map_content(message.get("content"), backend)
                continue
            case "user":
                role, blocks = "user", _map_content(message.get("content"), backend)
            case "assistant":
                role, blocks = "assistant", _map_assistant(message, backend)
            case "tool":
                role, blocks = "user", [_map_tool_result(message, backend)]
            case other:
                raise fields.refused(backend, "messages", f"a message of role '{excerpt(other)}'")
        if not blocks:
            continue  # Anthropic answers an empty turn with an error
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise fields.refused(backend, "messages", "there must be one of a user")
    return system, turns


def _map_content(content: str | list[Block] | None, backend: str) -> list[Block]:
    if isinstance(content, list):
        return list(itertools.chain.from_iterable(_map_part(part, backend) for part in content))
    return [{"type": "text", "text": content}] if content else []


def _map_part(part: Block, backend: str) -> list[Block]:
    if part["type"] == "image_url":
        return [_map_image(address(part), backend)]
    text = part.get("text") or part.get("refusal")
    return [{"type": "text", "text": text}] if text else []


def _map_image(url: str, backend: str) -> Block:
    """By address it goes on: Anthropic fetches it in its own network."""
    if not is_data(url):
        return {"type": "image", "source": {"type": "url", "url": url}}
    found = _IMAGE.fullmatch(url)
    if found is None:
        raise fields.refused(backend, "messages", "a data: image must be base64 and a JPEG, PNG, GIF or WebP")
    return {"type": "image", "source": {"type": "base64", "media_type": found[1].lower(), "data": found[2]}}


def _map_assistant(message: dict[str, Any], backend: str) -> list[Block]:
    blocks = _map_content(message.get("content") or message.get("refusal"), backend)
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        try:
            given = function.get("arguments") or {}
            given = msgspec.json.decode(given) if isinstance(given, str) else given
        except (msgspec.DecodeError, RecursionError):
            raise fields.refused(backend, "messages", "a tool call's arguments are not JSON") from None
        if not isinstance(given, dict):
            raise fields.refused(backend, "messages", "a tool call's arguments are not a JSON object")
        blocks.append({"type": "tool_use", "id": _map_id(call.get("id")), "name": function.get("name"), "input": given})
    return blocks


def _map_tool_result(message: dict[str, Any], backend: str) -> Block:
    return {
        "type": "tool_result",
        "tool_use_id": _map_id(message.get("tool_call_id")),
        "content": _map_content(message.get("content"), backend),
    }


def _map_id(given: Any) -> str:
    """Another vendor's id in the characters that Anthropic takes; the same one always becomes the same."""
    return _NOT_IN_ID.sub("_", str(given or ""))
