"""What a judgement rests on besides the resources: the stack's own limits, what this repository allows, the day."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from plan.limits import Limits, limits_of
from policies.exceptions import Excepted
from stacks.targets import ENVIRONMENTS, named_in

_NAMESPACE = "trimaran"
# What the program's own reader takes for true (docs.pydantic.dev, Booleans, read 2026-11-30).
_YES = frozenset({"1", "on", "t", "true", "y", "yes"})
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
    """The stack that is judged, with the limits that its config sets.

    `public` is what it says of its ingress; `promoting`, whether it has a candidate beside the version that serves.
    """

    stack: str
    target: str
    environment: str
    today: date
    allowed: Allowed
    exceptions: tuple[Excepted, ...] = ()
    limits: Limits = field(default_factory=Limits)
    public: bool = False
    promoting: bool = False
    config: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stack: str, config: Mapping[str, str], today: date, exceptions: tuple[Excepted, ...] = ()) -> Context:
        """From a stack's name and its config as the engine hands it out: full keys, maps and lists as JSON."""
        target, in_name = named_in(stack)
        environment = _strictest(in_name, config.get(f"{_NAMESPACE}:environment", ""))
        return cls(
            stack=stack,
            target=config.get(f"{_NAMESPACE}:target", target),
            environment=environment,
            today=today,
            allowed=Allowed.in_(environment),
            exceptions=exceptions,
            limits=limits_of(config),
            public=str(_map(config, "ingress").get("public")).lower() in _YES,
            promoting=bool(_map(config, "candidate")),
            config=config,
        )


def _strictest(*said: str) -> str:
    """The strictest environment of those that are said; one that nobody knows counts as prod, and so does none at all."""
    known = [each for each in said if each] or ["prod"]
    return max(known, key=lambda each: ENVIRONMENTS.index(each) if each in ENVIRONMENTS else len(ENVIRONMENTS))


def said(config: Mapping[str, str], key: str, part: str) -> Any:
    """What a map of the config says under a key of its own; None where it says nothing, or cannot be read."""
    return _map(config, key).get(part)


def _map(config: Mapping[str, str], key: str) -> Mapping[str, Any]:
    """A structured value of the config. The program itself refuses one that is malformed, so here it counts as not set, which
    is the stricter for those that are read so.
    """
    try:
        value = json.loads(config.get(f"{_NAMESPACE}:{key}") or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@functools.cache
def _document() -> Mapping[str, Any]:
    import yaml

    document: Mapping[str, Any] = yaml.safe_load(_ALLOWED.read_text(encoding="utf-8"))
    return document
