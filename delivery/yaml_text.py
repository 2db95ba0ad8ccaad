"""A value set in a YAML file that a person wrote: only its own lines change, so that comments and order stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

Path = tuple[str, ...]


def edited(text: str, path: Path, value: Any) -> str:
    """The text with `value` at `path`, a series of keys; with None without what is there.

    What cannot be changed line by line (maps in braces, anchors) is written anew as a whole.
    """
    document = yaml.safe_load(text) or {}
    wanted = _set(document, path, value)
    if wanted == document:
        return text
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = "".join(_spliced(lines, root, path, value))
    try:
        if yaml.safe_load(found) == wanted:
            return found
    except yaml.YAMLError:
        pass
    return _dumped(wanted)


def _set(document: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    key, *rest = path
    inner = document.get(key)
    if rest:
        value = _set(inner if isinstance(inner, dict) else {}, tuple(rest), value)
        gone = value == {} and key not in document
    else:
        gone = value is None
    kept = {name: value if name == key else old for name, old in document.items() if name != key or not gone}
    return kept if gone or key in kept else {**kept, key: value}


def _spliced(lines: Sequence[str], node: yaml.Node | None, path: Path, value: Any) -> list[str]:
    """The lines with the entry replaced, taken out, or put behind the last one of the deepest map that is there."""
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return [*lines, *_entry(path, value, 0)]
    key, *rest = path
    for name, inner in node.value:
        if name.value == key:
            if rest and isinstance(inner, yaml.MappingNode) and inner.value and not inner.flow_style:
                return _spliced(lines, inner, tuple(rest), value)
            if rest:
                value = _set(yaml.safe_load(_source(lines, inner)) or {}, tuple(rest), value)
            new = [] if value is None else _entry((key,), value, name.start_mark.column)
            return [*lines[: name.start_mark.line], *new, *lines[_end(inner) :]]
    end = _end(node.value[-1][1])
    return [*lines[:end], *_entry(path, value, node.value[0][0].start_mark.column), *lines[end:]]


def _source(lines: Sequence[str], node: yaml.Node) -> str:
    return "".join(lines)[node.start_mark.index : node.end_mark.index]


def _end(node: yaml.Node) -> int:
    """The first line behind what is written of a value; comments that follow are not part of it."""
    inner = node.value
    if isinstance(node, yaml.CollectionNode) and inner and not node.flow_style:
        last = inner[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.line + (1 if node.end_mark.column else 0)


def _entry(path: Path, value: Any, column: int) -> list[str]:
    for key in reversed(path):
        value = {key: value}
    return [" " * column + line for line in _dumped(value).splitlines(keepends=True)]


def _dumped(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)
