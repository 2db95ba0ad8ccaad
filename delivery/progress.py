"""The engine's events as a person follows them: one line for each resource that changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from delivery.engine import Event
from delivery.terminal import say

_DONE = {
    "create": ("+", "created"),
    "create-replacement": ("+", "created, replaces the old one"),
    "update": ("~", "updated"),
    "delete": ("-", "deleted"),
    "delete-replaced": ("-", "deleted, was replaced"),
}
_BUSY = {
    "create": "creating",
    "create-replacement": "creating",
    "update": "updating",
    "delete": "deleting",
    "delete-replaced": "deleting",
}


@dataclass(slots=True)
class Progress:
    """Says what the engine does while it does it."""

    clock: Callable[[], float] = time.monotonic
    _began: dict[tuple[str, str], float] = field(default_factory=dict)

    def show(self, event: Event) -> None:
        """Show one event, if it is worth a line."""
        if "resourcePreEvent" in event:
            self._began.setdefault(_key(event["resourcePreEvent"]), self.clock())
        for kind in ("resOutputsEvent", "resOpFailedEvent"):
            if kind in event:
                line = self._line(event[kind], failed=kind == "resOpFailedEvent")
                if line:
                    say(line)
        if "diagnosticEvent" in event and (warning := warning_in(event)):
            say(f"  ! {warning}")

    def _line(self, done: Event, *, failed: bool) -> str:
        step = done["metadata"]
        operation, name = step["op"], step["urn"].rpartition("::")[2]
        if step["type"].startswith(("pulumi:pulumi:", "pulumi:providers:")):
            return ""
        if operation == "refresh":
            return "" if step.get("new") else f"  ! {name} was gone"
        if operation not in _DONE:
            return ""
        took_s = self.clock() - self._began.get(_key(done), self.clock())
        if failed:
            return f"  ! {name} failed while {_BUSY[operation]} ({took_s:.1f} s)"
        sign, verb = _DONE[operation]
        return f"  {sign} {name} {verb} ({took_s:.1f} s)"


def warning_in(event: Event) -> str:
    """The warning an event carries, except the engine's remark on where it found the language host."""
    diagnostic = event["diagnosticEvent"]
    message = str(diagnostic.get("message", "")).strip()
    ours = diagnostic.get("severity") == "warning" and not message.startswith("using pulumi-language-")
    return message if ours else ""


def changed(events: list[Event]) -> bool:
    """Whether the engine had to change anything, by its own summary."""
    summaries = [event["summaryEvent"]["resourceChanges"] for event in events if "summaryEvent" in event]
    return any(
        count and operation not in ("same", "refresh") for each in summaries for operation, count in each.items()
    )


def _key(event: Event) -> tuple[str, str]:
    return event["metadata"]["urn"], event["metadata"]["op"]
