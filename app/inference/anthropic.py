"""Anthropic's Messages API: the second wire. A call in OpenAI's form goes out in Anthropic's; the answer comes back as Anthropic wrote it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
import msgspec

from app.inference import http
from app.inference.adapter import Adapter, Surroundings, base_url, credential, model
from app.inference.anthropic_request import map_request
from app.inference.retry_after import retry_after_s
from app.logic.answer import Answer, Backend, Call, Endpoint, Failure, Kind
from app.logic.routes import BackendSpec, Continuation
from app.logic.selection import Ability
from app.wire.codecs import SCANNED
from app.wire.events import Wire

BASE_URL = "https://api.anthropic.com"
# Not the newest, 2026-10-21, on purpose: that one refuses temperature and top_p, which OpenAI's callers send, for every model; under this
# one only the models since Claude 4.7 refuse them (platform.claude.com/docs/en/api/versioning, read 2026-11-24).
VERSION = "2023-06-01"


# Claude 4.6 and later answer 400 to a last message of the assistant; these still take it (read in public adapters, 2026-11-24).
_TAKES_PREFILL = (
    "claude-3",
    "claude-opus-4-2",  # claude-opus-4-20250514
    "claude-sonnet-4-2",
    "claude-opus-4-1",
    "claude-opus-4-5",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
)


def continuation(model: str) -> Continuation:
    """How ``model`` takes up an answer that was cut."""
    return "bare" if model.startswith(_TAKES_PREFILL) else "instruct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anthropic:
    """``base_url`` is without ``/v1``. ``key`` is asked for each call, so that it can change."""

    name: str
    base_url: str
    model: str
    http: aiohttp.ClientSession
    key: Callable[[], str]
    endpoints: frozenset[Endpoint] = frozenset({Endpoint.CHAT})

    async def open(self, call: Call, deadline: float) -> Answer:
        del deadline  # bounded by the router; nothing here waits on its own
        key = self.key()
        return await http.open_answer(
            self.http,
            self.base_url + "/v1/messages",
            msgspec.json.encode(map_request(call, model=self.model, backend=self.name)),
            {"anthropic-version": VERSION, "x-api-key": key},
            call=call,
            codec=SCANNED[Wire.ANTHROPIC],
            name=self.name,
            map_error=functools.partial(_map_error, self.name),
            secret=key,
        )

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """Nothing of its own to close: the session is shared."""


def _build(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    key = credential(name, spec, around.environment, default="ANTHROPIC_API_KEY")
    return Anthropic(
        name=name,
        base_url=base_url(name, spec, default=BASE_URL).removesuffix("/v1"),
        model=model(name, spec),
        http=around.http,
        key=lambda: key,
    )


ADAPTER = Adapter(
    build=_build,
    provider="anthropic",
    ability=lambda spec: Ability(continuation=continuation(spec.model)),
    base_url=BASE_URL,
    price_key=BASE_URL,
)


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


# platform.claude.com/docs/en/api/errors and the client's types/shared/error_type.py, checked 2026-11-24.
_BY_TYPE = {
    "authentication_error": Kind.MISCONFIGURED,
    "permission_error": Kind.MISCONFIGURED,
    "billing_error": Kind.MISCONFIGURED,
    "not_found_error": Kind.MISCONFIGURED,
    "rate_limit_error": Kind.BUSY,
    "overloaded_error": Kind.BUSY,
    "timeout_error": Kind.UNREACHABLE,
    "api_error": Kind.UNREACHABLE,
    "invalid_request_error": Kind.BAD_REQUEST,
    "request_too_large": Kind.BAD_REQUEST,
}
_BY_TEXT = (
    ("prompt is too long", Kind.CONTEXT_TOO_LONG),
    ("exceed context limit", Kind.CONTEXT_TOO_LONG),
    ("content filtering policy", Kind.REFUSED_BY_POLICY),
    ("credit balance is too low", Kind.MISCONFIGURED),
    ("usage limits", Kind.MISCONFIGURED),
)


def _map_error(name: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Anthropic's error answers, and its ``error`` events, in the router's words."""
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = _Error()
    kind = _BY_TYPE.get(error.type) or _by_status(status)
    if kind is Kind.BAD_REQUEST:
        kind = next((found for text, found in _BY_TEXT if text in error.message), kind)
    text = error.message or body[:200].decode(errors="replace") or "no reason given"
    message = f"backend '{name}': {text} ({error.type or 'status ' + str(status)})"
    match kind:
        case Kind.MISCONFIGURED if status in (401, 403):
            reason = f"backend '{name}' refuses this app's credential (status {status})"
            return Failure(kind, reason, reason=reason, code=error.type)
        case Kind.BUSY:
            limited = status == 429 or error.type == "rate_limit_error"
            after_s = retry_after_s(headers)
            return Failure(kind, message, status=429 if limited else 503, retry_after_s=after_s, code=error.type)
        case Kind.BAD_REQUEST:
            lacking = "Extra inputs are not permitted" in error.message  # another model may take the field
            status = 413 if status == 413 else 400
            return Failure(kind, message, status=status, elsewhere=lacking, code=error.type)
    return Failure(kind, message, code=error.type)


def _by_status(status: int) -> Kind:
    if status in (401, 402, 403, 404) or 300 <= status < 400:
        return Kind.MISCONFIGURED
    if status in (429, 503, 529):
        return Kind.BUSY
    return Kind.BAD_REQUEST if 400 <= status < 500 else Kind.UNREACHABLE
