"""A stack's whole life on the throw-away state: up, up again, a change of config, destroy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from delivery.failure import Failure
from delivery.rehearsal.running import Rehearsed, Step
from providers.rehearsal.tables import table
from stacks.targets import named_in

_AGAIN = "up again"
# One replica more or fewer, where a target has no change of its own in its cloud's table.
_USUAL = {"key": "trimaran:scaling", "path": "max", "default": 4, "add": -1}


def live(rehearsed: Rehearsed, packages: Sequence[str]) -> list[dict[str, Any]]:
    """Lead the stack through its life; one entry for each part. Raises Failure for a change where none is expected."""
    change = change_for(named_in(rehearsed.stack)[0], packages)
    up = rehearsed.run("up", "up")
    parts = [_part("up", up.steps)]
    again = rehearsed.run("up", _AGAIN)
    refuse_unexpected(_AGAIN, again.changes, ())
    parts.append(_part(_AGAIN, again.changes))
    config = rehearsed.scratch.config(rehearsed.stack)
    rehearsed.scratch.write_config(rehearsed.stack, changed(config, change))
    name = f"{change['key'].partition(':')[2]}.{change['path']} changed"
    after = rehearsed.run("up", name)
    refuse_unexpected(name, after.changes, change["may_change"])
    parts.append(_part(name, after.changes))
    down = rehearsed.run("destroy", "destroy")
    parts.append(_part("destroy", down.steps))
    return parts


def change_for(target: str, packages: Sequence[str]) -> dict[str, Any]:
    """The change of config that is tried on a target, with the types that its clouds' tables let it update."""
    tables = [table(package, "cycle") for package in packages]
    own: dict[str, Any] = next((each[target] for each in tables if target in each), {})
    may_change = [token for each in tables for token in each.get("may_change", ())]
    return own or {**_USUAL, "may_change": may_change}


def changed(config: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The config with one value set, or raised or lowered by one, whichever way leaves it above zero."""
    inner = dict(config.get(change["key"]) or {})
    if "set" in change:
        inner[change["path"]] = change["set"]
    else:
        now = int(inner.get(change["path"], change["default"]))
        least = int(inner.get("min", 0))
        inner[change["path"]] = now + change["add"] if now + change["add"] >= max(least, 1) else now - change["add"]
    return {**config, change["key"]: inner}


def refuse_unexpected(part: str, changes: Sequence[Step], may_change: Sequence[str]) -> None:
    """Raise Failure for a step that the part may not bring: of another type, or anything but an update."""
    everything = "*" in may_change
    for step in changes:
        if step.op != "update" or (step.token not in may_change and not everything):
            reasons = f" ({', '.join(step.changed)})" if step.changed else ""
            raise Failure(
                f"'{part}' would {step.op} {step.token} '{step.name}'{reasons}.",
                "a program must give the same inputs for the same config"
                if part == _AGAIN
                else f"if it should, add its type to catalog/rehearsal/{step.token.partition(':')[0]}/cycle.toml",
            )


def _part(name: str, steps: Sequence[Step]) -> dict[str, Any]:
    counted: dict[str, int] = {}
    for step in steps:
        counted[step.op] = counted.get(step.op, 0) + 1
    told = ", ".join(f"{count} {op}" for op, count in sorted(counted.items())) or "no changes"
    return {"part": name, "line": f"{name}: {told}", "steps": [{"op": step.op, "urn": step.urn} for step in steps]}
