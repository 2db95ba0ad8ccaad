"""Any backend that speaks OpenAI's API: OpenAI itself, vLLM, TGI, llama.cpp, LitServe, Groq, Together, the Hugging Face router."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from app.inference import http
from app.logic.answer import Answer, Call, Endpoint, Failure, Kind
from app.wire.codecs import READ
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
    endpoints: frozenset[Endpoint] = frozenset(Endpoint)
    extra_fields: frozenset[str] = field(default_factory=frozenset)

    async def open(self, call: Call, deadline: float) -> Answer:
        del deadline  # bounded by the router; nothing here waits on its own
        path, wire = _PATHS[call.endpoint]
        headers = {"content-type": "application/json", **self.headers()}
        if call.request_id:
            headers["x-request-id"] = call.request_id
        response = await http.post(
            self.http,
            self.base_url + path,
            msgspec.json.encode(self._map_request(call)),
            headers,
            name=self.name,
            connect_s=call.connect_s,
        )
        if response.status != 200:
            raise _map_error(response.status, response.headers, await http.error_text(response), self.name)
        expected = "text/event-stream" if call.stream else "application/json"
        if response.content_type != expected:
            got = f"{response.content_type or 'an untyped answer'} with status {response.status}"
            response.close()
            raise Failure(Kind.GARBLED, f"backend '{self.name}' sent {got} instead of {expected}", billed="maybe")
        return http.HttpAnswer(
            response, READ[wire], name=self.name, stream=call.stream, hide_usage=not call.include_usage
        )

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """Nothing of its own to close: the session is shared."""

    def _map_request(self, call: Call) -> dict[str, Any]:
        body = {**call.body, "model": self.model, "stream": call.stream}
        if call.stream and call.endpoint is not Endpoint.EMBEDDINGS:
            body["stream_options"] = {**(call.body.get("stream_options") or {}), "include_usage": True}
        if call.endpoint is Endpoint.EMBEDDINGS:
            del body["stream"]
        return body


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    detail: msgspec.Raw = msgspec.Raw()


def _map_error(status: int, headers: Mapping[str, str], body: bytes, name: str) -> Failure:
    """OpenAI's error answers in the router's words (platform.openai.com/docs/guides/error-codes, checked 2026-11-24)."""
    error = _read_error(body)
    text = error.message or body[:200].decode(errors="replace") or f"status {status}"
    message = f"backend '{name}': {text}"
    code = str(error.code or error.type or "")
    after_s = retry_after_s(headers)
    if status == 429:
        return Failure(Kind.BUSY, message, status=429, retry_after_s=after_s)
    if status in (401, 402, 403, 404):
        return Failure(
            Kind.MISCONFIGURED, f"{message} (status {status}: our credential or deployment, not the request)"
        )
    if code == "context_length_exceeded" or error.type == "exceed_context_size_error":
        return Failure(Kind.CONTEXT_TOO_LONG, message, status=400, param=error.param)
    if code == "content_filter" or "content management policy" in text:
        return Failure(Kind.REFUSED_BY_POLICY, message, status=status, param=error.param)
    if 400 <= status < 500:
        return Failure(Kind.BAD_REQUEST, message, status=status if status in (413, 422) else 400, param=error.param)
    if 300 <= status < 400:
        return Failure(Kind.MISCONFIGURED, f"{message} (status {status}: base_url redirects)")
    return Failure(Kind.BUSY, f"{message} (status {status})", status=503, retry_after_s=after_s)


def _read_error(body: bytes) -> _Error:
    try:
        parsed = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()
    if isinstance(parsed.error, _Error):
        return parsed.error
    detail = bytes(parsed.detail).decode(errors="replace") or None
    return _Error(message=parsed.error or parsed.message or detail)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """``Retry-After`` in seconds; the date form, which no LLM vendor sends, is left out."""
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None
