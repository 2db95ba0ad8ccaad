"""What is sent to an OpenTelemetry collector. Nothing of the SDK is imported unless an OTLP endpoint is set."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.logic.record import Record

if TYPE_CHECKING:
    from app.telemetry.measures import Measures
    from app.telemetry.spans import Spans

SHUTDOWN_S = 2.0


class TelemetryError(ValueError):
    """OTEL_* variables that cannot be followed; the text says what to do."""


class Telemetry:
    """An Observer of every request. ``spans``, where traces are sent, puts each request into its trace."""

    def __init__(self, spans: Spans | None, measures: Measures | None) -> None:
        self.spans = spans
        self._parts = [part for part in (spans, measures) if part is not None]

    def request_ended(self, record: Record) -> None:
        for part in self._parts:
            part.request_ended(record)

    async def aclose(self) -> None:
        """Sends what is left. A collector that does not answer gets SHUTDOWN_S, not all the time that the app has to stop."""

        def shut_down() -> None:
            for part in self._parts:
                part.shutdown()

        closing = threading.Thread(target=shut_down, daemon=True, name="telemetry-shutdown")
        closing.start()
        await asyncio.to_thread(closing.join, SHUTDOWN_S)


def start(environment: Mapping[str, str], providers: Mapping[str, str], revision: str) -> Telemetry | None:
    """The telemetry that the environment asks for by OpenTelemetry's own variables; None when it asks for none. Raises TelemetryError."""
    traces, metrics = _asked(environment, "TRACES"), _asked(environment, "METRICS")
    if not (traces or metrics):
        return None
    from opentelemetry.sdk.resources import Resource

    resource = Resource.create(_identity(environment, revision))
    spans = measures = None
    if traces:
        from app.telemetry.spans import Spans

        spans = Spans(resource, providers)
    if metrics:
        from app.telemetry.measures import Measures

        measures = Measures(resource, providers)
    return Telemetry(spans, measures)


def _asked(environment: Mapping[str, str], signal: str) -> bool:
    def variable(end: str) -> str:
        return (
            environment.get(f"OTEL_EXPORTER_OTLP_{signal}_{end}") or environment.get(f"OTEL_EXPORTER_OTLP_{end}") or ""
        )

    switched_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if switched_off or not variable("ENDPOINT") or environment.get(f"OTEL_{signal}_EXPORTER") == "none":
        return False
    if (protocol := variable("PROTOCOL") or "http/protobuf") != "http/protobuf":
        raise TelemetryError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol} is not spoken here.\n"
            "hint: set it to http/protobuf; collectors take that on port 4318"
        )
    return True


def _identity(environment: Mapping[str, str], revision: str) -> dict[str, str]:
    """Attributes of this process; what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes first, and the SDK reads those itself."""
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {"service.version": revision} if named else {"service.version": revision, "service.name": "trimaran"}
