"""Resource resources for the rules' tests, in the wire form that the engine gives."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from plan.resource import STACK, Resource
from policies.context import Context
from policies.exceptions import Excepted

TODAY = datetime.date(2026, 11, 24)
DIGEST = f"sha256:{'0' * 64}"
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/trimaran/app@{DIGEST}"


def urn(type_: str, name: str) -> str:
    """The URN of a resource in the stack that the tests speak of."""
    return f"urn:pulumi:aws-ecs-prod::trimaran::{type_}::{name}"


def planned(type_: str, called: str, links: Mapping[str, str] | None = None, /, **inputs: Any) -> Resource:
    """A resource; `links` are the URNs that an input refers to."""
    return Resource(
        urn=urn(type_, called),
        type=type_,
        inputs=inputs,
        links={key: (to,) for key, to in (links or {}).items()},
        region="us-east-1",
    )


def the_stack() -> Resource:
    """The stack itself."""
    return Resource(urn=urn(STACK, "trimaran-aws-ecs-prod"), type=STACK, inputs={}, custom=False)


def context(
    environment: str = "prod", exceptions: tuple[Excepted, ...] = (), target: str = "aws-ecs", **config: Any
) -> Context:
    """The context of a stack of this environment, with `trimaran:` config of these keys."""
    flat = {f"trimaran:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return Context.of(f"{target}-{environment}", {"aws:region": "us-east-1", **flat}, TODAY, exceptions)


def container(**changes: Any) -> dict[str, Any]:
    """A container that keeps every rule, with some of its fields replaced."""
    return {
        "name": "app",
        "image": IMAGE,
        "essential": True,
        "portMappings": [{"containerPort": 8000}],
        "healthCheck": {"command": ["CMD", "true"]},
        "environment": [{"name": "TRIMARAN_PORT", "value": "8000"}],
        **changes,
    }


def task(name: str, *containers: Mapping[str, Any]) -> Resource:
    """A task definition of these containers."""
    return planned(
        "aws:ecs/taskDefinition:TaskDefinition", name, family=name, containerDefinitions=json.dumps(containers)
    )


def iam(*statements: Mapping[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
