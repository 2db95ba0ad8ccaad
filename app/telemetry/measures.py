"""The GenAI metrics of OpenTelemetry, fed once for each request out of its record. A thread of the SDK sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from app.logic.record import AttemptRecord, Record
from app.telemetry import names

# Bucket bounds as the conventions advise them.
_DURATION_S = [0.01 * 2**power for power in range(14)]
_TOKENS = [float(4**power) for power in range(14)]
_FIRST_TOKEN_S = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]
_PER_TOKEN_S = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5]

Attributes = dict[str, str]


class Measures:
    """``providers``: the provider's name of each backend."""

    def __init__(self, resource: Resource, providers: Mapping[str, str]) -> None:
        self._providers = providers
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        self._provider = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._client_duration = self._histogram(names.CLIENT_DURATION, "s", _DURATION_S)
        self._client_tokens = self._histogram(names.CLIENT_TOKENS, "{token}", _TOKENS)
        self._client_first_chunk = self._histogram(names.CLIENT_FIRST_CHUNK, "s", _DURATION_S)
        self._server_duration = self._histogram(names.SERVER_DURATION, "s", _DURATION_S)
        self._server_first_token = self._histogram(names.SERVER_FIRST_TOKEN, "s", _FIRST_TOKEN_S)
        self._server_per_token = self._histogram(names.SERVER_PER_TOKEN, "s", _PER_TOKEN_S)

    def _histogram(self, name: str, unit: str, bounds: Sequence[float]) -> Histogram:
        meter = self._provider.get_meter("trimaran")
        return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=bounds)

    def request_ended(self, record: Record) -> None:
        attributes = {
            names.OPERATION: names.OPERATIONS[record.endpoint],
            names.PROVIDER: "trimaran",
            names.REQUEST_MODEL: record.model,
        }
        for attempt in record.attempts:
            self._add(attempt, attributes)
        failed = {} if record.outcome == "ok" else {names.ERROR: record.outcome}
        if record.ended_at is not None:
            self._server_duration.record(record.ended_at - record.started_at, attributes | failed)
        if record.stream and (first_s := record.first_content_s) is not None:
            self._server_first_token.record(first_s, attributes)
            if arrivals := sum(record.gaps):
                self._server_per_token.record(record.gaps_s / arrivals, attributes)

    def _add(self, attempt: AttemptRecord, of_request: Attributes) -> None:
        attributes = of_request | {
            names.PROVIDER: self._providers.get(attempt.backend, attempt.backend),
            names.REQUEST_MODEL: attempt.vendor_model,
        }
        failed = {names.ERROR: attempt.failure.value} if attempt.failure is not None else {}
        if attempt.ended_at is not None:
            self._client_duration.record(attempt.ended_at - attempt.started_at, attributes | failed)
        if attempt.first_content_at is not None:
            self._client_first_chunk.record(attempt.first_content_at - attempt.started_at, attributes)
        if attempt.usage is not None:
            self._client_tokens.record(attempt.usage.prompt, attributes | {names.TOKEN_TYPE: "input"})
            self._client_tokens.record(attempt.usage.completion, attributes | {names.TOKEN_TYPE: "output"})

    def shutdown(self) -> None:
        self._provider.shutdown()
