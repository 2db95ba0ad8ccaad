"""The containers of an ECS task definition, for the rules that read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from providers.rehearsal.rules.contract import CheckedResource

TASK = "aws:ecs/taskDefinition:TaskDefinition"
CONTAINERS = "containerDefinitions"


def containers(resource: CheckedResource) -> list[dict[str, Any]]:
    """The container definitions; empty where they are not known yet or not JSON."""
    text = resource.get(CONTAINERS)
    try:
        found = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def gpus(container: dict[str, Any]) -> int:
    """How many GPUs a container asks for."""
    wanted = [each.get("value") for each in container.get("resourceRequirements") or () if each.get("type") == "GPU"]
    return sum(int(each) for each in wanted if str(each).isdigit())


def words(container: dict[str, Any]) -> Iterator[str]:
    """Every word that a container is started with: its command and the values of its environment."""
    yield from (str(each) for each in (*(container.get("command") or ()), *(container.get("entryPoint") or ())))
    yield from (str(each.get("value")) for each in container.get("environment") or ())
