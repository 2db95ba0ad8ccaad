"""Google's error answers in the router's words: by status, by detail, and by text where a status says too little."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.inference.google_errors import is_googles, map_error
from app.inference.said import IN_STREAM
from app.logic.answer import Blame, Failure, Kind

_RPC = "type.googleapis.com/google.rpc."


def says(code: int, status: str, message: str = "no", *details: dict[str, Any], http: int | None = None) -> Failure:
    body = {"error": {"code": code, "message": message, "status": status, "details": list(details)}}
    return map_error("b", code if http is None else http, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, "INVALID_ARGUMENT", Kind.BAD_REQUEST),
        (400, "FAILED_PRECONDITION", Kind.MISCONFIGURED),
        (400, "OUT_OF_RANGE", Kind.BAD_REQUEST),
        (401, "UNAUTHENTICATED", Kind.MISCONFIGURED),
        (403, "PERMISSION_DENIED", Kind.MISCONFIGURED),
        (404, "NOT_FOUND", Kind.MISCONFIGURED),
        (409, "ABORTED", Kind.UNREACHABLE),
        (429, "RESOURCE_EXHAUSTED", Kind.BUSY),
        (499, "CANCELLED", Kind.UNREACHABLE),
        (500, "INTERNAL", Kind.UNREACHABLE),
        (500, "UNKNOWN", Kind.UNREACHABLE),
        (501, "UNIMPLEMENTED", Kind.BAD_REQUEST),
        (503, "UNAVAILABLE", Kind.BUSY),
        (504, "DEADLINE_EXCEEDED", Kind.UNREACHABLE),
        (418, "SOMETHING_NEW", Kind.BAD_REQUEST),
        (502, "SOMETHING_NEW", Kind.UNREACHABLE),
    ],
)
@pytest.mark.parametrize("in_stream", [False, True])
def test_each_status_has_its_kind(code: int, status: str, kind: Kind, in_stream: bool) -> None:
    """The same in an answer that had begun with 200, where Google knows the status."""
    if in_stream and status == "SOMETHING_NEW":
        return
    assert says(code, status, http=IN_STREAM if in_stream else None).kind is kind


@pytest.mark.parametrize(
    ("message", "kind", "blame"),
    [
        ("The input token count (9) exceeds the maximum number of tokens allowed (8).", Kind.CONTEXT_TOO_LONG, None),
        (
            "Unable to submit request because the input token count is 9 but model only supports up to 8.",
            Kind.CONTEXT_TOO_LONG,
            None,
        ),
        ("API key not valid. Please pass a valid API key.", Kind.MISCONFIGURED, None),
        ("Unable to submit request because thinking is not supported by this model.", Kind.BAD_REQUEST, Blame.BACKEND),
        ("Function call is missing a thought_signature in functionCall parts.", Kind.BAD_REQUEST, Blame.UNKNOWN),
        ("It contains words that violate Google's Responsible AI practices.", Kind.REFUSED_BY_POLICY, None),
        ("The prompt was blocked by Model Armor.", Kind.REFUSED_BY_POLICY, None),
    ],
)
def test_a_bad_request_is_told_by_its_words(message: str, kind: Kind, blame: Blame | None) -> None:
    """Google has one status for all of them."""
    failure = says(400, "INVALID_ARGUMENT", message)
    assert failure.kind is kind
    assert blame is None or failure.blame is blame
    assert failure.is_proven is (kind is not Kind.MISCONFIGURED)


def test_a_delay_is_retry_infos() -> None:
    """Before what the words say; and theirs where there is none."""
    info = {"@type": f"{_RPC}RetryInfo", "retryDelay": "45.837906927s"}
    assert says(429, "RESOURCE_EXHAUSTED", "Please retry in 9s.", info).retry_after_s == 45.837906927
    assert says(429, "RESOURCE_EXHAUSTED", "Please retry in 9.5s.").retry_after_s == 9.5
    assert says(429, "RESOURCE_EXHAUSTED").retry_after_s is None
    assert says(429, "RESOURCE_EXHAUSTED", "no", {**info, "retryDelay": "9999999s"}).retry_after_s == 86_400
    assert says(429, "RESOURCE_EXHAUSTED", "no", {**info, "retryDelay": "-1s"}).retry_after_s is None


@pytest.mark.parametrize(
    ("message", "violations", "kind"),
    [
        ("Quota exceeded for metric: x, limit: 4000000\nPlease retry in 47s.", [{"quotaValue": "4000000"}], Kind.BUSY),
        ("Quota exceeded for metric: x, limit: 0, model: m\nPlease retry in 55s.", [], Kind.MISCONFIGURED),
        ("Quota exceeded.", [{"quotaId": "a", "quotaValue": "0"}], Kind.MISCONFIGURED),
        ("Quota exceeded, limit: 0.5", [], Kind.BUSY),
    ],
)
def test_a_quota_of_nothing_is_ours(message: str, violations: list[dict[str, Any]], kind: Kind) -> None:
    """Waiting brings none, whatever delay stands beside it."""
    failure = says(429, "RESOURCE_EXHAUSTED", message, {"@type": f"{_RPC}QuotaFailure", "violations": violations})
    assert failure.kind is kind


def test_what_may_be_logged_is_our_own() -> None:
    """Google's words are the caller's to read; the reason that it names is a name."""
    info = {"@type": f"{_RPC}ErrorInfo", "reason": "BILLING_DISABLED", "domain": "googleapis.com"}
    failure = says(403, "PERMISSION_DENIED", "project 123 of someone", info)
    assert failure.reason == "backend 'b' refuses this app's credential (PERMISSION_DENIED, BILLING_DISABLED)"
    assert "123" not in failure.message
    assert failure.code == "billing_disabled"
    assert says(500, "INTERNAL", "someone's prompt").reason == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"7",
        b"[]",
        b"[7]",
        b'{"error": "no"}',
        b'{"error": {"details": 7}}',
        b'{"error": {"details": [7, {"reason": 7, "violations": [7]}]}}',
    ],
)
def test_any_body_is_read(body: bytes) -> None:
    """By its HTTP status where it says nothing."""
    assert map_error("b", 503, {}, body).kind is Kind.BUSY
    assert map_error("b", 500, {}, body).kind is Kind.UNREACHABLE
    assert map_error("b", 302, {}, body).kind is Kind.MISCONFIGURED
    assert not is_googles(body)


def test_googles_own_errors_are_known_from_those_behind_it() -> None:
    """A partner's model and a container have theirs."""
    assert is_googles(b'[{"error": {"code": 404, "status": "NOT_FOUND", "message": "x"}}]')
    assert not is_googles(b'{"type": "error", "error": {"type": "not_found_error", "message": "NOT_FOUND"}}')
    assert not is_googles(b'{"error": {"message": "x", "type": "invalid_request_error", "code": null}}')


@pytest.mark.parametrize(
    "said",
    ["Publisher Model `projects/acme-prod-7/locations/eu/publishers/google/models/x` is bad", "no such API in project acme-prod-7 yet", "for consumer 'project_number:acme' 'project_number:7123456'"],
)  # fmt: skip
def test_a_projects_name_reaches_no_caller(said: str) -> None:
    """What else Google says stays."""
    body = json.dumps({"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}).encode()
    message = map_error("a", 400, {}, body).message
    assert "acme-prod-7" not in message
    assert "7123456" not in message
    assert "***" in message
    assert said.split()[-1] in message or "project_number" in said
