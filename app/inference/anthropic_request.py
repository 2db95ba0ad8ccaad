"""A chat request in OpenAI's form as one of Anthropic's Messages. What Anthropic cannot do is refused by name, never silently left out.

Anthropic's fields as in the anthropic 2.12 client (types/message_create_params.py), checked 2026-11-24.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from typing import Any

import msgspec

from app.inference import fields, ids
from app.inference.fields import Admitted
from app.inference.images import address, is_data
from app.logic.answer import Call
from app.logic.excerpt import excerpt

# Anthropic demands a limit, OpenAI's callers often give none. Every model since Claude 3.7 takes this one, and at 27 tokens a second
# it ends within the router's 600 s.
MAX_TOKENS = 16_000

ALLOWED = (fields.CHAT | {"safety_identifier"}) - {
    "n",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
}
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
_MAX_ID = 128  # three times what any vendor writes: Anthropic names no limit
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}

# What Anthropic answers with an error, although it only hints: an id of a user that is an e-mail address or a telephone number, or longer than
# 256 characters (platform.claude.com/docs/en/api/messages and BerriAI/litellm 10106, read 2026-12-01).
_PERSONAL = re.compile(r"(?=.*\S@\S+\.\S)|\+\d[\d\s().-]{6,}\Z|\(?\d{2,4}\)?[\s.-]\d{3,4}[\s.-]?\d{3,4}\Z", re.S)
_MAX_USER = 256

Block = dict[str, Any]


# Of temperature and top_p these take one, those since Claude 4.7 none (platform.claude.com/docs, and public reports, 2026-11-30).
_ONE_OF_TWO = (
    "claude-opus-4-1",
    "claude-opus-4-5",
    "claude-opus-4-6",
    "claude-sonnet-4-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
)
_SAMPLES_ITSELF = (
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-sonnet-4-7",
    "claude-sonnet-4-8",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-haiku-5",
)


def map_request(call: Call, *, model: str, backend: str) -> Admitted:
    """The body for ``/v1/messages``. Raises Failure(BAD_REQUEST) with the field that cannot be mapped."""
    usual = {name for name, values in _AS_USUAL.items() if call.body.get(name) in values}
    body, hints = fields.admitted(call, ALLOWED | usual, backend, max_choices=1, caches=True)
    ignored = set(hints)
    fields.check_parts(body["messages"], backend, fields.PARTS | fields.THINKING)
    system, messages = _map_messages(body["messages"], backend)
    mapped: dict[str, Any] = {
        "model": model,
        "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens") or MAX_TOKENS,
        "messages": messages,
        "stream": call.stream,
    }
    if system:
        mapped["system"] = system
    stop = body.get("stop") or ()
    if stops := [word for word in ([stop] if isinstance(stop, str) else stop) if word.strip()]:
        mapped["stop_sequences"] = stops  # Anthropic answers one of white space with an error
    mapped |= _map_user(body, ignored)
    mapped |= _map_sampling(body, backend, model, ignored) | _map_tools(body, backend) | _map_output(body, backend)
    return Admitted(mapped, frozenset(ignored))


def _map_user(body: dict[str, Any], ignored: set[str]) -> dict[str, Any]:
    """By which Anthropic tells users apart; left out where it would refuse it."""
    name = "user" if body.get("user") else "safety_identifier"
    user = body.get(name)
    if not user:
        return {}
    if len(user) > _MAX_USER or _PERSONAL.match(user):
        ignored.add(name)
        return {}
    return {"metadata": {"user_id": user}}


def _map_sampling(body: dict[str, Any], backend: str, model: str, ignored: set[str]) -> dict[str, Any]:
    if (body.get("temperature") or 0) > 1:
        raise fields.refused(backend, "temperature", "Anthropic's goes from 0 to 1")
    given = {name: body[name] for name in ("temperature", "top_p") if body.get(name) is not None}
    unwanted = unwanted_sampling(model, given)
    ignored |= unwanted
    return {name: value for name, value in given.items() if name not in unwanted}


def unwanted_sampling(model: str, given: Collection[str]) -> frozenset[str]:
    """Which of temperature and top_p that were ``given`` a Claude ``model`` would answer with an error."""
    if model.startswith(_SAMPLES_ITSELF):
        return frozenset(given)
    return frozenset({"top_p"} if len(given) == 2 and model.startswith(_ONE_OF_TWO) else ())


def _map_tools(body: dict[str, Any], backend: str) -> dict[str, Any]:
    tools = body.get("tools")
    if not tools:
        return {}
    choice = _map_tool_choice(body.get("tool_choice") or "auto", backend)
    if body.get("parallel_tool_calls") is False and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tools": [_map_tool(tool) for tool in tools], "tool_choice": choice}


def _map_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    mapped = {
        "name": function.get("name"),
        "input_schema": {"type": "object", **(function.get("parameters") or {"properties": {}})},
    }
    mapped |= {name: function[name] for name in ("description", "strict") if function.get(name)}
    return mapped | _cached(function) | _cached(tool)


def _cached(item: dict[str, Any]) -> Block:
    """``cache_control``, wherever a caller of Anthropic's models put it."""
    control = item.get("cache_control")
    return {"cache_control": control} if isinstance(control, dict) else {}


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
                system += _with_control(_map_content(message.get("content"), backend), message)
                continue
            case "user":
                role, blocks = "user", _with_control(_map_content(message.get("content"), backend), message)
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
    _settle_end(turns)
    if not turns:
        raise fields.refused(backend, "messages", "there must be one of a user")
    return system, turns


