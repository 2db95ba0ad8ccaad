"""OpenAI's error answers, and those of the many servers that answer like it, in the router's words."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from app.inference import http
from app.inference.retry_after import retry_after_s
from app.logic.answer import Failure, Kind

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


def map_error(name: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """OpenAI's error answers in the router's words (platform.openai.com/docs/guides/error-codes, checked 2026-11-24)."""
    error = _read_error(body)
    failure = _failure(name, status, error, retry_after_s(headers), body)
    failure.code = str(error.code or error.type or "")
    return failure


def _failure(name: str, status: int, error: _Error, after_s: float | None, body: bytes) -> Failure:
    text = error.message or body[:200].decode(errors="replace") or f"status {status}"
    message = f"backend '{name}': {text}"
    codes = {str(error.code), error.type}
    if status == http.IN_STREAM:
        status = error.code if isinstance(error.code, int) and 400 <= error.code < 600 else 500
    if status in (401, 403):
        reason = f"backend '{name}' refuses this app's credential (status {status})"
        return Failure(Kind.MISCONFIGURED, reason, reason=reason)
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
        reason = f"backend '{name}': base_url redirects (status {status})"
        return Failure(Kind.MISCONFIGURED, reason, reason=reason)
    if status in (503, 529) or status in _COME_BACK:
        return Failure(Kind.BUSY, f"{message} (status {status})", status=503, retry_after_s=after_s)
    return Failure(Kind.UNREACHABLE, f"{message} (status {status})", status=502, retry_after_s=after_s, billed="maybe")


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    detail: msgspec.Raw = msgspec.Raw()


def _read_error(body: bytes) -> _Error:
    try:
        parsed = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()
    if isinstance(parsed.error, _Error):
        return parsed.error
    detail = bytes(parsed.detail).decode(errors="replace") or None
    return _Error(message=parsed.error or parsed.message or detail)
