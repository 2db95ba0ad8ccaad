"""Anthropic's Messages API: the second wire. A call in OpenAI's form goes out in Anthropic's; the answer comes back as Anthropic wrote it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
import msgspec

from app.inference import error_bodies, http
from app.inference.adapter import Adapter, Surroundings, base_url, credential, model
from app.inference.anthropic_request import map_request
from app.inference.error_bodies import ErrorBody
from app.inference.error_shapes import Told, told_by_status, told_by_words
from app.inference.retry_after import retry_after_s
from app.logic.answer import Answer, Backend, Blame, Call, Endpoint, Failure, Kind
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
        body, ignored = map_request(call, model=self.model, backend=self.name)
        return await http.open_answer(
            self.http,
            self.base_url + "/v1/messages",
            msgspec.json.encode(body),
            {"anthropic-version": VERSION, "x-api-key": key},
            call=call,
            codec=SCANNED[Wire.ANTHROPIC],
            name=self.name,
            map_error=functools.partial(map_error, self.name),
            secret=key,
            ignored=ignored,
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


def map_error(name: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Anthropic's error answers, and its ``error`` events, in the router's words."""
    error = error_bodies.read(body)
    kind_of = next((code for code in error.codes if code in _BY_TYPE), "")
    failure = _failure(name, status, kind_of, error, retry_after_s(headers), body)
    failure.code = kind_of
    return failure


def _failure(name: str, status: int, type: str, error: ErrorBody, after_s: float | None, body: bytes) -> Failure:
    text = error.message or body[:200].decode(errors="replace") or "no reason given"
    message = f"backend '{name}': {text} ({type or f'status {status}'})"
    told = _told(status, type, error)
    match told:
        case Told(Kind.MISCONFIGURED) if status in (401, 403):
            reason = f"backend '{name}' refuses this app's credential (status {status})"
            return Failure(Kind.MISCONFIGURED, reason, reason=reason)
        case Told(Kind.BUSY):
            limited = status == 429 or type == "rate_limit_error"
            return Failure(Kind.BUSY, message, status=429 if limited else 503, retry_after_s=after_s)
        case Told(Kind.BAD_REQUEST, blame):
            return Failure(Kind.BAD_REQUEST, message, status=413 if status == 413 else 400, blame=blame)
    return Failure(told.kind, message)


def _told(status: int, type: str, error: ErrorBody) -> Told:
    kind = _BY_TYPE.get(type) or _by_status(status)
    if kind is not Kind.BAD_REQUEST:
        return Told(kind)
    if type == "request_too_large" or status == 413:
        return Told(kind, Blame.BACKEND)
    return told_by_words(error.codes, error.words) or told_by_status(status, is_object=error.is_object)


def _by_status(status: int) -> Kind:
    if 300 <= status < 400:
        return Kind.MISCONFIGURED
    if status in (429, 503, 529):
        return Kind.BUSY
    return Kind.BAD_REQUEST if 400 <= status < 500 else Kind.UNREACHABLE
