"""Answers that are no answers: error bodies as the vendors write them, and what stands between us and them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.answers import Instead

HTML = Instead(status=200, content_type="text/html", body=b"<html><h1>Sign in to the network</h1></html>")
NOT_JSON = Instead(status=200, body=b'{"choices": [upstream connect error')


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """``status``, ``type`` and ``code`` as OpenAI has them, and ``anthropic_type``; the status differs where ``anthropic_status`` says so."""

    name: str
    status: int
    message: str = "no"
    code: str | None = None
    anthropic_type: str = "invalid_request_error"
    anthropic_status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)

    def openai(self) -> Instead:
        error = {"message": self.message, "type": "invalid_request_error", "param": None, "code": self.code}
        return _json(self.status, {"error": error}, self.headers)

    def anthropic(self) -> Instead:
        error = {"type": self.anthropic_type, "message": self.message}
        return _json(self.anthropic_status or self.status, {"type": "error", "error": error}, self.headers)


def _json(status: int, body: dict[str, Any], headers: Mapping[str, str]) -> Instead:
    return Instead(status=status, body=json.dumps(body).encode(), headers=headers)


def overloaded_with_200() -> tuple[Instead, Instead]:
    """A whole answer that is an error in spite of its status, on both wires."""
    return (
        _json(200, {"error": {"message": "overloaded", "code": 503}}, {}),
        _json(200, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, {}),
    )


BAD_REQUEST = Refusal(name="400", status=400)
WRONG_KEY = Refusal(name="401", status=401, anthropic_type="authentication_error")
NO_MONEY = Refusal(name="402", status=402, anthropic_type="billing_error")
NO_ACCESS = Refusal(name="403", status=403, anthropic_type="permission_error")
NO_MODEL = Refusal(name="404", status=404, anthropic_type="not_found_error")
TIMED_OUT = Refusal(name="408", status=408, anthropic_type="timeout_error")
TOO_LARGE = Refusal(name="413", status=413, anthropic_type="request_too_large")
NOT_VALID = Refusal(name="422", status=422)
LIMITED = Refusal(name="429", status=429, anthropic_type="rate_limit_error")
LIMITED_1_S = Refusal(
    name="429, Retry-After 1", status=429, anthropic_type="rate_limit_error", headers={"retry-after": "1"}
)
LIMITED_30_S = Refusal(
    name="429, Retry-After 30", status=429, anthropic_type="rate_limit_error", headers={"retry-after": "30"}
)
QUOTA = Refusal(
    name="out of quota (429 `insufficient_quota`; Anthropic's 400 on the balance)",
    status=429,
    code="insufficient_quota",
    message="Your credit balance is too low",
    anthropic_status=400,
)
BROKEN = Refusal(name="500", status=500, anthropic_type="api_error")
BAD_GATEWAY = Refusal(name="502", status=502, anthropic_type="api_error")
UNAVAILABLE = Refusal(name="503", status=503, anthropic_type="overloaded_error")
GATEWAY_TIMEOUT = Refusal(name="504", status=504, anthropic_type="api_error")
OVERLOADED = Refusal(name="529", status=529, anthropic_type="overloaded_error")
FILTERED = Refusal(
    name="content filter (400)",
    status=400,
    code="content_filter",
    message="Output blocked by content filtering policy",
)
TOO_LONG = Refusal(
    name="context too long (400)",
    status=400,
    code="context_length_exceeded",
    message="prompt is too long: 203456 tokens > 200000 maximum",
)
LACKING = Refusal(
    name="a field that this model lacks (400)",
    status=400,
    code="unsupported_parameter",
    message="temperature: Extra inputs are not permitted",
)
