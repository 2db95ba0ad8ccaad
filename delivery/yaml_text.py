"""YAML files that a person wrote: read as the engine reads them, and changed at one key, all else byte for byte as it was."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from difflib import SequenceMatcher
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

Path = tuple[str, ...]


class NotYaml(Exception):
    """Why a text is no YAML, in words that name no value: one may be secret."""


def loaded(text: str) -> Any:
    """What the text says, as the engine takes it: `yes` is a text, 0123 octal. Raises NotYaml, for a key that stands twice too."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Engine
    try:
        return yaml.load(text)
    except DuplicateKeyError as error:
        raise NotYaml(f"{_where(error)}: a key stands twice in one map") from None
    except MarkedYAMLError as error:
        raise NotYaml(f"{_where(error)}: {_without_values(error.problem)}") from None
    except (ValueError, LookupError):
        raise NotYaml(": a value is not of the kind that its tag names") from None
    except YAMLError as error:
        raise NotYaml(f": {' '.join(str(error).split())}") from None


class _Engine(SafeConstructor):
    """YAML 1.2 but for what the engine's library, go-yaml v3, keeps of 1.1, and for what it makes of dates and whole floats."""

    def number(self, node: Any) -> float | int:
        digits = str(node.value).replace("_", "")
        found = int(digits, 8) if _OCTAL.fullmatch(digits) else int(self.construct_yaml_int(node))
        return found if -(2**63) <= found < 2**64 else float(found)

    def fraction(self, node: Any) -> float | int:
        found = float(self.construct_yaml_float(node))
        return int(found) if found.is_integer() and abs(found) < _FIRST_WITH_EXPONENT else found

    def moment(self, node: Any) -> str:
        try:
            found = self.construct_yaml_timestamp(node)
        except ValueError:  # only looks like one
            return str(node.value)
        if not isinstance(found, datetime):
            found = datetime.combine(found, time())
        zone = f"{found:%z %z}" if found.utcoffset() else "+0000 UTC"
        return f"{f'{found:%Y-%m-%d %H:%M:%S.%f}'.rstrip('0').rstrip('.')} {zone}"


_Engine.add_constructor("tag:yaml.org,2002:int", _Engine.number)
_Engine.add_constructor("tag:yaml.org,2002:float", _Engine.fraction)
_Engine.add_constructor("tag:yaml.org,2002:timestamp", _Engine.moment)
_Engine.add_constructor("tag:yaml.org,2002:value", SafeConstructor.construct_yaml_str)  # the text `=`
_OCTAL = re.compile(r"[-+]?0[0-7]+")
_FIRST_WITH_EXPONENT = 1e21  # as Go writes floats
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def edited(text: str, path: Path, value: Any) -> str:
    """The text with `value` at `path`, a series of keys; with None without what is there. Raises NotYaml."""
    wanted = _set(loaded(text) or {}, path, value)
    if wanted == (loaded(text) or {}):
        return text
    yaml, document = _round_trip(text)
    before = _dumped(yaml, document) if document is not None else ""
    after = _dumped(yaml, _set(CommentedMap() if document is None else document, path, value))
    by_line, by_library = _patched(text, before, after), after.replace("\n", _end_of_line(text))
    # The last is for remarks in places where the library loses its way.
    return next(found for found in (by_line, by_library, _dumped(yaml, wanted)) if _says(found, wanted))


def _round_trip(text: str) -> tuple[YAML, Any]:
    """A reader and writer that keeps comments, order, quotes and the file's own indent; and the document."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = sys.maxsize
    document = yaml.load(text.replace("\r\n", "\n"))
    columns = [inner.lc.col for inner in _maps(document) if not inner.fa.flow_style()]
    indent = min(columns, default=2)
    yaml.indent(mapping=indent, sequence=indent + 2, offset=indent)
    return yaml, document


def _maps(document: Any) -> Iterator[CommentedMap]:
    """The maps that stand directly in the document's own."""
    if isinstance(document, CommentedMap):
        yield from (inner for inner in document.values() if isinstance(inner, CommentedMap) and inner)


def _set(document: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    key, *rest = path
    if not rest and value is None:
        document.pop(key, None)
    elif not rest:
        document[key] = value
    elif value is not None or isinstance(document.get(key), dict):
        document[key] = _set(_own(document, key), tuple(rest), value)
    return document


def _own(document: dict[str, Any], key: str) -> dict[str, Any]:
    """The map at a key, made where there is none, and a copy where an alias elsewhere stands for it too."""
    inner = document.get(key)
    if not isinstance(inner, dict):
        return type(document)()
    if not isinstance(inner, CommentedMap):
        return dict(inner)
    if anchor := inner.yaml_anchor():
        inner.yaml_set_anchor(anchor.value, always_dump=True)
        inner = copy.deepcopy(inner)
        inner.yaml_set_anchor(None)
    return inner


def _dumped(yaml: YAML, document: Any) -> str:
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _patched(text: str, before: str, after: str) -> str:
    """The text with those of its lines changed in which `after` differs from `before`, the text as the library writes it.

    Empty where no line of the text stands for a line of `before`.
    """
    end_of_line = _end_of_line(text)
    whole = text if text.endswith("\n") or not text else text + end_of_line
    lines = [f"{line}\n" for line in whole.split("\n")[:-1]]
    old, new = before.split("\n")[:-1], after.split("\n")[:-1]
    places = _places(old, [line.rstrip("\r\n") for line in lines])
    for kind, start, end, first, last in reversed(_opcodes(old, new)):
        if kind == "equal":
            continue
        if start not in places or end not in places:
            return ""
        begin, stop = _without_remarks(lines, places[start], places[end])
        lines[begin:stop] = [line + end_of_line for line in new[first:last]]
    found = "".join(lines)
    return found if not text or text.endswith("\n") else found.removesuffix(end_of_line)


def _places(old: Sequence[str], lines: Sequence[str]) -> dict[int, int]:
    """Before which line of the text each line of `old` stands, where that is certain."""
    places: dict[int, int] = {}
    for kind, start, end, first, last in _opcodes(old, lines):
        places |= {start: first, end: last}
        if kind == "equal" or end - start == last - first:
            places |= {start + n: first + n for n in range(end - start)}
    return places


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _without_remarks(lines: Sequence[str], begin: int, end: int) -> tuple[int, int]:
    """The lines to be changed; remarks and empty lines belong to what follows them, and what is new comes before."""
    while end > begin and _is_remark(lines[end - 1]):
        end -= 1
    if begin < end:
        return begin, end
    behind = next((at + 1 for at in reversed(range(begin)) if not _is_remark(lines[at])), begin)
    return behind, behind


def _is_remark(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return bool(loaded(text) == wanted)
    except NotYaml:
        return False


def _end_of_line(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _without_values(problem: str | None) -> str:
    """A message whose quotes may be of a value: a key that begins with * reads as an alias. A single sign says nothing."""

    def shown(quoted: re.Match[str]) -> str:
        inside = quoted[1] or quoted[2] or ""
        return quoted[0] if len(inside) < 2 or re.fullmatch(r"<[a-z ]+>", inside) else "…"

    return _QUOTED.sub(shown, problem or "it cannot be read")


def _where(error: MarkedYAMLError) -> str:
    return f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
