"""Bedrock's error answers, and the exceptions in its streams, in the router's words.

The types are those of botocore 1.44.5 (data/bedrock-runtime) and of AWS's common errors
(docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html), the words those of public reports; checked 2026-12-01.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.inference import error_bodies
from app.inference.error_shapes import Told, told_by_status, told_by_words
from app.inference.identity.identity import ENDED
from app.inference.retry_after import retry_after_s
from app.logic.answer import Blame, Failure, Kind

_CREDENTIALS = ENDED | {
    "unrecognizedclientexception",
    "invalidclienttokenid",
    "invalidsignatureexception",
    "signaturedoesnotmatch",
    "incompletesignature",
    "incompletesignatureexception",
    "missingauthenticationtoken",
    "missingauthenticationtokenexception",
    "missingauthenticationexception",
    "requestexpired",
}
_DENIED = frozenset(
    {"accessdeniedexception", "accessdenied", "notauthorized", "optinrequired", "unauthorizedexception"}
)
_BY_TYPE = {
    **dict.fromkeys(_CREDENTIALS | _DENIED, Kind.MISCONFIGURED),
    "resourcenotfoundexception": Kind.MISCONFIGURED,
    "unknownoperationexception": Kind.MISCONFIGURED,
    "throttlingexception": Kind.BUSY,
    "throttling": Kind.BUSY,
    "toomanyrequestsexception": Kind.BUSY,
    "servicequotaexceededexception": Kind.BUSY,
    "modelnotreadyexception": Kind.BUSY,
    "modeltimeoutexception": Kind.BUSY,
    "serviceunavailableexception": Kind.BUSY,
    "serviceunavailable": Kind.BUSY,
    "internalserverexception": Kind.UNREACHABLE,
    "internalfailure": Kind.UNREACHABLE,
    "modelerrorexception": Kind.UNREACHABLE,
    "modelstreamerrorexception": Kind.UNREACHABLE,
    "validationexception": Kind.BAD_REQUEST,
}
_LIMITED = frozenset({"throttlingexception", "throttling", "toomanyrequestsexception", "servicequotaexceededexception"})


def _words(*texts: str) -> re.Pattern[str]:
    return re.compile("|".join(texts), re.I)


# Of a ValidationException: what is wrong with the routes file or the account, what the model lacks, and what does not fit into it
# (terricain/aioboto3 352, mlcommons/modelbench 1654, kirodotdev/Kiro 11191, strands-agents/harness-sdk 1241, read 2026-12-01).
_SHAPES = (
    (
        Told(Kind.MISCONFIGURED),
        _words(
            r"on-demand throughput",
            r"provided model identifier is invalid",
            r"^operation not allowed",
            r"this action doesn't support the model",
            r"guardrail identifier or version",
        ),
    ),
    (
        Told(Kind.BAD_REQUEST, Blame.BACKEND),
        _words(
            r"doesn't support",
            r"is unsupported for",
            r"extraneous key",
            r"maximum tokens you requested exceeds",
            r"prompt caching",
        ),
    ),
    (Told(Kind.CONTEXT_TOO_LONG), _words(r"input tokens? exceeds?", r"number of input tokens")),
)
_PASSED_ON = re.compile(r"the model returned the following errors: ", re.I)  # and then the vendor's own words
_APOSTROPHE = re.compile(r"(?<=\w)’(?=\w)")  # Bedrock's, in "isn’t": no quotation mark
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_ACCOUNT = re.compile(r"(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])")  # its number, in an ARN and elsewhere
_MAX_SHOWN = 200


def map_error(name: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """``status`` is 0 for an exception inside an answer that had begun with 200."""
    error = error_bodies.read(body)
    given = error_bodies.top(body)
    kind_of = error_bodies.aws_type(headers, given)
    text = _text(
        given.get("message") or given.get("Message") or error.message or body[:_MAX_SHOWN].decode(errors="replace")
    )
    failure = _failure(name, status, kind_of, text, is_object=error.is_object)
    if failure.kind is Kind.BUSY:
        failure.retry_after_s = retry_after_s(headers)
    failure.code = kind_of
    return failure


def _text(given: Any) -> str:
    text = _ACCOUNT.sub("***", _KEY_ID.sub("***", _APOSTROPHE.sub("'", str(given or ""))))
    return _PASSED_ON.sub("", text, count=1)


def _failure(name: str, status: int, kind_of: str, text: str, *, is_object: bool) -> Failure:
    message = f"backend '{name}': {text or 'no reason given'} ({kind_of or f'status {status}'})"
    told = _told(status, kind_of, text, is_object=is_object)
    match told:
        case Told(Kind.MISCONFIGURED) if reason := _ours(name, status, kind_of):
            return Failure(Kind.MISCONFIGURED, reason, reason=reason)
        case Told(Kind.BUSY):
            is_limit = kind_of in _LIMITED or (not kind_of and status == 429)
            waking = kind_of == "modelnotreadyexception"  # an imported model is unloaded when nobody asks it
            return Failure(Kind.BUSY, message, status=429 if is_limit else 503, waking=waking)
        case Told(Kind.BAD_REQUEST, blame):
            return Failure(Kind.BAD_REQUEST, message, status=413 if status == 413 else 400, blame=blame)
    return Failure(told.kind, message)


def _ours(name: str, status: int, kind_of: str) -> str:
    """What is wrong with our credentials or permissions, in our words alone: AWS's name the account and the role."""
    if kind_of in _DENIED:
        return (
            f"backend '{name}': AWS does not let this app call the model ({kind_of}): its role needs bedrock:InvokeModel and "
            "bedrock:InvokeModelWithResponseStream for it, and through an inference profile for that and the model in each of its regions"
        )
    if kind_of in _CREDENTIALS or status in (401, 403):
        return f"backend '{name}' refuses this app's credentials ({kind_of or f'status {status}'})"
    return ""


def _told(status: int, kind_of: str, text: str, *, is_object: bool) -> Told:
    if kind_of in _DENIED and "prompt caching" in text:
        return Told(Kind.BAD_REQUEST, Blame.BACKEND)  # Bedrock says so of a mark that the model does not know
    kind = _BY_TYPE.get(kind_of) or _by_status(status)
    if kind is not Kind.BAD_REQUEST:
        return Told(kind)
    ours = next((told for told, words in _SHAPES if words.search(text)), None)
    return ours or told_by_words(frozenset(), text) or told_by_status(status or 400, is_object=is_object)


def _by_status(status: int) -> Kind:
    if 300 <= status < 400:
        return Kind.MISCONFIGURED
    if status in (408, 429, 503, 529):
        return Kind.BUSY
    return Kind.BAD_REQUEST if 400 <= status < 500 else Kind.UNREACHABLE
