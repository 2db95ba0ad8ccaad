"""Which fields of a caller's request reach a backend: those on its list. Whatever else a server would obey costs or breaks something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.logic.answer import Blame, Call, Failure, Kind

# OpenAI's API reference and the openai 3.54 client (types/*_create_params.py), checked 2026-11-24: what every compatible server knows.
_ANY = frozenset(
    {"model", "stream", "stream_options", "max_tokens", "n", "stop", "seed", "temperature", "top_p", "user"}
)
_PENALTIES = frozenset({"presence_penalty", "frequency_penalty", "logit_bias"})
_TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
_CHAT = frozenset(
    {"messages", "max_completion_tokens", "response_format", "reasoning_effort", "logprobs", "top_logprobs"}
)
CHAT = _ANY | _PENALTIES | _TOOLS | _CHAT
COMPLETIONS = _ANY | _PENALTIES | {"prompt", "suffix", "best_of", "logprobs", "echo"}
EMBEDDINGS = frozenset({"model", "input", "encoding_format", "dimensions", "user"})

PARTS = frozenset({"text", "image_url", "refusal"})
RESPONSE_FORMATS = frozenset({"text", "json_object", "json_schema"})
MAX_CHOICES = 8  # each is paid for, and a local server runs them side by side

_PRICE = "it changes the price, and no price is known for it"
_STORES = "it keeps the conversation at the vendor, under this app's account"
_TEMPLATE = "it would run a template of the caller's choice on the server"
_GRAMMAR = "a grammar or pattern can occupy the server for minutes; give a JSON schema in response_format"
_SHARED = "it reaches what other callers of the same server use"
REASONS = {
    "service_tier": _PRICE,
    "speed": _PRICE,
    "web_search_options": _PRICE,
    "plugins": _PRICE,
    "audio": _PRICE,
    "modalities": _PRICE,
    "prompt_cache_retention": _PRICE,
    "prompt_cache_options": _PRICE,
    "models": _PRICE,
    "store": _STORES,
    "background": _STORES,
    "metadata": _STORES,
    "chat_template": _TEMPLATE,
    "chat_template_kwargs": _TEMPLATE,
    "guided_regex": _GRAMMAR,
    "guided_grammar": _GRAMMAR,
    "guided_json": _GRAMMAR,
    "guided_choice": _GRAMMAR,
    "structured_outputs": _GRAMMAR,
    "grammar": _GRAMMAR,
    "id_slot": _SHARED,
    "cache_salt": _SHARED,
    "priority": _SHARED,
    "lora": _SHARED,
}
# What clients send to say "as usual": dropped, not refused.
AS_USUAL: Mapping[str, Any] = {
    "store": False,
    "background": False,
    "service_tier": "default",
    "modalities": ["text"],
    "metadata": {},
}


def refused(backend: str, field: str, why: str) -> Failure:
    """What this backend must not get. Another one may take it."""
    message = f"backend '{backend}' does not take '{field}': {why}"
    return Failure(Kind.BAD_REQUEST, message, param=field, blame=Blame.BACKEND)


def admitted(call: Call, allowed: frozenset[str], backend: str, *, max_choices: int = MAX_CHOICES) -> dict[str, Any]:
    """A copy of the request with the fields that ``backend`` gets. Raises Failure at a field that it must not get."""
    body = dict(call.body)
    for field in sorted(body.keys() - allowed):
        if body[field] is not None and body[field] != AS_USUAL.get(field, body):
            raise refused(backend, field, REASONS.get(field, "the field is not known there"))
        del body[field]
    for field in ("n", "best_of"):
        if (body.get(field) or 1) > max_choices:
            raise refused(backend, field, f"it gives at most {max_choices}")
    if body.get("tools"):
        _check_tools(body["tools"], backend)
    wanted = body.get("response_format")
    if wanted and wanted.get("type") not in RESPONSE_FORMATS:
        raise refused(backend, "response_format", f"its type must be one of {', '.join(sorted(RESPONSE_FORMATS))}")
    return body


def _check_tools(tools: list[dict[str, Any]], backend: str) -> None:
    for tool in tools:
        if tool.get("type") != "function" or not isinstance(tool.get("function"), dict):
            raise refused(
                backend, "tools", f"a tool of type '{tool.get('type')}' runs at the vendor's; only 'function' is taken"
            )


def check_parts(messages: list[dict[str, Any]], backend: str) -> bool:
    """Whether some message has an image. Raises Failure at a part that is neither text nor an image: a server may fetch or load it."""
    has_images = False
    for message in messages:
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for part in content:
            kind = part.get("type")
            if kind not in PARTS:
                raise refused(backend, "messages", f"a part of type '{kind}'; known are {', '.join(sorted(PARTS))}")
            has_images = has_images or kind == "image_url"
    return has_images
