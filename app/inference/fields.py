"""Which fields of a caller's request reach a backend: those on its list. Whatever else a server would obey costs or breaks something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.logic.answer import Blame, Call, Failure, Kind
from app.logic.excerpt import excerpt

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
_JUDGED = "a second model at the vendor judges the conversation, by rules that no other backend has"
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
    "background": _STORES,
    "moderation": _JUDGED,
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
# What clients send to say "as usual": dropped without a word.
AS_USUAL: Mapping[str, Any] = {
    "store": False,
    "background": False,
    "service_tier": "default",
    "modalities": ["text"],
    "parallel_tool_calls": True,
    "metadata": {},
    "echo": False,
    "response_format": {"type": "text"},
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logprobs": False,
}
# What only hints, and changes no more of an answer than how it is made or found again: dropped for a backend that does not know it, and
# named to the caller. `store` and `metadata` keep a conversation at the vendor and are on no backend's list.
HINTS = frozenset({"store", "metadata", "user", "safety_identifier", "prompt_cache_key", "seed", "verbosity"})
_HINTED: Mapping[str, Any] = {"service_tier": "auto"}  # hints by their value


NONE: frozenset[str] = frozenset()


class Admitted(NamedTuple):
    """A request as far as a backend gets it. ``ignored``: the fields that were left out, of which the caller is to be told."""

    body: dict[str, Any]
    ignored: frozenset[str]


def refused(backend: str, field: str, why: str) -> Failure:
    """What this backend must not get. Another one may take it. ``field`` may be a caller's, and so may what ``why`` quotes of it."""
    field = excerpt(field)
    message = f"backend '{backend}' does not take '{field}': {why}"
    return Failure(Kind.BAD_REQUEST, message, param=field, blame=Blame.BACKEND)


def _is_usual(field: str, value: Any) -> bool:
    usual = AS_USUAL.get(field)
    # To Python 0 is False: as `logprobs` of a completion it asks for something.
    return usual is not None and value == usual and isinstance(value, bool) is isinstance(usual, bool)


def admitted(
    call: Call, allowed: frozenset[str], backend: str, *, max_choices: int = MAX_CHOICES, caches: bool = False
) -> Admitted:
    """A copy of the request with the fields that ``backend`` gets. Raises Failure at a field that it must not get.

    Where the route says so, what the backend does not take is left out instead. ``caches``: it knows what Anthropic's callers put into
    messages and tools.
    """
    body = dict(call.body)
    ignored: set[str] = set()
    for field in sorted(body.keys() - allowed) if not body.keys() <= allowed else ():
        value = body.pop(field)
        if value is None or _is_usual(field, value):
            continue
        if not (call.drops_unsupported or field in HINTS or value == _HINTED.get(field, body)):
            raise refused(backend, field, REASONS.get(field, "the field is not known there"))
        ignored.add(field)
    for field in ("n", "best_of"):
        if (body.get(field) or 1) > max_choices:
            raise refused(backend, field, f"it gives at most {max_choices}")
    if body.get("tools"):
        check_tools(body["tools"], backend)
    wanted = body.get("response_format")
    if wanted and wanted.get("type") not in RESPONSE_FORMATS:
        raise refused(backend, "response_format", f"its type must be one of {', '.join(sorted(RESPONSE_FORMATS))}")
    if not caches:
        for field in ("messages", "tools"):
            if (items := body.get(field)) and not all(map(_is_plain, items)):
                body[field] = [_plain(item, ignored) for item in items]
    return Admitted(body, frozenset(ignored) if ignored else NONE)


def check_tools(tools: list[dict[str, Any]], backend: str) -> None:
    """Raises Failure at a tool that is no function of the caller's."""
    for tool in tools:
        if tool.get("type") != "function" or not isinstance(tool.get("function"), dict):
            raise refused(
                backend,
                "tools",
                f"a tool of type '{excerpt(str(tool.get('type')))}' runs at the vendor's; only 'function' is taken",
            )


def check_parts(messages: list[dict[str, Any]], backend: str, known: frozenset[str] = PARTS) -> bool:
    """Whether some message has an image. Raises Failure at a part of a type that is not ``known``: a server may fetch or load it."""
    has_images = False
    for message in messages:
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for part in content:
            kind = part.get("type")
            if kind not in known:
                raise refused(
                    backend, "messages", f"a part of type '{excerpt(kind)}'; known are {', '.join(sorted(PARTS))}"
                )
            has_images = has_images or kind == "image_url"
    return has_images


# What callers of Anthropic's models put into messages and tools, and nobody else reads.
OF_ANTHROPIC = frozenset({"cache_control", "thinking_blocks"})
THINKING = frozenset({"thinking", "redacted_thinking"})


def _is_plain(item: dict[str, Any]) -> bool:
    """Whether nothing in ``item`` can be Anthropic's; told without looking into lists."""
    return OF_ANTHROPIC.isdisjoint(item) and not isinstance(item.get("content"), list)


def _plain(item: dict[str, Any], ignored: set[str]) -> dict[str, Any]:
    found = OF_ANTHROPIC & item.keys()
    ignored |= found
    if found:
        item = {name: value for name, value in item.items() if name not in found}
    if isinstance(content := item.get("content"), list) and any(_is_anthropics(part) for part in content):
        ignored |= {
            "cache_control" if "cache_control" in part else part["type"] for part in content if _is_anthropics(part)
        }
        kept = [part for part in content if part.get("type") not in THINKING]
        item = {
            **item,
            "content": [{name: value for name, value in part.items() if name != "cache_control"} for part in kept],
        }
    return item


def _is_anthropics(part: dict[str, Any]) -> bool:
    return "cache_control" in part or part.get("type") in THINKING
