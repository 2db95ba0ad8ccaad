"""A chat request in OpenAI's form as one of Bedrock's Converse. What Bedrock cannot do is refused by name, never silently left out.

Fields as in botocore 1.44.5 (data/bedrock-runtime, ConverseRequest), checked 2026-12-01.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from typing import Any

import msgspec

from app.inference import anthropic_request, bedrock_models, fields, ids
from app.inference.bedrock_models import Family
from app.inference.fields import Admitted
from app.inference.images import address
from app.logic.answer import Call
from app.logic.excerpt import excerpt
from app.logic.routes import Guardrail

ALLOWED = anthropic_request.ALLOWED - {"user", "safety_identifier"}
# Values that say "as usual" in OpenAI's form: dropped, because Converse has no such field.
_AS_USUAL: dict[str, tuple[Any, ...]] = {"n": (1,), "top_logprobs": (0,), "logit_bias": ({},)}
_IMAGE = re.compile(r"data:image/(jpeg|png|gif|webp);base64,(.+)", re.I | re.S)
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
_MAX_ID = 64
_NO_ID = "call"  # an id must have a character
_TTLS = frozenset({"5m", "1h"})

# How much a model should think, by what each family has for it (langchain-ai/docs 5239 and botocore's OutputConfig, read 2026-12-01).
_EFFORTS = {
    Family.CLAUDE: {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"},
    Family.NOVA_2: {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"},
    Family.GPT_OSS: {"minimal": "low", "low": "low", "medium": "medium", "high": "high"},
}

Block = dict[str, Any]


def admitted(call: Call, *, model: str, backend: str) -> Admitted:
    """What of the request may reach the model. Raises Failure(BAD_REQUEST) with the field that may not."""
    usual = {name for name, values in _AS_USUAL.items() if call.body.get(name) in values}
    known = bedrock_models.caches(model)
    body, ignored = fields.admitted(call, ALLOWED | usual, backend, max_choices=1, caches=known)
    fields.check_parts(body["messages"], backend, fields.PARTS | fields.THINKING)
    return Admitted(body, ignored)


def map_request(body: dict[str, Any], *, model: str, backend: str, guardrail: Guardrail | None = None) -> Admitted:
    """An admitted ``body``, whose images are ``data:`` URLs by now, for ``/converse`` and ``/converse-stream``. Raises Failure(BAD_REQUEST)."""
    request = _Request(backend, model)
    mapped = request.messages(body["messages"])
    more: dict[str, Any] = {}
    mapped |= request.inference(body) | request.tools(body, more) | request.output(body, more)
    if more:
        mapped["additionalModelRequestFields"] = more
    if guardrail is not None:
        mapped["guardrailConfig"] = {"guardrailIdentifier": guardrail.id, "guardrailVersion": guardrail.version}
    return Admitted(mapped, frozenset(request.ignored))


class _Request:
    """One request for one model. ``ignored``: what was left out on the way."""

    def __init__(self, backend: str, model: str) -> None:
        self.ignored: set[str] = set()
        self._backend = backend
        self._name = bedrock_models.model(model)
        self._family = bedrock_models.family(model)
        self._switches_parallel = bedrock_models.switches_parallel_calls(model)
        self._has_calls = False

    def inference(self, body: dict[str, Any]) -> dict[str, Any]:
        if (body.get("temperature") or 0) > 1:
            raise self._refused("temperature", "Bedrock's goes from 0 to 1")
        given = {name: body[name] for name in ("temperature", "top_p") if body.get(name) is not None}
        if self._family is Family.CLAUDE:
            unwanted = anthropic_request.unwanted_sampling(self._name, given)
            self.ignored |= unwanted
            given = {name: value for name, value in given.items() if name not in unwanted}
        config = {{"top_p": "topP"}.get(name, name): value for name, value in given.items()}
        if limit := body.get("max_completion_tokens") or body.get("max_tokens"):
            config["maxTokens"] = limit
        stop = body.get("stop") or ()
        if stops := [word for word in ([stop] if isinstance(stop, str) else stop) if word.strip()]:
            config["stopSequences"] = stops  # Claude answers one of white space with an error
        return {"inferenceConfig": config} if config else {}

    def tools(self, body: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        """``more``: what only some models know, and Bedrock passes on to them as it is."""
        tools = body.get("tools")
        choice = body.get("tool_choice") or "auto"
        if not tools or choice == "none":
            self._check_no_calls(bool(tools))
            return {}
        config: dict[str, Any] = {"tools": list(itertools.chain.from_iterable(map(self._tool, tools)))}
        if (forced := self._forced(choice)) is not None:
            config["toolChoice"] = forced
        if body.get("parallel_tool_calls") is False:
            if not self._switches_parallel:
                raise self._refused(
                    "parallel_tool_calls", f"'{excerpt(self._name)}' cannot be told to call one tool at a time"
                )
            # The type must stand there, and must not where Bedrock writes the choice itself (BerriAI/litellm 34347 and 36536).
            more["tool_choice"] = {"disable_parallel_tool_use": True} | ({} if forced else {"type": "auto"})
        return {"toolConfig": config}

    def _check_no_calls(self, has_tools: bool) -> None:
        """Converse has no `none`: without tools there are no calls, but an earlier one may stand in no request without them."""
        if self._has_calls:
            field = "tool_choice" if has_tools else "messages"
            raise self._refused(field, "a conversation with tool calls must have tools that can be called")

    def _forced(self, choice: Any) -> dict[str, Any] | None:
        if choice == "auto":
            return None
        if choice == "required":
            return {"any": {}}
        if isinstance(choice, dict) and choice.get("type") == "function":
            return {"tool": {"name": (choice.get("function") or {}).get("name")}}
        raise self._refused("tool_choice", "known are 'auto', 'none', 'required' and one function by name")

    def _tool(self, tool: dict[str, Any]) -> list[Block]:
        function = tool["function"]
        spec: dict[str, Any] = {
            "name": function.get("name"),
            "inputSchema": {"json": {"type": "object", **(function.get("parameters") or {"properties": {}})}},
        }
        if function.get("description"):
            spec["description"] = function["description"]
        if function.get("strict"):
            spec["strict"] = True
        return [{"toolSpec": spec}, *(self._cached(function) or self._cached(tool))]

    def output(self, body: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        """JSON schema and effort."""
        config: dict[str, Any] = {}
        wanted = body.get("response_format") or {"type": "text"}
        if wanted["type"] == "json_object":
            raise self._refused("response_format", "Bedrock writes JSON to a schema only; give a json_schema")
        if wanted["type"] == "json_schema":
            config["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": self._schema(wanted)}}
        if effort := body.get("reasoning_effort"):
            self._effort(effort, config, more)
        return {"outputConfig": config} if config else {}

    def _schema(self, wanted: dict[str, Any]) -> dict[str, Any]:
        given = wanted.get("json_schema") or {}
        if not isinstance(given.get("schema"), dict):
            raise self._refused("response_format", "json_schema.schema is missing")
        named = {name: given[name] for name in ("name", "description") if given.get(name)}
        return {"schema": msgspec.json.encode(given["schema"]).decode(), **named}

    def _effort(self, effort: Any, config: dict[str, Any], more: dict[str, Any]) -> None:
        known = _EFFORTS.get(self._family)
        if known is None:
            raise self._refused("reasoning_effort", f"how much '{excerpt(self._name)}' thinks cannot be set")
        is_off = effort == "none" and self._family is not Family.GPT_OSS
        if not is_off and effort not in known:
            usual = ", ".join(known) if self._family is Family.GPT_OSS else f"none, {', '.join(known)}"
            raise self._refused("reasoning_effort", f"known are {usual}")
        match self._family:
            case Family.CLAUDE if is_off:
                more["thinking"] = {"type": "disabled"}
            case Family.CLAUDE:
                config["effort"] = known[effort]
            case Family.NOVA_2 if is_off:
                more["reasoningConfig"] = {"type": "disabled"}
            case Family.NOVA_2:
                more["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": known[effort]}
            case _:
                more["reasoning_effort"] = known[effort]

    def messages(self, given: list[dict[str, Any]]) -> dict[str, Any]:
        """The system blocks, wherever they stood, and the turns: neighbours of one role are one turn."""
        system: list[Block] = []
        turns: list[dict[str, Any]] = []
        for message in given:
            match message["role"]:
                case "system" | "developer":
                    system += self._content(message.get("content")) + self._cached(message)
                    continue
                case "user":
                    role, blocks = "user", self._content(message.get("content")) + self._cached(message)
                case "assistant":
                    role, blocks = "assistant", self._assistant(message)
                case "tool":
                    role, blocks = "user", self._result(message)
                case other:
                    raise self._refused("messages", f"a message of role '{excerpt(other)}'")
            if not blocks:
                continue  # Bedrock answers an empty turn with an error
            if turns and turns[-1]["role"] == role:
                turns[-1]["content"] += blocks
            else:
                turns.append({"role": role, "content": blocks})
        _settle_end(turns)
        if not turns:
            raise self._refused("messages", "there must be one of a user")
        return {"messages": turns} | ({"system": system} if system else {})

    def _content(self, content: str | list[Block] | None) -> list[Block]:
        """Text of white space alone is left out: Bedrock answers it with an error."""
        if isinstance(content, list):
            return list(itertools.chain.from_iterable(map(self._part, content)))
        return [{"text": content}] if content and content.strip() else []

    def _part(self, part: Block) -> list[Block]:
        if part["type"] == "image_url":
            return [self._image(address(part)), *self._cached(part)]
        if part["type"] in fields.THINKING:
            return self._thought(part)
        text = part.get("text") or part.get("refusal")
        return [{"text": text}, *self._cached(part)] if text and text.strip() else []

    def _thought(self, part: Block) -> list[Block]:
        """A thought of an earlier turn, for the model that checks its signature."""
        if self._family is Family.CLAUDE and (mapped := _thought(part)) is not None:
            return [{"reasoningContent": mapped}]
        self.ignored.add(part["type"])
        return []

    def _image(self, url: str) -> Block:
        found = _IMAGE.fullmatch(url)
        if found is None:
            raise self._refused("messages", "a data: image must be base64 and a JPEG, PNG, GIF or WebP")
        return {"image": {"format": found[1].lower(), "source": {"bytes": found[2]}}}

    def _assistant(self, message: dict[str, Any]) -> list[Block]:
        parts = [part for part in message.get("thinking_blocks") or () if part.get("type") in fields.THINKING]
        blocks = list(itertools.chain.from_iterable(map(self._thought, parts)))
        blocks += self._content(message.get("content") or message.get("refusal")) + self._cached(message)
        return blocks + [self._call(call) for call in message.get("tool_calls") or ()]

    def _call(self, call: dict[str, Any]) -> Block:
        self._has_calls = True
        function = call.get("function") or {}
        try:
            given = function.get("arguments") or {}
            given = msgspec.json.decode(given) if isinstance(given, str) else given
        except (msgspec.DecodeError, RecursionError):
            raise self._refused("messages", "a tool call's arguments are not JSON") from None
        if not isinstance(given, dict):
            raise self._refused("messages", "a tool call's arguments are not a JSON object")
        return {"toolUse": {"toolUseId": _map_id(call.get("id")), "name": function.get("name"), "input": given}}

    def _result(self, message: dict[str, Any]) -> list[Block]:
        """A mark of the cache stands behind the result: none may stand in it."""
        self._has_calls = True
        content = self._content(message.get("content"))
        marks = self._cached(message) or [block for block in content if "cachePoint" in block][:1]
        inside = [block for block in content if "cachePoint" not in block]
        return [{"toolResult": {"toolUseId": _map_id(message.get("tool_call_id")), "content": inside}}, *marks]

    def _cached(self, item: dict[str, Any]) -> list[Block]:
        """``cache_control``, wherever a caller of Anthropic's models put it: a block of its own behind what is to be kept."""
        control = item.get("cache_control")
        if not isinstance(control, dict):
            return []
        ttl = control.get("ttl")
        return [{"cachePoint": {"type": "default"} | ({"ttl": ttl} if isinstance(ttl, str) and ttl in _TTLS else {})}]

    def _refused(self, field: str, why: str) -> Exception:
        return fields.refused(self._backend, field, why)


def _thought(part: Block) -> Block | None:
    """As Converse writes it; None where the model would not know it again."""
    if part["type"] == "thinking":
        text, signature = part.get("thinking"), part.get("signature")
        is_whole = isinstance(text, str) and isinstance(signature, str) and text and signature
        return {"reasoningText": {"text": text, "signature": signature}} if is_whole else None
    data = part.get("data")
    if not isinstance(data, str):
        return None
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return {"redactedContent": data}


def _settle_end(turns: list[dict[str, Any]]) -> None:
    """Takes the white space off the end of an answer that is to go on: Claude answers it with an error (langchain 35071, read 2026-12-01)."""
    if turns and turns[-1]["role"] == "assistant" and "text" in (last := turns[-1]["content"][-1]):
        turns[-1]["content"][-1] = {"text": last["text"].rstrip()}


def _map_id(given: Any) -> str:
    """Another vendor's id in the characters and the length that Bedrock takes; the same one always becomes the same."""
    return ids.fitted(given or _NO_ID, _NOT_IN_ID, _MAX_ID)
