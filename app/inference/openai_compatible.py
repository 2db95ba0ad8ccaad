"""Any backend that speaks OpenAI's API: OpenAI itself, vLLM, TGI, llama.cpp, LitServe, Groq, Together, the Hugging Face router.

What tells them apart is data: a row of ``variants``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from app.inference import fields, http
from app.inference.images import ImageFetcher
from app.inference.variants import VARIANTS, Images, Variant, allowed
from app.logic.answer import Answer, Call, Endpoint, Failure, Kind
from app.wire.codecs import SCANNED
from app.wire.events import Wire

_PATHS = {
    Endpoint.CHAT: ("/chat/completions", Wire.OPENAI_CHAT),
    Endpoint.COMPLETIONS: ("/completions", Wire.OPENAI_COMPLETIONS),
    Endpoint.EMBEDDINGS: ("/embeddings", Wire.OPENAI_EMBEDDINGS),
}


def _no_headers() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAICompatible:
    """``base_url`` includes ``/v1``. ``headers`` is asked for each call, so that a credential can change while the app runs."""

    name: str
    base_url: str
    model: str
    http: aiohttp.ClientSession
    headers: Callable[[], Mapping[str, str]] = _no_headers
    variant: Variant = VARIANTS["openai_compatible"]
    images: ImageFetcher = field(default_factory=ImageFetcher)

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        return self.variant.endpoints

    async def open(self, call: Call, deadline: float) -> Answer:
        path, wire = _PATHS[call.endpoint]
        body = self._map_request(call)
        if "messages" in body:
            body["messages"] = await self._map_messages(body["messages"], deadline)
        headers = dict(self.headers())
        if call.request_id:
            headers["x-request-id"] = call.request_id
        return await http.open_answer(
            self.http,
            self.base_url + path,
            msgspec.json.encode(body),
            headers,
            call=call,
            codec=SCANNED[wire],
            name=self.name,
            map_error=functools.partial(_map_error, self.name),
        )

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """Nothing of its own to close: the session is shared."""

    def _map_request(self, call: Call) -> dict[str, Any]:
        variant = self.variant
        body = fields.admitted(call, allowed(variant, call.endpoint), self.name, max_choices=variant.max_choices)
        if not variant.tools and body.get("tools"):
            raise fields.refused(self.name, "tools", f"its model '{self.model}' does not call tools")
        body["model"] = self.model
        for ours, theirs in variant.renamed.items():
            if ours in body:
                body[theirs] = body.pop(ours)
        if call.endpoint is Endpoint.EMBEDDINGS:
            return body
        body["stream"] = call.stream
        if call.endpoint is Endpoint.CHAT and variant.max_tokens:
            _name_limit(body, variant.max_tokens)
        options = body.pop("stream_options", None) or {}
        if call.stream and variant.usage_option:
            body["stream_options"] = {**options, "include_usage": True}
        return body

    async def _map_messages(self, messages: list[dict[str, Any]], deadline: float) -> list[dict[str, Any]]:
        if not self.variant.knows_developer:
            messages = [
                {**message, "role": "system"} if message["role"] == "developer" else message for message in messages
            ]
        if not fields.check_parts(messages, self.name):
            return messages
        if self.variant.images is Images.REFUSE:
            raise fields.refused(self.name, "messages", f"its model '{self.model}' sees no images")
        if self.variant.images is Images.INLINE:
            return await self.images.inline(messages, deadline)
        return messages


def _name_limit(body: dict[str, Any], name: str) -> None:
    """Gives the limit of tokens the name that the server knows; the newer one wins where a caller wrote both."""
    given = [body.pop(key, None) for key in ("max_completion_tokens", "max_tokens")]
    if limit := given[0] or given[1]:
        body[name] = limit


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    detail: msgspec.Raw = msgspec.Raw()


# How servers say that prompt and answer do not fit (vLLM, TGI, Together, Mistral, DeepSeek, OpenRouter: their texts as reported, 2026-11-24).
_TOO_LONG = re.compile(
    r"maximum context length|context window|context size|too many tokens|max_new_tokens. must be <=|prompt is too long",
    re.I,
)
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_LACKING_CODES = frozenset(
    {"unsupported_parameter", "unsupported_value", "unsupported_model"}
)  # another model may have it
_COME_BACK = frozenset({408, 409, 425})


def _map_error(name: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """OpenAI's error answers in the router's words (platform.openai.com/docs/guides/error-codes, checked 2026-11-24)."""
    error = _read_error(body)
    text = error.message or body[:200].decode(errors="replace") or f"status {status}"
    message = f"backend '{name}': {text}"
    codes = {str(error.code), error.type}
    after_s = http.retry_after_s(headers)
    if status == http.IN_STREAM:
        status = error.code if isinstance(error.code, int) and 400 <= error.code < 600 else 500
    if status in (401, 403):
        return Failure(Kind.MISCONFIGURED, f"backend '{name}' refuses this app's credential (status {status})")
    if status in (402, 404, 501) or "insufficient_quota" in codes:
        return Failure(Kind.MISCONFIGURED, f"{message} (status {status}: our account or deployment, not the request)")
    if codes & _TOO_LONG_CODES or (status < 500 and _TOO_LONG.search(text)):
        return Failure(Kind.CONTEXT_TOO_LONG, message, status=400, param=error.param)
    if "content_filter" in codes or "content management policy" in text:
        return Failure(Kind.REFUSED_BY_POLICY, message, status=400, param=error.param)
    if status == 429 or "rate_limit_exceeded" in codes:
        return Failure(Kind.BUSY, message, status=429, retry_after_s=after_s)
    if 400 <= status < 500 and status not in _COME_BACK:
        status = status if status in (413, 422) else 400
        lacking = bool(codes & _LACKING_CODES)
        return Failure(Kind.BAD_REQUEST, message, status=status, param=error.param, elsewhere=lacking)
    if 300 <= status < 400:
        return Failure(Kind.MISCONFIGURED, f"backend '{name}': base_url redirects (status {status})")
    if status in (503, 529) or status in _COME_BACK:
        return Failure(Kind.BUSY, f"{message} (status {status})", status=503, retry_after_s=after_s)
    return Failure(Kind.UNREACHABLE, f"{message} (status {status})", status=502, retry_after_s=after_s, billed="maybe")


def _read_error(body: bytes) -> _Error:
    try:
        parsed = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()
    if isinstance(parsed.error, _Error):
        return parsed.error
    detail = bytes(parsed.detail).decode(errors="replace") or None
    return _Error(message=parsed.error or parsed.message or detail)
