"""The containers of an ECS task definition, as rules read them out of its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plan.inputs import Inputs

TASK = "aws:ecs/taskDefinition:TaskDefinition"
DEFINITIONS = "containerDefinitions"


def containers(task: Inputs) -> tuple[Mapping[str, Any], ...]:
    """The containers of a task definition. Raises NotKnown."""
    document = task.document(DEFINITIONS)
    return tuple(each for each in document or () if isinstance(each, Mapping))


def called(container: Mapping[str, Any]) -> str:
    """A container as a sentence names it."""
    return f"container '{container.get('name', '?')}'"


def gpus(container: Mapping[str, Any]) -> int:
    """How many GPUs it asks for."""
    wanted = container.get("resourceRequirements") or ()
    return sum(int(each.get("value", 0)) for each in wanted if each.get("type") == "GPU")
