"""Counters in Prometheus text, read from each side's own address and remembered, so that they tell of any time since."""

from __future__ import annotations

import http.client
import itertools
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from delivery.evidence import BAD_KINDS, LOG_MEASURES, Counts, Moments, Window
from delivery.platforms import readings
from delivery.platforms.metrics import MetricsError

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposition:
    """Where one side's app tells its counters, and which revision it must be: a port may be another app's after a restart."""

    url: str
    revision: str


class PrometheusMetrics:
    """One app behind each address; the key, if any, goes as a bearer token and is never told.

    Readings are kept in a file, so that whoever takes over from a killed reader knows what was counted meanwhile.
    """

    def __init__(self, sides: Mapping[str, Exposition], *, key: str, memory: Path) -> None:
        self._sides = dict(sides)
        self._key = key
        self._memory = memory

    def read(self, since_s: float) -> Window:
        """Read each side in turn; a side that does not answer, or has none of our counters, is an error."""
        at_s = time.time()
        told = {each.revision: self._side(side, each, at_s) for side, each in self._sides.items()}
        known = readings.thinned(readings.added(readings.loaded(self._memory), told, at_s), since_s)
        try:
            readings.keep(self._memory, known)
        except OSError as error:
            raise MetricsError(f"{self._memory} cannot be written: {error.strerror}") from error
        return readings.window(known, since_s)

    def _side(self, side: str, exposition: Exposition, at_s: float) -> Counts:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            request = urllib.request.Request(exposition.url, headers={**headers, "Accept": "text/plain"})
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                text = answer.read().decode()
            return counts_in(text, at_s=at_s, revision=exposition.revision)
        except urllib.error.HTTPError as error:
            hint = "\nhint: the app wants a key: see trimaran:apiKeys" if error.code in (401, 403) else ""
            raise MetricsError(f"the metrics of {side} answer with status {error.code}{hint}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise MetricsError(f"the metrics of {side} cannot be read from {exposition.url}: {error}") from error


def counts_in(text: str, *, at_s: float, revision: str = "") -> Counts:
    """Parse an exposition. A counter that never counted is 0 where its family is announced, else it is absent.

    Raises ValueError for a text that is none, lacks the attempts, or is of another revision.
    """
    families = {family.name: family for family in text_string_to_metric_families(text)}
    ours = [sample for name, family in families.items() if name.startswith("trimaran_") for sample in family.samples]
    found = {sample.labels.get("revision", "") for sample in ours}
    if revision and found - {revision}:
        raise ValueError(f"it is revision {', '.join(sorted(found))}, not {revision}")
    for name in ("trimaran_requests", "trimaran_attempts"):
        if name not in families:
            raise ValueError(f"{name}_total is not among its metrics")
    return Counts(
        requests=round(_sum(families["trimaran_requests"])),
        attempts=round(_sum(families["trimaran_attempts"])),
        bad=_bad(families.get("trimaran_bad_events")),
        logs=_logs(families.get("trimaran_log_values")),
        running=_sum(families["trimaran_running"]) if "trimaran_running" in families else 0.0,
        at_s=at_s,
    )


def _bad(family: Metric | None) -> dict[str, int]:
    if family is None:
        return {}
    counted = dict.fromkeys(BAD_KINDS, 0.0)
    for each in family.samples:
        kind = each.labels.get("kind")
        if kind in counted:
            counted[kind] += each.value
    return {kind: round(count) for kind, count in counted.items()}


def _logs(family: Metric | None) -> dict[str, Moments]:
    if family is None:
        return {}
    values = dict.fromkeys(itertools.product(LOG_MEASURES, ("count", "sum", "squares")), 0.0)
    for each in family.samples:
        key = each.labels.get("measure", ""), each.labels.get("moment", "")
        values[key] = values.get(key, 0.0) + each.value
    return {
        name: Moments(round(values[name, "count"]), values[name, "sum"], values[name, "squares"])
        for name in LOG_MEASURES
    }


def _sum(family: Metric) -> float:
    return sum(sample.value for sample in family.samples)
