"""How a fault reaches a caller: OpenAI's error body and a truthful status. One place maps the router's words to HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from app.logic.answer import Failure, Kind

_encode = msgspec.json.Encoder().encode


class Fault(Exception):
    """A request that gets an error answer: the caller's own fault, or a backend's."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "type": type, "param": param, "code": code}
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        return _encode({"error": self.error})


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


def fault_of(failure: Failure) -> Fault:
    """What the caller is told of a backend's failure. Its own client need not retry: the router did what helps."""
    status = failure.status or _STATUS[failure.kind]
    headers = {"x-should-retry": "false"} if status >= 429 else {}
    if failure.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(failure.retry_after_s)))
    kind = "rate_limit_error" if status == 429 else "invalid_request_error" if status < 500 else "server_error"
    return Fault(status, failure.message, type=kind, param=failure.param, code=failure.kind.value, headers=headers)
