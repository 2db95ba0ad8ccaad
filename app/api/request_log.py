"""One log line for each request, when it is over: who, what, each attempt with its reason and time. No text of a prompt or an answer."""

from __future__ import annotations

import logging
from typing import Any

from app.logic.price import usd
from app.logic.record import AttemptRecord, Record

log = logging.getLogger("app.request")


class RequestLog:
    """With ``log_prompts`` the line has the caller's messages too, and every reason in the words that the caller heard."""

    def __init__(self, *, log_prompts: bool = False) -> None:
        self._log_prompts = log_prompts

    def request_ended(self, record: Record) -> None:
        fields = {
            "request_id": record.request_id,
            "endpoint": record.endpoint,
            "model": record.model,
            "key": record.key,
            "stream": record.stream,
            "outcome": record.outcome,
            "finish": record.finish,
            "first_content_ms": _ms(record.started_at, record.first_content_at),
            "total_ms": _ms(record.started_at, record.ended_at),
            "attempts": [self._attempt(attempt) for attempt in record.attempts],
        }
        if record.rescues:
            fields["rescues"] = record.rescues
        if record.trace is not None:
            fields["trace_id"] = record.trace.trace_id
        if self._log_prompts:
            fields["prompt"] = record.prompt
        log.info("%s %s", record.endpoint, record.outcome, extra={"fields": fields})

    def _attempt(self, attempt: AttemptRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "backend": attempt.backend,
            "model": attempt.vendor_model,
            "ms": _ms(attempt.started_at, attempt.ended_at),
            "measured": attempt.measured,
        }
        if attempt.failure:
            fields["failure"] = attempt.failure
            if reason := attempt.words if self._log_prompts else attempt.reason:
                fields["reason"] = reason
            reported = attempt.reported
            seen = {
                "status": reported.status,
                "code": reported.code,
                "param": reported.param,
                "provider_request_id": reported.request_id,
            }
            fields |= {name: value for name, value in seen.items() if value}
        if attempt.usage:
            fields |= {"tokens_in": attempt.usage.prompt, "tokens_out": attempt.usage.completion}
        if attempt.picodollars is not None:
            fields["usd"] = usd(attempt.picodollars)
        return fields


def _ms(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 1)
