"""The containers of an ECS task definition, as rules read them out of its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plan.inputs import Inputs, NotKnown, number_in

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
    """How many GPUs it asks for. Raises NotKnown where that is no number."""
    wanted = container.get("resourceRequirements") or ()
    return sum(_count(container, each.get("value", 0)) for each in wanted if each.get("type") == "GPU")


def _count(container: Mapping[str, Any], value: object) -> int:
    number = number_in(value)
    if number is None:
        raise NotKnown(f"the GPUs of {called(container)} are not a known number")
    return int(number)
