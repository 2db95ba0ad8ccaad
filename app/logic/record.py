"""What is remembered of one request: each attempt with its reason, time, tokens and money. Told once, at the end, to whoever counts."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from app.logic.answer import NOTHING_REPORTED, Endpoint, Kind, Reported
from app.logic.defects import Defect
from app.wire.events import Usage

# Seconds; the bucket bounds of OpenTelemetry's gen_ai.server.time_per_output_token (semantic conventions 1.42, checked 2026-11-24).
GAP_BOUNDS_S = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)


class Measured(StrEnum):
    """How far a token count can be trusted."""

    REPORTED = "reported"  # the backend's own final count
    PARTIAL = "partial"  # the backend's count so far, of an answer that did not end
    ESTIMATED = "estimated"  # nobody said: our own guess
    NONE = "none"  # nothing was generated


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Where a request stands in a distributed trace (W3C Trace Context): ids in lower-case hex, ``parent_id`` empty for a root."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: bool = True
    state: str = ""

    def headers(self, span_id: str) -> dict[str, str]:
        """What tells the next server that ``span_id`` is its caller."""
        parent = {"traceparent": f"00-{self.trace_id}-{span_id}-{self.sampled:02x}"}
        return parent | {"tracestate": self.state} if self.state else parent


@dataclass(slots=True, kw_only=True)
class AttemptRecord:
    """One backend's try. Times are those of ``time.monotonic``; ``picodollars`` is None where no price is known, which is not zero.

    ``reason`` and ``reported`` may be told to anybody; ``words`` are what the caller heard, and may quote a prompt.
    ``defect``: what is wrong with an answer that came to its end.
    """

    backend: str
    vendor_model: str = ""
    started_at: float
    first_content_at: float | None = None
    ended_at: float | None = None
    failure: Kind | None = None
    is_callers_fault: bool = False
    reason: str = ""
    words: str = ""
    reported: Reported = NOTHING_REPORTED
    defect: Defect | None = None
    usage: Usage | None = None
    measured: Measured = Measured.NONE
    picodollars: int | None = None
    span_id: str = ""  # where the request is traced


@dataclass(slots=True, kw_only=True)
class Record:
    """One request of a caller, from its admission to its last byte. ``outcome`` is `ok`, `client_gone`, or a code of the error body.

    ``prompt`` is what the caller sent, and only there when the operator asked for prompts to be logged. ``session``: the caller's
    own id of the conversation, empty where it gave none. ``is_barred``: a backend that came first was not asked, since its circuit is open.
    """

    request_id: str
    started_at: float
    endpoint: Endpoint = Endpoint.CHAT
    model: str = ""
    key: str = ""
    session: str = ""
    stream: bool = False
    outcome: str = "internal_error"  # until something better is known
    finish: str = ""
    asked_at: float | None = None  # when all of the request had come: how long that takes is the caller's affair
    first_content_at: float | None = None
    ended_at: float | None = None
    is_barred: bool = False
    attempts: list[AttemptRecord] = field(default_factory=list)
    rescues: list[str] = field(default_factory=list)  # how each was taken up again
    joined: Usage | None = None  # of an answer that several backends gave together
    trace: Trace | None = None
    prompt: Any = None
    gaps: list[int] = field(default_factory=lambda: [0] * (len(GAP_BOUNDS_S) + 1))
    gaps_s: float = 0.0
    last_content_at: float = 0.0

    def content(self, now: float, gap_s: float | None = None) -> None:
        """Content came at ``now``: the first, or ``gap_s`` after the one before. Called for each batch, so it only counts."""
        if self.first_content_at is None:
            self.first_content_at = now
        else:
            gap_s = now - self.last_content_at if gap_s is None else gap_s
            self.gaps[bisect_left(GAP_BOUNDS_S, gap_s)] += 1
            self.gaps_s += gap_s
        self.last_content_at = now

    @property
    def first_content_s(self) -> float | None:
        """From the complete request to its first content, which of an answer that is not streamed is all of it."""
        if self.first_content_at is None:
            return None
        return self.first_content_at - (self.started_at if self.asked_at is None else self.asked_at)

    @property
    def usage(self) -> Usage | None:
        """The tokens that the caller's answer is made of; None where no attempt has a count."""
        if self.joined is not None:
            return self.joined
        counted = [attempt.usage for attempt in self.attempts if attempt.usage is not None]
        if not (self.rescues and counted):
            return self.attempts[-1].usage if self.attempts else None
        output, reasoning = sum(usage.output for usage in counted), sum(usage.reasoning for usage in counted)
        return replace(counted[0], output=output, reasoning=reasoning)

    @property
    def is_estimated(self) -> bool:
        """Whether some of the tokens, and so of the money, are our own guess."""
        return any(attempt.measured is Measured.ESTIMATED for attempt in self.attempts)

    @property
    def picodollars(self) -> int | None:
        """What all attempts cost together; None when one of them has no known price."""
        total: int | None = None
        for attempt in self.attempts:
            if attempt.measured is Measured.NONE:
                continue
            if attempt.picodollars is None:
                return None
            total = (total or 0) + attempt.picodollars
        return total


class Observer(Protocol):
    """Is told of every request, once, when it is over."""

    def request_ended(self, record: Record) -> None: ...
