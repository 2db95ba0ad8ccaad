"""What a caller is told when a request goes wrong, before a dialect writes it: a truthful status and what can be done. The router's words become HTTP here."""

from __future__ import annotations

from collections.abc import Mapping

from app.logic.answer import Failure, Kind


class Fault(Exception):
    """A request that gets an error answer: the caller's own fault, or a backend's. ``type`` and ``code`` are OpenAI's words, which other dialects map.

    ``outcome``: what logs and metrics call it, where that is not the code.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        outcome: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
        self.headers = dict(headers or {})
        self.outcome = outcome or code or "bad_request"


OUR_DEFECT = Fault(500, "this app failed; its log has more under the request's id", type="server_error")

# What a caller can do about each kind decides its status: 4xx change the request, 429/503 come back later, 502/504 a backend is to blame.
_STATUS = {
    Kind.BUSY: 503,
    Kind.UNREACHABLE: 502,
    Kind.REFUSED_BY_POLICY: 400,
    Kind.BAD_REQUEST: 400,
    Kind.CONTEXT_TOO_LONG: 400,
    Kind.MISCONFIGURED: 502,
    Kind.FIRST_TOKEN_LATE: 504,
    Kind.STALLED: 504,
    Kind.CUT: 502,
    Kind.GARBLED: 502,
    Kind.DEADLINE: 504,
}


# The openai and anthropic clients obey a Retry-After up to this, and instead of a longer one come back within seconds
# (openai 3.54, _base_client.py; checked 2026-11-30).
SDKS_WAIT_S = 60.0
# OpenAI's own code, by which clients know what to do.
_CODE = {Kind.CONTEXT_TOO_LONG: "context_length_exceeded"}


def fault_of(failure: Failure) -> Fault:
    """What the caller is told of a backend's failure.

    Its own client need not retry, for the router did what helps; but where it is told when to come back, it may.
    """
    status = failure.status or _STATUS[failure.kind]
    headers: dict[str, str] = {}
    if failure.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(failure.retry_after_s)))
    if status >= 429 and (failure.retry_after_s is None or failure.retry_after_s > SDKS_WAIT_S):
        headers["x-should-retry"] = "false"
    kind = failure.kind.value
    code = _CODE.get(failure.kind, kind)
    return Fault(
        status, failure.message, type=_type(status), param=failure.param, code=code, headers=headers, outcome=kind
    )


def _type(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"
