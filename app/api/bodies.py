"""What a request's body must look like. Checked by type and range here; all its other fields go on as the caller wrote them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.api.errors import Fault
from app.logic.answer import Call, Endpoint
from app.wire.events import Wire

Temperature = Annotated[float, Meta(ge=0, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Part(msgspec.Struct):
    type: str


class Message(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class _Generation(msgspec.Struct, kw_only=True):
    """The fields that every generating endpoint has. Ranges as in OpenAI's API reference (checked 2026-11-24)."""

    model: str = ""
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    max_tokens: Count | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=16)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    user: str | None = None


class ChatRequest(_Generation, kw_only=True):
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Count | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None


class TextbookRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`/v1/chat` has these fields and no others."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: str = ""
    temperature: Temperature | None = None
    stream: bool | None = None
    max_tokens: Count | None = None


class CompletionRequest(_Generation, kw_only=True):
    prompt: Annotated[str, Meta(min_length=1)] | Annotated[list[Any], Meta(min_length=1)]
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    suffix: str | None = None


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    input: Annotated[str, Meta(min_length=1)] | Annotated[list[Any], Meta(min_length=1)]
    model: str = ""
    encoding_format: str | None = None
    dimensions: Count | None = None


_TYPES: dict[Endpoint, type[msgspec.Struct]] = {
    Endpoint.CHAT: ChatRequest,
    Endpoint.COMPLETIONS: CompletionRequest,
    Endpoint.EMBEDDINGS: EmbeddingRequest,
}
_CHAT_FIELDS = frozenset(TextbookRequest.__struct_fields__)
_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?")
_decode = msgspec.json.Decoder().decode


def read(raw: bytes, endpoint: Endpoint, wire: Wire, request_id: str) -> Call:
    """The call that a request's body asks for. Raises Fault with the field that is wrong."""
    body = parse(raw)
    if wire is Wire.CHAT and isinstance(body, dict) and (unknown := sorted(set(body) - _CHAT_FIELDS)):
        known = ", ".join(sorted(_CHAT_FIELDS))
        raise Fault(
            400,
            f"'{unknown[0]}' is not a field of /v1/chat, which has: {known}. /v1/chat/completions takes more.",
            param=unknown[0],
        )
    return check(body, endpoint, request_id)


def parse(raw: bytes | str) -> Any:
    """The JSON value in ``raw``. Raises Fault."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Fault(400, f"the body is not valid JSON: {str(error).partition(' - at ')[0]}") from None


def check(body: Any, endpoint: Endpoint, request_id: str) -> Call:
    """The call that a parsed body asks for. Raises Fault with the field that is wrong."""
    try:
        request: Any = msgspec.convert(body, _TYPES[endpoint])
    except (msgspec.ValidationError, RecursionError) as error:
        raise wrong(str(error)) from None
    options = getattr(request, "stream_options", None) or {}
    return Call(
        endpoint=endpoint,
        model=request.model,
        body=body,
        stream=bool(getattr(request, "stream", False)),
        include_usage=options.get("include_usage") is True,
        request_id=request_id,
    )


def wrong(text: str) -> Fault:
    """msgspec's sentence, with the field's path in front and as ``param``."""
    found = _AT.fullmatch(text)
    what, where = (found["what"], found["where"]) if found else (text, None)
    what = what.replace("`", "'")
    message = f"{where}: {what[0].lower()}{what[1:]}" if where else f"{what[0].lower()}{what[1:]}"
    missing = re.search(r"missing required field '(\w+)'", message)
    return Fault(400, message, param=where or (missing and missing[1]) or None)
