"""`status`: every deployed stack with its URL, revision, health and traffic split."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from delivery import state
from delivery.engine import engine_for
from delivery.failure import Failure
from delivery.platforms.platform import Platform
from delivery.platforms.traffic import TrafficError
from delivery.terminal import data_json, say, table

_TIMEOUT_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus:
    """A deployed stack at this moment; `split` is in percent of the requests."""

    stack: str
    url: str
    revision: str
    health: str
    split: Mapping[str, int]


def show(root: Path, stack: str | None, *, as_json: bool) -> None:
    """Print the status of one stack, or of every one whose state is on this machine."""
    names = [stack] if stack else state.stacks(root)
    found = [status for name in names if (status := _status(root, name))]
    if stack and not found:
        raise Failure(f"stack '{stack}' is not deployed.", f"./trimaran up {stack}")
    if as_json:
        data_json("status", stack, {"stacks": [asdict(each) for each in found]})
    elif not found:
        say("nothing is deployed\nhint: ./trimaran up")
    else:
        rows = [(each.stack, each.url, each.revision, each.health, _percent(each.split)) for each in found]
        table(("stack", "url", "revision", "health", "split"), rows)


def split(platform: Platform, outputs: Mapping[str, Any]) -> dict[str, int]:
    """Who gets the traffic: without a candidate the stable revision has it all; empty where that cannot be read."""
    if outputs["revision"] == outputs["stable_revision"]:
        return {"blue": 100, "green": 0}
    if platform.blue_green is None:
        return {}
    try:
        found = platform.blue_green.traffic(outputs).read()
    except TrafficError:
        return {}
    return {"blue": found.blue, "green": found.green}


def health(url: str) -> str:
    """`ready`, `not ready` when the app answers but its model is not loaded, else `unreachable`."""
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=_TIMEOUT_S):
            return "ready"
    except urllib.error.HTTPError as error:
        return "unreachable" if error.code in (502, 504) else "not ready"
    except (OSError, ValueError):
        return "unreachable"


def _status(root: Path, stack: str) -> StackStatus | None:
    engine = engine_for(root, stack)
    outputs = engine.outputs()
    if not outputs:
        return None
    url, revision = str(outputs["url"]), str(outputs["revision"])
    shares = split(engine.platform, outputs)
    return StackStatus(stack=stack, url=url, revision=revision, health=health(url), split=shares)


def _percent(shares: Mapping[str, int]) -> str:
    return ", ".join(f"{side} {share} %" for side, share in shares.items() if share) or "unknown"
