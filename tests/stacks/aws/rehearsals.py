"""The real programs on the real engine, against the provider that stands in for AWS: each shape deployed once for all tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from delivery.rehearsal.running import Rehearsed, Run
from delivery.rehearsal.scratch import Scratch, scratch
from providers.rehearsal.clouds import cloud_of
from providers.rehearsal.record import Record
from providers.rehearsal.server import Settings, serving

ROOT = Path(__file__).parents[3]
BYO = {
    "trimaran:network": {
        "vpc": "vpc-0123456789abcdef0",
        "privateSubnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "publicSubnets": ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"],
    },
    "trimaran:key": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-4333-8444-555555555555",
    "trimaran:bucket": "our-models",
    "trimaran:logBucket": "our-access-logs",
}
_DIGEST = "@sha256:" + "1" * 64
# Shape -> the stack whose config it starts from, the foundation it reads, what its config has instead (None takes a key out).
SHAPES: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "aws-foundation-dev": ("aws-foundation-dev", None, {}),
    "aws-foundation-prod": ("aws-foundation-prod", None, {}),
    "aws-foundation-dev-byo": (
        "aws-foundation-dev",
        None,
        {
            **BYO,
            "trimaran:registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com/team",
            "trimaran:domain": {"name": "example.com", "zone": "Z0123456789ABCDEFGHIJ"},
            "trimaran:pipeline": {
                "repository": "owner/name",
                "stateBucket": "our-state",
                "stateKey": BYO["trimaran:key"],
                "provider": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
            },
        },
    ),
    "aws-ecs-dev": ("aws-ecs-dev", "aws-foundation-dev", {}),
    "aws-ecs-prod": ("aws-ecs-prod", "aws-foundation-prod", {}),
    "aws-ecs-dev-byo": ("aws-ecs-dev", None, {**BYO, "trimaran:foundation": None}),
    # Everything that the examples do not use: the other sort of capacity, Spot, a public load balancer without a split.
    "aws-ecs-dev-public": (
        "aws-ecs-dev",
        None,
        {
            **BYO,
            "trimaran:foundation": None,
            "trimaran:gpu": {"kind": "L4", "count": 1, "spot": True},
            "trimaran:capacity": {"kind": "managed", "instanceTypes": ["g6.2xlarge", "g6.4xlarge"]},
            "trimaran:ingress": {
                "public": True,
                "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-4333-8444-555555555555",
                "allowedCidrs": ["203.0.113.0/24"],
            },
            "trimaran:promotionKey": {"secure": "in the rehearsal a stand-in"},
            "trimaran:apiKeys": {"secure": "in the rehearsal a stand-in"},
            "trimaran:deployment": {"strategy": "linear", "percent": 25, "stepMinutes": 10, "bakeMinutes": 10},
        },
    ),
    "aws-ecs-dev-rolling": (
        "aws-ecs-dev",
        None,
        {
            **BYO,
            "trimaran:foundation": None,
            "trimaran:logBucket": None,
            "trimaran:gpu": {"kind": "L4", "count": 4},
            "trimaran:scaling": {"min": 0, "max": 1, "concurrency": 16},
            "trimaran:limits": {"monthlyUsd": "9000", "gpuQuota": 8},
            "trimaran:settings": {"model": "Qwen/Qwen3-32B"},
            "trimaran:engine": {"image": f"registry.example.com/gpu{_DIGEST}", "contextTokens": 8192},
            "trimaran:capacity": {
                "warmPool": 1,
                "reservations": ["cr-0123456789abcdef0"],
                "ami": "ami-0123456789abcdef0",
            },
            "trimaran:fallbacks": [{"provider": "bedrock", "model": "us.amazon.nova-lite-v1:0"}],
            "trimaran:deployment": {"strategy": "rolling"},
            "trimaran:redis": {"nodeType": "cache.t4g.micro"},
            "trimaran:schedule": None,
        },
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource as the state holds it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    options: Mapping[str, Any]

    def document(self, key: str) -> Any:
        """An input that is JSON."""
        return json.loads(self.inputs[key])


@dataclass(kw_only=True)
class Deployed:
    """A shape after `up`."""

    stack: str
    rehearsed: Rehearsed
    config: dict[str, Any]
    first: Run
    _kept: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def state(self) -> dict[str, Any]:
        """The state right after the first `up`."""
        return exported(self.rehearsed.scratch, self.stack)

    @property
    def resources(self) -> list[Resource]:
        """All that AWS holds; providers, stacks and components are left out."""
        made = [each for each in self.state["resources"] if each["type"].startswith("aws:") and each.get("custom")]
        return sorted(map(_resource, made), key=lambda each: (each.type, each.parent, each.name))

    @property
    def outputs(self) -> dict[str, Any]:
        """What the stack exports."""
        stack = next(each for each in self.state["resources"] if each["type"] == "pulumi:pulumi:Stack")
        return dict(stack["outputs"])

    def of(self, kind: str) -> list[Resource]:
        """The resources of a type, given by its last word."""
        return [each for each in self.resources if each.type.rpartition(":")[2] == kind]

    def one(self, kind: str, name: str) -> Resource:
        """The resource of a type and name."""
        found = [each for each in self.of(kind) if each.name == name]
        assert len(found) == 1, f"{kind} {name}: {[each.name for each in self.of(kind)]}"
        return found[0]


def _resource(raw: Mapping[str, Any]) -> Resource:
    options = {key: raw[key] for key in ("ignoreChanges", "customTimeouts", "protect") if raw.get(key)}
    return Resource(
        type=raw["type"],
        name=raw["urn"].rpartition("::")[2],
        inputs=raw.get("inputs") or {},
        parent=raw.get("parent", "").rpartition("::")[2],
        options=options,
    )


def exported(project: Scratch, stack: str) -> dict[str, Any]:
    """A stack's state as the engine keeps it."""
    done = subprocess.run(
        ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"],
        cwd=project.directory,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    state: dict[str, Any] = json.loads(done.stdout)["deployment"]
    return state


class Rehearsals:
    """Shapes, deployed when the first test asks for one, and kept until the last has ended."""

    def __init__(self, open_: ExitStack) -> None:
        self._open = open_
        self._deployed: dict[str, Deployed] = {}

    def __getitem__(self, shape: str) -> Deployed:
        if shape not in self._deployed:
            self._deploy(shape)
        return self._deployed[shape]

    def _deploy(self, shape: str) -> None:
        stack, foundation, changes = SHAPES[shape]
        project = self._open.enter_context(scratch(ROOT))
        record = Record()
        ports = self._open.enter_context(serving([cloud_of("aws")], record, Settings(refusing=True)))
        if foundation:
            self._up(project, foundation, {}, ports, record, shape=foundation)
        self._up(project, stack, changes, ports, record, shape=shape)

    def _up(
        self,
        project: Scratch,
        stack: str,
        changes: Mapping[str, Any],
        ports: Mapping[str, int],
        record: Record,
        *,
        shape: str,
    ) -> None:
        config = _with_changes(project, stack, changes)
        rehearsed = Rehearsed(scratch=project, stack=stack, config=config, ports=ports, record=record)
        first = rehearsed.run("up", shape)
        made = Deployed(stack=stack, rehearsed=rehearsed, config=config, first=first)
        assert made.state
        self._deployed.setdefault(shape, made)


def _with_changes(project: Scratch, stack: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The stack's config with keys replaced, taken out, or, where their value is a secret, set as one."""
    config = project.add_stack(stack)
    secrets = [key for key, value in changes.items() if isinstance(value, dict) and set(value) == {"secure"}]
    plain = {key: value for key, value in {**config, **changes}.items() if value is not None and key not in secrets}
    project.write_config(stack, plain)
    for key in secrets:
        subprocess.run(
            ["pulumi", "config", "set", "--secret", key, "rehearsed=rehearsed-secret", "--stack", stack],
            cwd=project.directory,
            env=project.environment(),
            capture_output=True,
            check=True,
        )
    return plain


@contextmanager
def engine_on_path() -> Iterator[None]:
    """The Pulumi command line on PATH, behind it the stand-in for the language host; skips where it is not installed."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "trimaran/pulumi"
    found = [str(path) for path in sorted(cache.glob("*/bin"))]
    path = os.pathsep.join([os.environ["PATH"], *found, str(ROOT / "tools/host")])
    if shutil.which("pulumi", path=path) is None:
        pytest.skip("the Pulumi command line is not installed: run ./trimaran doctor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        yield
