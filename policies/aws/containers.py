"""The containers of an ECS task definition, as rules read them out of its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plan.inputs import Inputs, NotKnown, known_first, number_in
from plan.tokens import HIDDEN, is_unknown

TASK = "aws:ecs/taskDefinition:TaskDefinition"
DEFINITIONS = "containerDefinitions"


def containers(task: Inputs) -> Iterator[Mapping[str, Any]]:
    """The containers of a task definition. Raises NotKnown, for one of them behind the others."""
    document = task.document(DEFINITIONS)
    return known_first(_listed(document, f"{DEFINITIONS} is no list"), _container)


def called(container: Mapping[str, Any]) -> str:
    """A container as a sentence names it."""
    return f"container '{container.get('name', '?')}'"


def text_in(container: Mapping[str, Any], key: str) -> str:
    """A text of a container; empty where it has none. Raises NotKnown."""
    value = container.get(key)
    _refuse_hidden(value, f"the {key} of {called(container)}")
    return "" if value is None else str(value)


def maps_in(container: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """The maps in a list of a container. Raises NotKnown, for one of them behind the others."""
    what = f"{key} of {called(container)}"
    _refuse_hidden(container.get(key), what)
    return known_first(_listed(container.get(key), f"{what} is no list"), lambda each: _map(each, f"an item of {what}"))


def map_in(container: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A map of a container; empty where it has none. Raises NotKnown."""
    return _map(container.get(key) or {}, f"{key} of {called(container)}")


def gpus(container: Mapping[str, Any]) -> int:
    """How many GPUs it asks for. Raises NotKnown where that is no number."""
    wanted = maps_in(container, "resourceRequirements")
    return sum(_count(container, each.get("value", 0)) for each in wanted if each.get("type") == "GPU")


def _container(value: object) -> Mapping[str, Any]:
    return _map(value, f"a container of {DEFINITIONS}")


def _map(value: object, what: str) -> Mapping[str, Any]:
    _refuse_hidden(value, what)
    if not isinstance(value, Mapping):
        raise NotKnown(f"{what} is no map")
    return value


def _listed(value: object, otherwise: str) -> list[Any]:
    if not isinstance(value or [], list):
        raise NotKnown(otherwise)
    return list(value) if isinstance(value, list) else []


def _refuse_hidden(value: object, what: str) -> None:
    if is_unknown(value):
        raise NotKnown(f"{what} is not known before the first `up`")
    if value == HIDDEN:
        raise NotKnown(f"{what} is secret and not shown in this preview")


def _count(container: Mapping[str, Any], value: object) -> int:
    number = number_in(value)
    if number is None:
        raise NotKnown(f"the GPUs of {called(container)} are not a known number")
    return int(number)
