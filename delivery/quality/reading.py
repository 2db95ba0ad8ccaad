"""YAML into a pydantic model. A mistake is told with the file, the line and the nearest known key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from delivery.failure import ExitCode, Failure
from stacks.targets import nearest

Model = TypeVar("Model", bound=BaseModel)
Path = Sequence[int | str]
_HINT = "docs/quality.md says how a suite is written"


def parse(model: type[Model], text: str, source: str, *, defaults: Mapping[str, Any]) -> Model:
    """The model in a YAML text; ``source`` is the name a mistake is reported by. Raises Failure with exit code 2."""
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        values = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise _failure(f"{source}{line}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(values, dict):
        raise _failure(f"{source}: a suite is a mapping with 'cases'")
    return validated(model, {**defaults, **values}, lambda path: _line(node, path), source)


def validated(model: type[Model], values: Any, line_of: Callable[[Path], int], source: str) -> Model:
    """The model of read values. Raises Failure with exit code 2."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # A misspelt key is also a missing one, and the first is what the person can see.
        first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
        raise _failure(f"{source}:{line_of(first['loc'])}: {_explain(model, first, values)}") from None


def _failure(sentence: str) -> Failure:
    return Failure(sentence, _HINT, ExitCode.USAGE)


def _explain(model: type[BaseModel], error: ErrorDetails, values: Any) -> str:
    where = _named(error["loc"], values)
    if error["type"] == "extra_forbidden":
        known = _keys(model, error["loc"][:-1])
        return f"'{where}' is not a known key. Known: {', '.join(known)}.{nearest(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return f"'{where}' is missing."
    message = error["msg"].removeprefix("Value error, ")
    return f"{where or 'the suite'}: {message[0].lower()}{message[1:]}."


def _named(path: Path, values: Any) -> str:
    """The path in dots, a case by its id where it has one."""
    parts: list[str] = []
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            values = None
        name = values.get("id") if isinstance(values, dict) and isinstance(part, int) else None
        parts.append(str(name if isinstance(name, str) else part))
    return ".".join(parts)


def _keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys known at ``path``."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)


def _line(node: yaml.Node | None, path: Path) -> int:
    """The line of the deepest node on ``path`` that the text has, counted from 1."""
    line = 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line
