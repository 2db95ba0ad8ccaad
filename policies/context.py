"""What a judgement rests on besides the resources: the stack's own limits, what this repository allows, the day."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from policies.exceptions import Excepted
from stacks.targets import named_in

_NAMESPACE = "trimaran"
_ALLOWED = Path(__file__).with_name("allowed.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What allowed.yaml says for one environment."""

    max_replicas: int
    gpu_kinds: tuple[str, ...]
    registries: tuple[str, ...]
    tags: tuple[str, ...]
    log_retention_days: int
    idle_timeout_s: int

    @classmethod
    def in_(cls, environment: str) -> Allowed:
        """What is allowed in an environment; one that nobody knows counts as prod."""
        document = _document()
        known = environment if environment in document["maxReplicas"] else "prod"
        return cls(
            max_replicas=document["maxReplicas"][known],
            gpu_kinds=tuple(document["gpuKinds"][known]),
            registries=tuple(document["registries"]),
            tags=tuple(document["tags"]),
            log_retention_days=document["logRetentionDays"],
            idle_timeout_s=document["idleTimeoutS"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The stack that is judged. `monthly_usd` and `regions` are None where its config sets no limit.

    `public` is what it says of its ingress; `promoting`, whether it has a candidate beside the version that serves.
    """

    stack: str
    target: str
    environment: str
    today: date
    allowed: Allowed
    exceptions: tuple[Excepted, ...] = ()
    monthly_usd: Decimal | None = None
    regions: tuple[str, ...] | None = None
    public: bool = False
    promoting: bool = False
    config: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stack: str, config: Mapping[str, str], today: date, exceptions: tuple[Excepted, ...] = ()) -> Context:
        """From a stack's name and its config as the engine hands it out: full keys, maps and lists as JSON."""
        # Without a name nobody can tell where it is, so the strictest counts.
        target, environment = named_in(stack) if stack else ("", "prod")
        environment = config.get(f"{_NAMESPACE}:environment", environment)
        limits = _map(config, "limits")
        monthly_usd, regions = limits.get("monthlyUsd"), limits.get("regions")
        return cls(
            stack=stack,
            target=config.get(f"{_NAMESPACE}:target", target),
            environment=environment,
            today=today,
            allowed=Allowed.in_(environment),
            exceptions=exceptions,
            monthly_usd=None if monthly_usd is None else Decimal(str(monthly_usd)),
            regions=None if regions is None else tuple(str(each) for each in regions),
            public=_map(config, "ingress").get("public") is True,
            promoting=bool(_map(config, "candidate")),
            config=config,
        )


def _map(config: Mapping[str, str], key: str) -> Mapping[str, Any]:
    """A structured value of the config. The program itself refuses one that is malformed, so here it counts as not set."""
    try:
        value = json.loads(config.get(f"{_NAMESPACE}:{key}") or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


@functools.cache
def _document() -> Mapping[str, Any]:
    import yaml

    document: Mapping[str, Any] = yaml.safe_load(_ALLOWED.read_text(encoding="utf-8"))
    return document
