"""A chat request in OpenAI's form as one of Gemini's `generateContent`. What Gemini cannot do is refused by name, never silently left out.

Google's fields as in `google.cloud.aiplatform_v1.GenerateContentRequest` (google-cloud-aiplatform 1.148; version v1 of the API) and as google-genai
1.75 sends them, checked 2026-12-01.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from app.inference import fields
from app.inference.fields import Admitted
from app.inference.images import address
from app.logic.answer import Call
from app.logic.excerpt import excerpt

# Not here: `logprobs` (an answer's would be lost on the way to OpenAI's form), `logit_bias`, `parallel_tool_calls`, `user` (no such thing), and
# `cached_content` (a cache belongs to the project: a caller could read what another one has put there).
ALLOWED = (fields.CHAT | {"top_k", "include_reasoning"}) - {
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
    "user",
}
_AS_USUAL: dict[str, tuple[Any, ...]] = {"logit_bias": ({},), "top_logprobs": (0,)}
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "n": "candidateCount",
}
_MODES = {"none": "NONE", "required": "ANY"}
_IMAGE = re.compile(r"data:(image/[a-z0-9.+-]{1,40});base64,(.+)", re.I | re.S)
_GENERATION = re.compile(r"gemini-(\d+)")
# Since Gemini 3 in levels, before in tokens: as Google's own translation from OpenAI's form has it (ai.google.dev/gemini-api/docs/openai,
# read 2026-12-01).
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
# Since Gemini 3 a call that a model has made must come back with the signature of its thought, and OpenAI's form has no place for one. This is what
# Google has documented for a call that has none (ai.google.dev/gemini-api/docs/thought-signatures; envoyproxy/ai-gateway 2366 for Vertex AI,
# read 2026-12-01). It stands at the first call of a turn, where the signature would.
UNSIGNED = "skip_thought_signature_validator"

MAX_SEED = 2**31 - 1  # an int32 (GenerationConfig.seed); OpenAI's has 64 bits

Part = dict[str, Any]


def map_request(call: Call, *, model: str, backend: str) -> Admitted:
    """The body for ``:generateContent`` of a request whose images are in it. Raises Failure(BAD_REQUEST) with the field that cannot be mapped."""
    body, ignored = admitted(call, backend)
    return mapped(body, ignored, model=model, backend=backend)


def admitted(call: Call, backend: str) -> Admitted:
    """The request as far as Gemini gets it, still in OpenAI's form. Raises Failure(BAD_REQUEST)."""
    usual = {name for name, values in _AS_USUAL.items() if call.body.get(name) in values}
    found = fields.admitted(call, ALLOWED | usual, backend)
    fields.check_parts(found.body["messages"], backend)
    return found


def mapped(body: dict[str, Any], ignored: frozenset[str], *, model: str, backend: str) -> Admitted:
    """``body`` as Gemini's; its images are `data:` URLs. Raises Failure(BAD_REQUEST)."""
    system, contents = _Conversation(backend, is_signed=_generation(model) >= 3).read(body["messages"])
    asked: dict[str, Any] = {"contents": contents}
    if system:
        asked["systemInstruction"] = {"parts": system}
    asked |= _map_tools(body, backend)
    if config := _map_config(body, model, backend):
        asked["generationConfig"] = config
    return Admitted(asked, ignored | _left_out(body))


def _left_out(body: dict[str, Any]) -> frozenset[str]:
    """What only hints and cannot be sent. `strict`: there is a mode for it, in preview and for all functions at once."""
    left_out = {"strict"} if any(tool["function"].get("strict") for tool in body.get("tools") or ()) else set[str]()
    if not -MAX_SEED - 1 <= (body.get("seed") or 0) <= MAX_SEED:
        left_out.add("seed")
    return frozenset(left_out)


def _generation(model: str) -> int:
    """Of Gemini's models; 0 where its name does not say."""
    found = _GENERATION.match(model)
    return int(found[1]) if found else 0


def _map_config(body: dict[str, Any], model: str, backend: str) -> dict[str, Any]:
    left_out = _left_out(body)
    config = {
        theirs: body[ours] for ours, theirs in _SAMPLING.items() if body.get(ours) is not None and ours not in left_out
    }
    if limit := body.get("max_completion_tokens") or body.get("max_tokens"):
        config["maxOutputTokens"] = limit
    if stop := body.get("stop"):
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    if thinking := _map_thinking(body, model, backend):
        config["thinkingConfig"] = thinking
    return config | _map_format(body.get("response_format") or {"type": "text"}, backend)


def _map_thinking(body: dict[str, Any], model: str, backend: str) -> dict[str, Any]:
    """Thoughts are shown to those who ask for them: an answer that has shown some cannot be taken up when it breaks off."""
    thinking: dict[str, Any] = {}
    if (shown := body.get("include_reasoning")) is not None:
        thinking["includeThoughts"] = bool(shown)
    if (effort := body.get("reasoning_effort")) is None:
        return thinking
    known: dict[str, Any] = _LEVELS if _generation(model) >= 3 else _BUDGETS
    if effort not in known:
        raise fields.refused(backend, "reasoning_effort", f"known of its model are {', '.join(known)}")
    return thinking | {"thinkingLevel" if known is _LEVELS else "thinkingBudget": known[effort]}


def _map_format(wanted: dict[str, Any], backend: str) -> dict[str, Any]:
    match wanted["type"]:
        case "json_object":
            return {"responseMimeType": "application/json"}
        case "json_schema":
            schema = (wanted.get("json_schema") or {}).get("schema")
            if not isinstance(schema, dict):
                raise fields.refused(backend, "response_format", "json_schema.schema is missing")
            return {"responseMimeType": "application/json", "responseJsonSchema": schema}
    return {}


