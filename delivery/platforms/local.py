"""What a promotion needs of a deployed stack: its switch, its counters, and each side's own address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.engine import Engine
from delivery.failure import ExitCode, Failure
from delivery.platforms.metrics import Metrics
from delivery.platforms.nginx import LocalTraffic
from delivery.platforms.prometheus import PrometheusMetrics
from delivery.platforms.traffic import Address, Traffic
from delivery.quality.side import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A stack with both its sides running."""

    traffic: Traffic
    metrics: Metrics
    sides: Mapping[str, Side]


def platform_of(engine: Engine, outputs: Mapping[str, Any]) -> Platform:
    """By the kinds that the stack's outputs name. Raises Failure for kinds that nobody can move or read yet."""
    traffic, metrics = outputs["traffic"], outputs["metrics"]
    if (traffic["kind"], metrics["kind"]) != ("nginx", "prometheus"):
        raise Failure(
            f"target '{outputs['target']}' cannot be promoted yet: nothing here moves traffic of kind '{traffic['kind']}'.",
            "./trimaran up deploys the new version at once",
            ExitCode.USAGE,
        )
    key = _key(engine) if outputs["api_key_ref"] else ""
    urls = {side: str(url).removesuffix("/metrics") for side, url in metrics["ref"].items()}
    revisions = {"blue": str(outputs["stable_revision"]), "green": str(outputs["revision"])}
    return Platform(
        traffic=LocalTraffic(
            Path(traffic["ref"]["config_file"]).parent, {side: Address(url=url) for side, url in urls.items()}
        ),
        metrics=PrometheusMetrics(metrics["ref"], key=key, revisions={side: revisions[side] for side in urls}),
        sides={side: Side(name=side, url=url, key=key) for side, url in urls.items()},
    )


def _key(engine: Engine) -> str:
    """The first of the stack's keys, which only the engine can decrypt."""
    done = engine.call("config", "get", "trimaran:apiKeys")
    if done.returncode != 0:
        raise Failure(f"the keys of stack '{engine.stack}' cannot be read: {done.stderr.strip()}")
    return done.stdout.strip().splitlines()[0].partition("=")[2].strip()
