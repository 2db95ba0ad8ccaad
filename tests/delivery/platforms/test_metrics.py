"""Metrics: a fake of events, and Prometheus text over HTTP, keep one contract."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.telemetry.canary import Canary
from delivery.evidence import BAD_KINDS, LOG_MEASURES, Counts
from delivery.platforms.metrics import Metrics, MetricsError
from delivery.platforms.prometheus import Exposition, PrometheusMetrics, counts_in
from tests.delivery.platforms.contract import MetricsContract
from tests.delivery.platforms.fakes import REVISIONS, Counted, FakeMetrics

KEY = "a-key-that-is-never-told"


@pytest.fixture
def counted() -> Counted:
    """Two sides that have counted nothing."""
    return Counted()


class TestFake(MetricsContract):
    """So that what is tested with the fake holds for the others."""

    @pytest.fixture
    def reader(self, counted: Counted) -> Callable[[], Metrics]:
        """Read from memory."""
        return lambda: FakeMetrics(counted)


@dataclass(eq=False)
class Exposed(Collector):
    """One side's counters as an app exposes them: a label's counter is there once it has counted."""

    counts: Counts
    revision: str

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("trimaran_requests", "", labels=["model", "endpoint", "outcome", "revision"])
        requests.add_metric(["chat", "chat", "ok", self.revision], self.counts.requests)
        attempts = CounterMetricFamily("trimaran_attempts", "", labels=["revision"])
        attempts.add_metric([self.revision], self.counts.attempts)
        bad = CounterMetricFamily("trimaran_bad_events", "", labels=["kind", "revision"])
        for kind, count in self.counts.bad.items():
            if count:
                bad.add_metric([kind, self.revision], count)
        logs = CounterMetricFamily("trimaran_log_values", "", labels=["measure", "moment", "revision"])
        for name, seen in self.counts.logs.items():
            if seen.count:
                for moment in ("count", "sum", "squares"):
                    logs.add_metric([name, moment, self.revision], getattr(seen, moment), created=1.0)
        running = GaugeMetricFamily("trimaran_running", "", labels=["revision"])
        running.add_metric([self.revision], 3)
        yield from (requests, attempts, bad, logs, running)

    def text(self) -> str:
        """The exposition."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry).decode()


class App(ThreadingHTTPServer):
    """Both sides' /metrics behind one port, for callers with the key."""

    daemon_threads = True

    def __init__(self, counted: Counted) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.counted = counted

    def url(self, side: str) -> str:
        """Where a side's metrics are."""
        return f"http://127.0.0.1:{self.server_port}/{side}/metrics"


class _Handler(BaseHTTPRequestHandler):
    server: App

    def do_GET(self) -> None:
        side = self.path.split("/")[1]
        found = self.server.counted.shown().get(side)
        if self.headers["Authorization"] != f"Bearer {KEY}":
            self.send_response(401)
            self.end_headers()
        elif found is None:
            self.send_response(503)
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(Exposed(found, REVISIONS[side]).text().encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def app(counted: Counted) -> Iterator[App]:
    """A running server."""
    server = App(counted)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def opened(app: App, memory: Path, *, key: str = KEY, green: str = REVISIONS["green"]) -> PrometheusMetrics:
    """Reads both sides, with the key."""
    revisions = {**REVISIONS, "green": green}
    sides = {side: Exposition(url=app.url(side), revision=revision) for side, revision in revisions.items()}
    return PrometheusMetrics(sides, key=key, memory=memory)


class TestPrometheus(MetricsContract):
    """Real HTTP, real exposition."""

    @pytest.fixture
    def memory(self, tmp_path: Path) -> Path:
        """Where readings are kept."""
        return tmp_path / "promotions/local.counters.json"

    @pytest.fixture
    def reader(self, app: App, memory: Path) -> Callable[[], Metrics]:
        """Read with the key."""
        return lambda: opened(app, memory)

    def test_the_wrong_key_is_told_with_a_hint_and_without_the_key(self, app: App, memory: Path) -> None:
        """The key is a secret, also when it is wrong."""
        with pytest.raises(MetricsError, match="status 401\nhint: the app wants a key") as caught:
            opened(app, memory, key="another-secret").read(time.time())

        assert "another-secret" not in str(caught.value)

    def test_another_revision_behind_the_address_is_an_error(self, app: App, counted: Counted, memory: Path) -> None:
        """After a restart of the machine a port may be another app's."""
        counted.add("green", requests=1)

        with pytest.raises(MetricsError, match="it is revision revision-of-green, not another"):
            opened(app, memory, green="another").read(time.time())

    def test_nobody_there_is_an_error(self, memory: Path) -> None:
        """A refused connection, in words."""
        nobody = {"green": Exposition(url="http://127.0.0.1:1/metrics", revision="r")}
        with pytest.raises(MetricsError, match="the metrics of green cannot be read"):
            PrometheusMetrics(nobody, key="", memory=memory).read(time.time())

    def test_a_memory_that_is_gone_is_told_by_the_beginning(self, app: App, counted: Counted, memory: Path) -> None:
        """Nobody knows what was counted before: the window begins later than it was asked for."""
        began = opened(app, memory).read(time.time())
        counted.add("green", requests=7)
        memory.write_text("[{")

        window = opened(app, memory).read(began.since_s)

        assert window.since_s > began.since_s
        assert window.counts[REVISIONS["green"]].requests == 0

    def test_the_memory_does_not_grow_with_the_readings(self, app: App, memory: Path) -> None:
        """A step may last for days."""
        metrics = opened(app, memory)
        began = metrics.read(time.time())
        sizes = []
        for _ in range(30):
            metrics.read(began.since_s)
            sizes.append(memory.stat().st_size)

        assert sizes[-1] <= sizes[14] * 1.05


def test_a_family_that_is_not_announced_is_absent_not_zero() -> None:
    """An app that is too old to count bad events cannot be judged by them."""
    text = Exposed(Counted().sides["green"], "r").text()
    lines = [line for line in text.splitlines() if "bad_events" not in line]

    found = counts_in("\n".join(lines) + "\n", at_s=1.0)

    assert found.bad == {}
    assert found.logs.keys() != set()
    assert (found.running, found.at_s) == (3.0, 1.0)


def test_the_app_counts_what_promotion_judges() -> None:
    """Under the same names: a new app that has seen nothing has everything at zero."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(cast(Collector, Canary("abc")))
    requests = "# TYPE trimaran_requests_total counter\n"

    found = counts_in(requests + generate_latest(registry).decode(), at_s=0.0, revision="abc")

    assert found == Counted().sides["green"]
    exposed = {
        label
        for family in Canary("abc").collect()
        for sample in family.samples
        for name, label in sample.labels.items()
        if name in ("kind", "measure")
    }
    assert exposed == {*BAD_KINDS, *LOG_MEASURES}


@pytest.mark.parametrize("text", ["", "up 1\n", "trimaran_requests_total{ 1\n", "<html>no metrics</html>\n"])
def test_a_text_without_our_counters_is_an_error(text: str) -> None:
    """A login page is not zero requests."""
    with pytest.raises(ValueError):
        counts_in(text, at_s=0.0)
