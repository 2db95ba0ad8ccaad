"""The containers of a task, as ECS takes them: the app in one of its roles, and the collector beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from stacks.aws.account import Account
from stacks.aws.components import collector
from stacks.aws.routes import APP_PORT

APP = "app"
ROUTES = "TRIMARAN_ROUTES_YAML"
# Where alone the images write: the task's volumes. Fargate has no tmpfs; as the images say VOLUME of these folders, their user may write
# there (Amazon ECS developer guide, "Use bind mounts", checked 2026-12-01).
_SCRATCH = {"scratch": "/tmp"}
_DATA = {"data": "/var/lib/trimaran"}  # of the image with a model server: weights, and what is compiled for them
_KEPT_BYTES = "25m"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The app's container. `secrets`: variable -> name of an SSM parameter. `drain_s`: what running answers get to finish.
    `routes` is empty where they are one of the secrets.

    `gpus` and `shared_memory_mib` are for the engine; `memory_mib` is the most that it may take, where a host is shared.
    """

    role: str
    image: str
    revision: str
    engine: str
    routes: str
    drain_s: int
    start_period_s: int
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    gpus: int = 0
    memory_mib: int = 0
    shared_memory_mib: int = 0

    @property
    def writes(self) -> Mapping[str, str]:
        """Volume -> folder of the container."""
        return {**_SCRATCH, **_DATA} if self.gpus else _SCRATCH

    @property
    def volumes(self) -> list[dict[str, str]]:
        """The task's, as its definition takes them."""
        return [{"name": name} for name in self.writes]


def containers(account: Account, app: App, collector_image: str) -> list[dict[str, Any]]:
    """The app and its collector; a collector that fails takes no answer with it."""
    return [_app(account, app), _collector(account, app, collector_image)]


def _app(account: Account, app: App) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": APP,
        "image": app.image,
        "essential": True,
        "environment": _pairs(_environment(app)),
        "portMappings": [{"containerPort": APP_PORT, "protocol": "tcp"}],
        # Whether the process answers: one that still loads its model must not be killed. ECS waits 300 s at most before
        # it counts failures.
        "healthCheck": {
            "command": ["CMD", "python3", "-m", "app.live"],
            "interval": 30,
            "timeout": 5,
            "retries": 10,
            "startPeriod": app.start_period_s,
        },
        "stopTimeout": app.drain_s + 10,
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
        "user": "10001:10001",
        "readonlyRootFilesystem": True,
        "mountPoints": [
            {"sourceVolume": volume, "containerPath": folder, "readOnly": False}
            for volume, folder in app.writes.items()
        ],
        "logConfiguration": _logs(account, app.role),
    }
    if app.secrets:
        container["secrets"] = [{"name": name, "valueFrom": app.secrets[name]} for name in sorted(app.secrets)]
    if app.memory_mib:
        container["memory"] = app.memory_mib
    if app.gpus:
        container["resourceRequirements"] = [{"type": "GPU", "value": str(app.gpus)}]
        container["linuxParameters"]["sharedMemorySize"] = app.shared_memory_mib
    return container


def _environment(app: App) -> dict[str, pulumi.Input[str]]:
    return {
        "TRIMARAN_HOST": "0.0.0.0",
        "TRIMARAN_PORT": str(APP_PORT),
        "TRIMARAN_METRICS_PORT": str(collector.METRICS_PORT),
        "TRIMARAN_REVISION": app.revision,
        "TRIMARAN_DRAIN_S": str(app.drain_s),
        **({ROUTES: app.routes} if app.routes else {}),
        **app.environment,
    }


def _collector(account: Account, app: App, image: str) -> dict[str, Any]:
    return {
        "name": "collector",
        "image": image,
        "essential": False,
        "environment": _pairs({"AOT_CONFIG_CONTENT": collector.config(account, app.role, app.engine)}),
        "memoryReservation": 128,
        "memory": 256,
        "logConfiguration": _logs(account, app.role),
    }


def _pairs(environment: Mapping[str, pulumi.Input[str]]) -> list[dict[str, pulumi.Input[str]]]:
    return [{"name": name, "value": environment[name]} for name in sorted(environment)]


def _logs(account: Account, role: str) -> dict[str, Any]:
    """To CloudWatch, without ever holding up the app: what does not fit the buffer is lost."""
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": account.log_group(role),
            "awslogs-region": account.region,
            "awslogs-stream-prefix": role,
            "mode": "non-blocking",
            "max-buffer-size": _KEPT_BYTES,
        },
    }
