"""What a promotion judges a version by: its attempts, what went wrong with them, and sums of the logarithms of times, tokens and money.

A request adds to a few numbers, without a lock (1.5 µs); the rest happens on reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log1p

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from app.logic.answer import Kind
from app.logic.defects import Defect
from app.logic.record import AttemptRecord, Record

ATTEMPT_FAILED, CUT, REJECTED = "attempt_failed", "cut", "rejected"
BAD = (ATTEMPT_FAILED, CUT, REJECTED, *Defect)
MICROSECONDS = 1e6  # in a second
PICODOLLARS = 1000.0  # in a billionth of a dollar
MAX_SESSIONS = 10_000  # that are remembered within a minute; those that come after them are counted each time


class Moments:
    """Count, sum and sum of squares of ``log1p(x)``: with what mean and spread the logarithms come."""

    __slots__ = ("count", "squares", "sum")

    def __init__(self) -> None:
        self.count = self.sum = self.squares = 0.0

    def add(self, x: float) -> None:
        value = log1p(x)
        self.count += 1.0
        self.sum += value
        self.squares += value * value


class Canary:
    """Is told of each request as an Observer. Everything is there from the start, at zero: what is missing is not none."""

    def __init__(self, revision: str) -> None:
        self._revision = revision
        self._attempts = 0
        self._bad = dict.fromkeys(map(str, BAD), 0)
        self._first_token = Moments()
        self._between_tokens = Moments()
        self._whole_answer = Moments()
        self._tokens = Moments()
        self._usd = Moments()
        self._minute = -1
        self._seen: set[int] = set()  # digests, for a session's id is as long as its caller likes

    def request_ended(self, record: Record) -> None:
        tokens = 0
        for attempt in record.attempts:
            if attempt.is_callers_fault:
                # Callers' mistakes hit both sides of a split alike; what only one side refuses is that side's.
                self._attempts += self._note(REJECTED, record)
            else:
                self._attempts += 1
                if attempt.failure is not None or attempt.defect is not None:
                    self._note(_kind(attempt), record)
            if attempt.usage is not None:
                tokens += attempt.usage.prompt + attempt.usage.completion
        if record.is_barred:  # an attempt that an open circuit spared: it would have failed, and must not go unseen
            self._attempts += 1
            self._note(ATTEMPT_FAILED, record)
        if tokens:
            self._tokens.add(tokens)
            if (cost := record.picodollars) is not None:
                self._usd.add(cost / PICODOLLARS)
        first_s = record.first_content_s
        if first_s is None:
            return
        if record.stream:
            self._first_token.add(first_s * MICROSECONDS)
            if gaps := sum(record.gaps):
                self._between_tokens.add(record.gaps_s / gaps * MICROSECONDS)
        elif record.outcome == "ok":
            self._whole_answer.add(first_s * MICROSECONDS)

    def _note(self, kind: str, record: Record) -> bool:
        """Counts once for each conversation and minute: errors that come in bursts on one side of a split say little more than one.
        Whether it did.

        A request without a session counts each time: the split sends those to their sides one by one, a burst too. Were they one for each
        caller, the side that answers more would be counted short.
        """
        if not record.session:
            self._bad[kind] += 1
            return True
        minute = int((record.ended_at or record.started_at) // 60)
        if minute != self._minute:
            self._minute = minute
            self._seen.clear()
        digest = hash((kind, record.session))
        if digest in self._seen:
            return False
        if len(self._seen) < MAX_SESSIONS:
            self._seen.add(digest)
        self._bad[kind] += 1
        return True

    def collect(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "trimaran_attempts",
            "Attempts at a backend; those that refused a request as the caller's fault once for each session and minute",
            labels=["revision"],
        )
        attempts.add_metric([self._revision], self._attempts)
        yield attempts
        bad = CounterMetricFamily(
            "trimaran_bad_events",
            "Attempts that went wrong, once for each session and minute",
            labels=["kind", "revision"],
        )
        for kind, count in self._bad.items():
            bad.add_metric([kind, self._revision], count)
        yield bad
        yield self._logs()

    def _logs(self) -> CounterMetricFamily:
        family = CounterMetricFamily(
            "trimaran_log_values",
            "Of ln(1 + x): x in microseconds, tokens, or billionths of a dollar of one request",
            labels=["measure", "moment", "revision"],
        )
        measures = {
            "first_token": self._first_token,
            "between_tokens": self._between_tokens,
            "whole_answer": self._whole_answer,
            "tokens": self._tokens,
            "usd": self._usd,
        }
        for measure, moments in measures.items():
            for moment in ("count", "sum", "squares"):
                family.add_metric([measure, moment, self._revision], getattr(moments, moment))
        return family


def _kind(attempt: AttemptRecord) -> str:
    if attempt.failure is None:
        assert attempt.defect is not None
        return attempt.defect.value
    if attempt.failure is Kind.REFUSED_BY_POLICY:
        return Defect.REFUSED.value
    return ATTEMPT_FAILED if attempt.first_content_at is None else CUT