def _settle_end(turns: list[dict[str, Any]]) -> None:
    """Takes the white space off the end of an answer that is to go on: Anthropic answers it with an error (langchain 35071, read 2026-12-01)."""
    if turns and turns[-1]["role"] == "assistant" and (last := turns[-1]["content"][-1])["type"] == "text":
        turns[-1]["content"][-1] = last | {"text": last["text"].rstrip()}


def _with_control(blocks: list[Block], message: dict[str, Any]) -> list[Block]:
    """A message's own ``cache_control`` stands at its last block."""
    return [*blocks[:-1], blocks[-1] | _cached(message)] if blocks else []


def _map_content(content: str | list[Block] | None, backend: str) -> list[Block]:
    """Text blocks of white space alone are left out: Anthropic answers them with an error."""
    if isinstance(content, list):
        return list(itertools.chain.from_iterable(_map_part(part, backend) for part in content))
    return [{"type": "text", "text": content}] if content and content.strip() else []


def _map_part(part: Block, backend: str) -> list[Block]:
    if part["type"] == "image_url":
        return [_map_image(address(part), backend) | _cached(part)]
    if part["type"] in fields.THINKING:
        return [_thought(part)]
    text = part.get("text") or part.get("refusal")
    return [{"type": "text", "text": text} | _cached(part)] if text and text.strip() else []


def _thought(part: Block) -> Block:
    """A thought of an earlier turn as Anthropic wrote it: it checks the signature."""
    return {name: part[name] for name in ("type", "thinking", "signature", "data") if name in part}


def _map_image(url: str, backend: str) -> Block:
    """By address it goes on: Anthropic fetches it in its own network."""
    if not is_data(url):
        return {"type": "image", "source": {"type": "url", "url": url}}
    found = _IMAGE.fullmatch(url)
    if found is None:
        raise fields.refused(backend, "messages", "a data: image must be base64 and a JPEG, PNG, GIF or WebP")
    return {"type": "image", "source": {"type": "base64", "media_type": found[1].lower(), "data": found[2]}}


def _map_assistant(message: dict[str, Any], backend: str) -> list[Block]:
    thoughts = [_thought(part) for part in message.get("thinking_blocks") or () if part.get("type") in fields.THINKING]
    blocks = _map_content(message.get("content") or message.get("refusal"), backend)
    blocks = [*thoughts, *_with_control(blocks, message)]
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
    } | _cached(message)


def _map_id(given: Any) -> str:
    """Another vendor's id in the characters that Anthropic takes; the same one always becomes the same."""
    return ids.fitted(given or "", _NOT_IN_ID, _MAX_ID)
