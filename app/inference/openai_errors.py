"""OpenAI's error answers, and those of the many servers that answer like it, in the router's words."""

from __future__ import annotations

from collections.abc import Mapping

from app.inference import error_bodies
from app.inference.error_bodies import ErrorBody
from app.inference.error_shapes import OPERATORS_CODES, Told, is_overflow, is_policy, told_by_status, told_by_words
from app.inference.retry_after import retry_after_s, said_s
from app.inference.said import IN_STREAM
from app.logic.answer import Blame, Failure, Kind

_COME_BACK = frozenset({408, 409, 425})
# The statuses of errors that stand in a stream without one, by their codes or types in lower case; the first that is there counts.
# platform.openai.com/docs/guides/error-codes, and what public reports show of OpenAI, vLLM and SGLang, read 2026-12-01.
_STATUSES = {
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "server_is_overloaded": 503,
    "service_unavailable_error": 503,
    "overloaded_error": 503,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "model_not_found": 404,
    "badrequesterror": 400,
    "invalid_request_error": 400,
}


def map_error(name: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """OpenAI's error answers in the router's words (platform.openai.com/docs/guides/error-codes, checked 2026-11-24)."""
    error = error_bodies.read(body)
    if status == IN_STREAM:
        status = error.status or _status(error)
    after_s = retry_after_s(headers)
    if after_s is None:
        after_s = said_s(error.message)  # Gemini and Azure may say it in words alone
    failure = _failure(name, status, error, after_s, body)
    failure.code = error.code or error_bodies.aws_type(headers, error_bodies.top(body))  # what stands before a server
    return failure


def _status(error: ErrorBody) -> int:
    said = {code.lower() for code in error.codes}
    return next((status for code, status in _STATUSES.items() if code in said), 500)


def _failure(name: str, status: int, error: ErrorBody, after_s: float | None, body: bytes) -> Failure:
    message = f"backend '{name}': {error.message or body[:200].decode(errors='replace') or f'status {status}'}"
    if status == 403 and is_policy(error.codes, error.words):
        return Failure(Kind.REFUSED_BY_POLICY, message, status=400, param=error.param)
    if status in (401, 403):
        reason = f"backend '{name}' refuses this app's credential (status {status})"
        return Failure(Kind.MISCONFIGURED, reason, reason=reason)
    if 300 <= status < 400:
        reason = f"backend '{name}': base_url redirects (status {status})"
        return Failure(Kind.MISCONFIGURED, reason, reason=reason)
    told = _told(status, error, after_s)
    if told is None and (status in (503, 529) or status in _COME_BACK):
        return Failure(Kind.BUSY, f"{message} (status {status})", status=503, retry_after_s=after_s)
    match told:
        case Told(Kind.BUSY):
            return Failure(Kind.BUSY, message, status=429, retry_after_s=after_s)
        case Told(Kind.MISCONFIGURED):
            text = f"{message} (status {status}: our account or deployment, not the request)"
            is_proven = status != 400 or bool(error.codes & OPERATORS_CODES) or not error.is_object
            return Failure(Kind.MISCONFIGURED, text, is_proven=is_proven)
        case Told(Kind.BAD_REQUEST, blame):
            status = status if status in (413, 422) else 400
            return Failure(Kind.BAD_REQUEST, message, status=status, param=error.param, blame=blame)
        case Told(kind):
            return Failure(kind, message, status=400, param=error.param)
    return Failure(Kind.UNREACHABLE, f"{message} (status {status})", status=502, retry_after_s=after_s, billed="maybe")


def _told(status: int, error: ErrorBody, after_s: float | None) -> Told | None:
    """What the answer says beside its status; None where that says all."""
    if (
        status >= 500
        and status != 501
        and not error.codes & {"content_filter", "rate_limit_exceeded", "context_length_exceeded"}
    ):
        return Told(Kind.CONTEXT_TOO_LONG) if is_overflow(error.words) else None
    told = told_by_words(error.codes, error.words)
    if status == 429 or "rate_limit_exceeded" in error.codes:
        return _limited(told, error, after_s)
    if told is not None:
        return told
    if error.is_validation:
        return Told(Kind.BAD_REQUEST, Blame.CALLER)
    if status in _COME_BACK:
        return None
    return told_by_status(status, is_object=error.is_object) if 400 <= status < 500 or status == 501 else None


def _limited(told: Told | None, error: ErrorBody, after_s: float | None) -> Told:
    """A 429. One request may be over the whole of a limit, which says nothing of others; and a quota that is used up has no time to wait for."""
    if told is not None and told.blame is Blame.BACKEND:
        return told
    is_used_up = told is not None and told.kind is Kind.MISCONFIGURED
    if is_used_up and (after_s is None or "insufficient_quota" in error.codes):
        return Told(Kind.MISCONFIGURED)
    return Told(Kind.BUSY)
