"""Counters that a process tells since it began, read again and again, made into what was counted since a time.

Pure but for `loaded` and `keep`, which carry the readings over the death of whoever reads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from delivery.evidence import CounterReset, Counts, Moments, Window

KEPT = 10  # of the newest readings, besides the one from which the present window runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Counters by revision at a moment, as they were told and as they would be if no process had ever begun anew.

    `running` are moments of the requests being answered, over all readings so far; `restarts` how each restart showed.
    """

    at_s: float
    told: Mapping[str, Counts]
    whole: Mapping[str, Counts]
    running: Mapping[str, Moments]
    restarts: Mapping[str, tuple[str, ...]]

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Reading:
        """Read what `dataclasses.asdict` wrote."""
        return cls(
            at_s=given["at_s"],
            told={name: Counts.from_json(each) for name, each in given["told"].items()},
            whole={name: Counts.from_json(each) for name, each in given["whole"].items()},
            running={name: Moments(**each) for name, each in given["running"].items()},
            restarts={name: tuple(each) for name, each in given["restarts"].items()},
        )


def added(readings: Sequence[Reading], told: Mapping[str, Counts], at_s: float) -> tuple[Reading, ...]:
    """The readings with one more; counters that fell show a process that was started anew, which counts on from there."""
    before = readings[-1] if readings else Reading(at_s=at_s, told={}, whole={}, running={}, restarts={})
    whole, restarts = {}, dict(before.restarts)
    for name, counts in told.items():
        if name not in before.told:
            whole[name] = counts
            continue
        try:
            whole[name] = before.whole[name] + (counts - before.told[name])
        except CounterReset as reset:
            whole[name] = before.whole[name] + counts
            restarts[name] = (*restarts.get(name, ()), str(reset))
    running = {name: before.running.get(name, Moments()) + _moments(counts.running) for name, counts in told.items()}
    at_s = max(at_s, before.at_s)  # a clock may be set back
    return (*readings, Reading(at_s=at_s, told=told, whole=whole, running=running, restarts=restarts))


def window(readings: Sequence[Reading], since_s: float) -> Window:
    """What was counted from the first reading at or after a time up to the last; of one reading or more."""
    last = readings[-1]
    first = next((each for each in readings if each.at_s >= since_s), last)
    names = [name for name in last.whole if name in first.whole]
    return Window(
        since_s=first.at_s,
        counts={
            name: replace(last.whole[name] - first.whole[name], at_s=last.at_s, running=_running(first, last, name))
            for name in names
        },
        restarts={
            name: last.restarts[name][-1]
            for name in names
            if len(last.restarts.get(name, ())) > len(first.restarts.get(name, ()))
        },
    )


def thinned(readings: Sequence[Reading], since_s: float) -> tuple[Reading, ...]:
    """The readings that a later question can be about: no time that is asked for is before `since_s`, which was asked for last."""
    asked = [each for each in readings if each.at_s >= since_s] or readings[-1:]
    return (*asked[:1], *asked[1:][-KEPT:])


def loaded(path: Path) -> tuple[Reading, ...]:
    """The readings that were kept; none where there is no such file, or one that is damaged: then the past is not known."""
    try:
        return tuple(Reading.from_json(each) for each in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def keep(path: Path, readings: Sequence[Reading]) -> None:
    """Write the readings, whole or not at all. Raises OSError."""
    scratch = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch.write_text(json.dumps([asdict(each) for each in readings]), encoding="utf-8")
    os.replace(scratch, path)


def _running(first: Reading, last: Reading, name: str) -> float:
    since = last.running[name] - first.running[name]
    return since.mean if since.count else 0.0


def _moments(value: float) -> Moments:
    return Moments(1, value, value * value)