def _map_tools(body: dict[str, Any], backend: str) -> dict[str, Any]:
    if not (tools := body.get("tools")):
        return {}
    mapped: dict[str, Any] = {"tools": [{"functionDeclarations": [_map_tool(tool["function"]) for tool in tools]}]}
    if calling := _map_tool_choice(body.get("tool_choice") or "auto", backend):
        mapped["toolConfig"] = {"functionCallingConfig": calling}
    return mapped


def _map_tool(function: dict[str, Any]) -> dict[str, Any]:
    """A function without parameters has no schema: Google answers an object without properties with an error (BerriAI/litellm 18442)."""
    mapped = {name: function[name] for name in ("name", "description") if function.get(name)}
    if (parameters := function.get("parameters") or {}).get("properties") or parameters.keys() - {
        "type",
        "properties",
        "required",
        "additionalProperties",
    }:
        mapped["parametersJsonSchema"] = {"type": "object", **parameters}
    return mapped


def _map_tool_choice(choice: Any, backend: str) -> dict[str, Any]:
    if choice == "auto":
        return {}
    if isinstance(choice, str) and choice in _MODES:
        return {"mode": _MODES[choice]}
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"mode": "ANY", "allowedFunctionNames": [(choice.get("function") or {}).get("name")]}
    raise fields.refused(backend, "tool_choice", "known are 'auto', 'none', 'required' and one function by name")


class _Conversation:
    """The messages of a request as Gemini's contents. ``is_signed``: its model wants signatures of thoughts."""

    def __init__(self, backend: str, *, is_signed: bool) -> None:
        self._backend = backend
        self._is_signed = is_signed
        self._system: list[Part] = []
        self._contents: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}  # of the functions called, by the calls' ids
        self._order: list[str] = []  # of the last turn's calls

    def read(self, messages: list[dict[str, Any]]) -> tuple[list[Part], list[dict[str, Any]]]:
        """The system's parts, wherever they stood, and the turns."""
        results: dict[str, Part] = {}
        for message in messages:
            if message["role"] == "tool":
                results |= self._result(message)
                continue
            self._settle(results)
            results = {}
            self._add(message)
        self._settle(results)
        if not self._contents:
            raise fields.refused(self._backend, "messages", "there must be one of a user")
        return self._system, self._contents

    def _add(self, message: dict[str, Any]) -> None:
        match message["role"]:
            case "system" | "developer":
                self._system += self._parts(message.get("content"))
            case "user":
                self._turn("user", self._parts(message.get("content")))
            case "assistant":
                said = self._parts(message.get("content") or message.get("refusal"))
                self._turn("model", [*said, *self._calls(message.get("tool_calls") or ())])
            case other:
                raise fields.refused(self._backend, "messages", f"a message of role '{excerpt(other)}'")

    def _turn(self, role: str, parts: list[Part]) -> None:
        """Neighbours of one role are one turn, but for results of calls: Google wants as many in a turn as there were calls."""
        if not parts:
            return  # Google answers an empty turn with an error
        last = self._contents[-1] if self._contents else None
        if last is not None and last["role"] == role and "functionResponse" not in last["parts"][0]:
            last["parts"] += parts
        else:
            self._contents.append({"role": role, "parts": parts})

    def _settle(self, results: dict[str, Part]) -> None:
        """Results in the order of their calls: without ids, which this version of the API has not, that tells two calls of one function apart."""
        if results:
            ids = sorted(results, key=lambda each: self._order.index(each) if each in self._order else len(self._order))
            self._contents.append({"role": "user", "parts": [results[each] for each in ids]})

    def _result(self, message: dict[str, Any]) -> dict[str, Part]:
        call_id = message.get("tool_call_id") or ""
        if call_id not in self._names:
            raise fields.refused(
                self._backend,
                "messages",
                f"a tool's message answers '{excerpt(call_id)}', which no message before it has called",
            )
        parts = self._parts(message.get("content"))
        if any("inlineData" in part for part in parts):
            raise fields.refused(self._backend, "messages", "an image in a tool's message")
        output = "".join(part["text"] for part in parts)
        return {call_id: {"functionResponse": {"name": self._names[call_id], "response": {"output": output}}}}

    def _calls(self, calls: Any) -> list[Part]:
        parts: list[Part] = []
        if calls:
            self._order = []
        for call in calls:
            function = call.get("function") or {}
            call_id, name = call.get("id") or "", function.get("name") or ""
            self._names[call_id] = name
            self._order.append(call_id)
            parts.append({"functionCall": {"name": name, "args": self._arguments(function.get("arguments") or {})}})
        if parts and self._is_signed:
            parts[0]["thoughtSignature"] = UNSIGNED
        return parts

    def _arguments(self, given: str | dict[str, Any]) -> dict[str, Any]:
        try:
            read = msgspec.json.decode(given) if isinstance(given, str) else given
        except (msgspec.DecodeError, RecursionError):
            raise fields.refused(self._backend, "messages", "a tool call's arguments are not JSON") from None
        if not isinstance(read, dict):
            raise fields.refused(self._backend, "messages", "a tool call's arguments are not a JSON object")
        return read

    def _parts(self, content: str | list[Part] | None) -> list[Part]:
        """Empty texts are left out: Google answers them with an error."""
        if not isinstance(content, list):
            return [{"text": content}] if content else []
        return [part for each in content for part in self._part(each)]

    def _part(self, part: Part) -> list[Part]:
        if part["type"] == "image_url":
            found = _IMAGE.fullmatch(address(part))
            if found is None:
                raise fields.refused(self._backend, "messages", "a data: image must be base64 and say its type")
            return [{"inlineData": {"mimeType": found[1].lower(), "data": found[2]}}]
        text = part.get("text") or part.get("refusal")
        return [{"text": text}] if text else []
