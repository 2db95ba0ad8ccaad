"""`/metrics`: what Prometheus reads. A request is counted once, when it is over, by adding to a few numbers; the rest happens on reading."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from app.api.exchange import Exchange
from app.api.lifecycle import Lifecycle
from app.logic.price import PICODOLLARS
from app.logic.record import GAP_BOUNDS_S, AttemptRecord, Record
from app.logic.router import Router
from app.telemetry.canary import Canary

# Seconds; the bucket bounds of OpenTelemetry's gen_ai.server.time_to_first_token (semantic conventions 1.42, checked 2026-11-24) and two more.
FIRST_TOKEN_BOUNDS_S = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
    30.0,
    60.0,
)
TOKEN_KINDS = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")

Counts = dict[tuple[str, ...], int]


class Histogram:
    """Counts by bucket; the last bucket has no bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_all(self, counts: Sequence[int], total: float) -> None:
        """Adds what was counted elsewhere into the same buckets."""
        self._counts = [have + more for have, more in zip(self._counts, counts, strict=True)]
        self._sum += total

    def family(self, name: str, text: str, revision: str) -> HistogramMetricFamily:
        family = HistogramMetricFamily(name, text, labels=["revision"])
        names = [*map(str, map(float, self._bounds)), "+Inf"]
        family.add_metric([revision], list(zip(names, accumulate(self._counts), strict=True)), self._sum)
        return family


class Metrics(Collector):
    """Is told of each request as an Observer, and read as a collector of ``prometheus_client``."""

    def __init__(self, router: Router, lifecycle: Lifecycle, revision: str) -> None:
        self._router = router
        self._lifecycle = lifecycle
        self._revision = revision
        self._requests: Counts = defaultdict(int)
        self._errors: Counts = defaultdict(int)
        self._failovers: Counts = defaultdict(int)
        self._rescues: Counts = defaultdict(int)
        self._tokens: Counts = defaultdict(int)
        self._picodollars: Counts = defaultdict(int)
        self._first_token = Histogram(FIRST_TOKEN_BOUNDS_S)
        self._between_tokens = Histogram(GAP_BOUNDS_S)
        self._canary = Canary(revision)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def request_ended(self, record: Record) -> None:
        self._canary.request_ended(record)
        self._requests[record.model, record.endpoint, record.outcome] += 1
        if record.stream and record.first_content_at is not None:
            self._first_token.add(record.first_content_at - record.started_at)
            if any(record.gaps):
                self._between_tokens.add_all(record.gaps, record.gaps_s)
        for attempt in record.attempts:
            self._count(attempt)
        for how in record.rescues:
            self._rescues[how,] += 1
        for failed, following in pairwise(record.attempts):
            if failed.failure is not None and failed.backend != following.backend:
                self._failovers[failed.backend, following.backend, failed.failure] += 1

    def _count(self, attempt: AttemptRecord) -> None:
        if attempt.failure is not None:
            self._errors[attempt.backend, attempt.failure] += 1
        if attempt.usage is not None:
            for kind in TOKEN_KINDS:
                if tokens := getattr(attempt.usage, kind):
                    self._tokens[attempt.backend, kind] += tokens
        if attempt.picodollars is not None:
            self._picodollars[attempt.backend,] += attempt.picodollars

    def collect(self) -> Iterator[Metric]:
        yield self._counter(
            "trimaran_requests", "Requests that are over", ["model", "endpoint", "outcome"], self._requests
        )
        yield self._counter("trimaran_errors", "Attempts at a backend that failed", ["backend", "code"], self._errors)
        yield self._first_token.family(
            "trimaran_first_token_seconds", "From a streamed request to its first content", self._revision
        )
        yield self._between_tokens.family(
            "trimaran_between_tokens_seconds", "Between two arrivals of content in one stream", self._revision
        )
        yield self._counter(
            "trimaran_failovers", "Requests taken on to another backend", ["from", "to", "code"], self._failovers
        )
        yield self._counter("trimaran_rescues", "Answers continued after a cut", ["how"], self._rescues)
        yield self._gauges("trimaran_circuit_state", "0 closed, 1 half-open, 2 open", "backend", self._circuits())
        yield self._gauge("trimaran_running", "Requests being answered", len(self._lifecycle.running))
        waiting = {name: self._router.queue.depth(name) for name in self._router.targets}
        yield self._gauges(
            "trimaran_queued",
            "Requests waiting for room, and one for a sleeping backend that was wanted in the last minute",
            "model",
            waiting,
        )
        yield self._counter(
            "trimaran_tokens", "Tokens as the backends reported them", ["backend", "kind"], self._tokens
        )
        yield self._counter(
            "trimaran_usd", "US dollars for the reported tokens", ["backend"], self._picodollars, unit=PICODOLLARS
        )
        yield from self._canary.collect()

    def _counter(
        self, name: str, text: str, labels: Sequence[str], counts: Counts, *, unit: int = 1
    ) -> CounterMetricFamily:
        family = CounterMetricFamily(name, text, labels=[*labels, "revision"])
        for values, count in counts.items():
            family.add_metric([*values, self._revision], count / unit)
        return family

    def _circuits(self) -> dict[str, int]:
        now = time.monotonic()
        return {name: int(state.circuit_state(now)) for name, state in self._router.states.items()}

    def _gauges(self, name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=[label, "revision"])
        for value_of, value in values.items():
            family.add_metric([value_of, self._revision], value)
        return family

    def _gauge(self, name: str, text: str, value: float) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=["revision"])
        family.add_metric([self._revision], value)
        return family

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        encode, content_type = choose_encoder(exchange.request_headers.get(b"accept", b"").decode("latin-1"))
        await exchange.whole(encode(self._registry), content_type=content_type)
