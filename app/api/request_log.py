"""One log line for each request, when it is over: who, what, each attempt with its reason and time. No text of a prompt or an answer."""

from __future__ import annotations

import logging
from typing import Any

from app.logic.price import usd
from app.logic.record import Attempt, Record

log = logging.getLogger("app.request")


class RequestLog:
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
            "attempts": [_attempt(attempt) for attempt in record.attempts],
        }
        log.info("%s %s", record.endpoint, record.outcome, extra={"fields": fields})


def _attempt(attempt: Attempt) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "backend": attempt.backend,
        "model": attempt.vendor_model,
        "ms": _ms(attempt.started_at, attempt.ended_at),
        "measured": attempt.measured,
    }
    if attempt.failure:
        fields |= {"failure": attempt.failure, "reason": attempt.reason}
    if attempt.usage:
        fields |= {"tokens_in": attempt.usage.prompt, "tokens_out": attempt.usage.completion}
    if attempt.picodollars is not None:
        fields["usd"] = usd(attempt.picodollars)
    return fields


def _ms(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 1)
