"""One trace for each request, with a span for each attempt. Spans are made when the request is over, out of its record."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from app.logic.record import AttemptRecord, Record, Trace
from app.telemetry import names

# W3C Trace Context, section 3.2: a version after 00 may have more behind the flags.
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_STATE_MEMBER = re.compile(
    rb"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
MAX_STATE_BYTES = 512
_NANOSECONDS = 1_000_000_000


class Spans:
    """``providers``: the provider's name of each backend. A thread of the SDK sends the spans."""

    def __init__(self, resource: Resource, providers: Mapping[str, str]) -> None:
        self._ids = _GivenIds()
        self._providers = providers
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("trimaran")

    def begin(self, headers: Mapping[bytes, bytes]) -> Trace:
        """Continues the caller's trace where it sent one, else starts one. Whether it is sent, OTEL_TRACES_SAMPLER decides."""
        found = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
        begun = Trace(trace_id=secrets.token_hex(16), span_id=secrets.token_hex(8))
        if found is not None:
            begun = replace(
                begun,
                trace_id=found[1].decode(),
                parent_id=found[2].decode(),
                sampled=bool(int(found[3], 16) & TraceFlags.SAMPLED),
                state=_state(headers.get(b"tracestate", b"")),
            )
        decision = self._provider.sampler.should_sample(_caller(begun), int(begun.trace_id, 16), "").decision
        return replace(begun, sampled=decision is Decision.RECORD_AND_SAMPLE)

    def request_ended(self, record: Record) -> None:
        begun = record.trace
        if begun is None or not begun.sampled:
            return
        operation = names.OPERATIONS[record.endpoint]
        to_epoch_s = time.time() - time.monotonic()
        self._ids.give(begun.trace_id, begun.span_id)
        span = self._tracer.start_span(
            f"{operation} {record.model}".strip(),
            _caller(begun),
            SpanKind.SERVER,
            {names.OPERATION: operation, **_request_attributes(record)},
            start_time=_nanoseconds(record.started_at + to_epoch_s),
        )
        inside = trace.set_span_in_context(span, Context())
        for attempt in record.attempts:
            self._add(attempt, record, operation, inside, to_epoch_s)
        if record.outcome != "ok":
            span.set_attribute(names.ERROR, record.outcome)
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds((record.ended_at or time.monotonic()) + to_epoch_s))

    def _add(self, attempt: AttemptRecord, record: Record, operation: str, inside: Context, to_epoch_s: float) -> None:
        attributes = {
            names.OPERATION: operation,
            names.PROVIDER: self._providers.get(attempt.backend, attempt.backend),
            names.REQUEST_MODEL: attempt.vendor_model,
            names.STREAM: record.stream,
            names.BACKEND: attempt.backend,
            **_usage_attributes(attempt),
        }
        if attempt.first_content_at is not None:
            attributes[names.TIME_TO_FIRST_CHUNK] = attempt.first_content_at - attempt.started_at
        self._ids.give("", attempt.span_id)
        span = self._tracer.start_span(
            f"{operation} {attempt.vendor_model}".strip(),
            inside,
            SpanKind.CLIENT,
            attributes,
            start_time=_nanoseconds(attempt.started_at + to_epoch_s),
        )
        if attempt.failure is not None:
            span.set_attribute(names.ERROR, attempt.failure.value)
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds((attempt.ended_at or time.monotonic()) + to_epoch_s))

    def shutdown(self) -> None:
        self._provider.shutdown()


class _GivenIds(IdGenerator):
    """The ids that were given to the backends while the request ran. Used on the event loop's thread only, so nothing comes between."""

    def __init__(self) -> None:
        self._trace_id = 0
        self._span_id = 0

    def give(self, trace_id: str, span_id: str) -> None:
        self._trace_id = int(trace_id or "0", 16)
        self._span_id = int(span_id, 16)

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return self._span_id


def _state(given: bytes) -> str:
    """One that is too long, or not as section 3.3.1 has it, is left out: it would go on to every backend, and OpenTelemetry would log it."""
    members = [member for part in given.split(b",") if (member := part.strip(b" \t"))]
    is_good = len(given) <= MAX_STATE_BYTES and all(map(_STATE_MEMBER.fullmatch, members))
    return given.decode("ascii") if is_good else ""


def _caller(begun: Trace) -> Context:
    """The context in which the caller's span is the parent; an empty one for a root."""
    if not begun.parent_id:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if begun.sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([begun.state]) if begun.state else None
    parent = SpanContext(
        int(begun.trace_id, 16), int(begun.parent_id, 16), is_remote=True, trace_flags=flags, trace_state=state
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _request_attributes(record: Record) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        names.REQUEST_MODEL: record.model,
        names.STREAM: record.stream,
        names.REQUEST_ID: record.request_id,
        names.OUTCOME: record.outcome,
    }
    if record.finish:
        attributes[names.FINISH_REASONS] = [record.finish]
    if record.first_content_at is not None:
        attributes[names.TIME_TO_FIRST_CHUNK] = record.first_content_at - record.started_at
    if record.prompt is not None:
        attributes[names.INPUT_MESSAGES] = msgspec.json.encode(record.prompt).decode()
    return attributes


def _usage_attributes(attempt: AttemptRecord) -> dict[str, Any]:
    usage = attempt.usage
    if usage is None:
        return {}
    counts = {
        names.INPUT_TOKENS: usage.prompt,
        names.OUTPUT_TOKENS: usage.completion,
        names.CACHE_READ_TOKENS: usage.cache_read,
        names.CACHE_WRITE_TOKENS: usage.cache_write + usage.cache_write_1h,
        names.REASONING_TOKENS: usage.reasoning,
    }
    return {name: count for name, count in counts.items() if count}


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _NANOSECONDS)
