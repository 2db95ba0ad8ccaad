"""Google's error answers, as all its APIs write them, in the router's words: an object with a status, or a list of such objects.

Statuses as in google/rpc/code.proto, details as in google/rpc/error_details.proto; texts as public reports show them; checked 2026-12-01.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from app.inference import error_bodies
from app.inference.error_bodies import ErrorBody
from app.inference.error_shapes import Told, is_policy, told_by_status, told_by_words
from app.inference.retry_after import LONGEST_S, retry_after_s, said_s
from app.logic.answer import Blame, Failure, Kind
from app.wire.gemini import GIVEN_UP, PROMPT_BLOCKED

_BY_STATUS = {
    "UNAUTHENTICATED": Kind.MISCONFIGURED,
    "PERMISSION_DENIED": Kind.MISCONFIGURED,
    "NOT_FOUND": Kind.MISCONFIGURED,
    # A model that the project has not enabled, a location without it, an organisation's policy (yym68686/uni-api 41 and others).
    "FAILED_PRECONDITION": Kind.MISCONFIGURED,
    "RESOURCE_EXHAUSTED": Kind.BUSY,
    "UNAVAILABLE": Kind.BUSY,
    "INVALID_ARGUMENT": Kind.BAD_REQUEST,
    "OUT_OF_RANGE": Kind.BAD_REQUEST,
    "UNIMPLEMENTED": Kind.BAD_REQUEST,
    "INTERNAL": Kind.UNREACHABLE,
    "UNKNOWN": Kind.UNREACHABLE,
    "DATA_LOSS": Kind.UNREACHABLE,
    "DEADLINE_EXCEEDED": Kind.UNREACHABLE,
    "ABORTED": Kind.UNREACHABLE,
    "CANCELLED": Kind.UNREACHABLE,
    PROMPT_BLOCKED: Kind.REFUSED_BY_POLICY,
    GIVEN_UP: Kind.UNREACHABLE,
}
_CREDENTIAL = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})
_POLICY = re.compile(r"responsible ai practices|blocked by (?:model armor|(?:the )?safety)|prohibited use policy", re.I)
# A quota of nothing is used up for ever, whatever delay stands beside it (continuedev/continue 12205, mscraftsman/generative-ai 114).
_NO_QUOTA = re.compile(r"\blimit: 0\b(?!\.)")
# As Google writes one: `projects/NAME/locations/…`, `project NAME`, `project: NAME`, `consumer 'project_number:123'`.
_PROJECT = re.compile(
    r"(?<=projects/)[\w.:-]+|(?<=project_number:)\d+|(?<=project )(?:[a-z][a-z0-9-]*[0-9-][a-z0-9-]*|\d{6,})", re.I
)
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_REASON = re.compile(r"[A-Z][A-Z0-9_]{1,62}")


class _Details(NamedTuple):
    """``reason``: ErrorInfo's. ``delay_s``: RetryInfo's. ``no_quota``: QuotaFailure names one of zero."""

    reason: str = ""
    delay_s: float | None = None
    no_quota: bool = False


def is_googles(body: bytes) -> bool:
    """Whether an error answer is one of Google's, and not of what answers behind it: a partner's model, a container."""
    return _status_of(error_bodies.read(body)) != ""


def map_error(name: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    error, details = error_bodies.read(body), _details(body)
    said = _status_of(error)
    after_s = retry_after_s(headers)
    if after_s is None:
        after_s = details.delay_s if details.delay_s is not None else said_s(error.message)
    failure = _failure(name, status, said, error, details, after_s, body)
    failure.code = (details.reason or said).lower()
    return failure


def _status_of(error: ErrorBody) -> str:
    return next((code for code in sorted(error.codes) if code in _BY_STATUS), "")


def _failure(
    name: str, status: int, said: str, error: ErrorBody, details: _Details, after_s: float | None, body: bytes
) -> Failure:
    text = _masked(error.message or body[:200].decode(errors="replace") or "no reason given")
    message = f"backend '{name}': {text} ({said or f'status {status}'})"
    told = _told(status, said, error, details)
    match told:
        case Told(Kind.MISCONFIGURED) if said in _CREDENTIAL or status in (401, 403):
            why = f", {details.reason}" if details.reason else ""
            reason = f"backend '{name}' refuses this app's credential ({said or f'status {status}'}{why})"
            return Failure(Kind.MISCONFIGURED, reason, reason=reason)
        case Told(Kind.MISCONFIGURED):
            text = f"{message}: our project or its location, not the request"
            return Failure(Kind.MISCONFIGURED, text, is_proven=_BY_STATUS.get(said) is not Kind.BAD_REQUEST)
        case Told(Kind.BUSY):
            limited = status == 429 or said == "RESOURCE_EXHAUSTED"
            return Failure(Kind.BUSY, message, status=429 if limited else 503, retry_after_s=after_s)
        case Told(Kind.BAD_REQUEST, blame):
            return Failure(Kind.BAD_REQUEST, message, status=413 if status == 413 else 400, blame=blame)
        case Told(Kind.UNREACHABLE):
            return Failure(Kind.UNREACHABLE, message, status=502, retry_after_s=after_s, billed="maybe")
    return Failure(told.kind, message, status=400)


def _masked(text: str) -> str:
    """Without the name or number of the project: a caller is not to know it."""
    return _PROJECT.sub("***", text)


def _told(status: int, said: str, error: ErrorBody, details: _Details) -> Told:
    kind = _BY_STATUS.get(said) or _by_http(status)
    if kind is Kind.BUSY and (details.no_quota or _NO_QUOTA.search(error.words)):
        return Told(Kind.MISCONFIGURED)
    if kind is not Kind.BAD_REQUEST:
        return Told(kind)
    if said == "UNIMPLEMENTED":
        return Told(kind, Blame.BACKEND)
    if _POLICY.search(error.words) or is_policy(error.codes, error.words):
        return Told(Kind.REFUSED_BY_POLICY)
    return told_by_words(error.codes, error.words) or told_by_status(status, is_object=error.is_object)


def _by_http(status: int) -> Kind:
    if 300 <= status < 400:
        return Kind.MISCONFIGURED
    if status in (429, 503, 529):
        return Kind.BUSY
    return Kind.BAD_REQUEST if 400 <= status < 500 else Kind.UNREACHABLE


def _details(body: bytes) -> _Details:
    reason, delay_s, no_quota = "", None, False
    for detail in _objects(body):
        if isinstance(given := detail.get("reason"), str) and _REASON.fullmatch(given):
            reason = reason or given
        if isinstance(given := detail.get("retryDelay"), str) and (found := _DELAY.fullmatch(given)):
            delay_s = min(float(found[1]), LONGEST_S)
        violations = detail.get("violations")
        for each in violations if isinstance(violations, list) else ():
            no_quota |= isinstance(each, dict) and each.get("quotaValue") in ("0", 0)
    return _Details(reason, delay_s, no_quota)


def _objects(body: bytes) -> Iterator[dict[str, Any]]:
    """The details of the first error."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    first = given[0] if isinstance(given, list) and given else given
    error = first.get("error") if isinstance(first, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield detail
