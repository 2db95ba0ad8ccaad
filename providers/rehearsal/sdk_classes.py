"""Reads generated SDK classes as text: their fields, the wire names of these, and what an annotation says of a value."""

from __future__ import annotations

import ast
import functools
import mmap
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from providers.rehearsal.shapes import ANY, BOOLEAN, INTEGER, NUMBER, TEXT, Kind, Member, Shape

_CLASS_END = re.compile(rb"\n(?=\S)")
# Python 3.11 keeps the depth of the tree that it builds in one place for all threads, and raises SystemError when two parse at once.
_PARSING = threading.Lock()
_PRIMITIVES = {"str": TEXT, "int": INTEGER, "float": NUMBER, "bool": BOOLEAN, "Any": ANY}
_WRAPPERS = ("Input", "Output", "Optional", "NotRequired", "Awaitable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a class: its Python name, its name on the wire, its annotation."""

    name: str
    wire: str
    annotation: ast.expr
    required: bool


class ClassText:
    """A source file of which single classes are parsed; it is mapped, not read, since some have megabytes."""

    def __init__(self, text: mmap.mmap | bytes) -> None:
        self._text = text

    @staticmethod
    @functools.lru_cache(maxsize=6)
    def of(path: Path) -> ClassText:
        """The file's text, kept for the next class of the same file; no text where there is no file."""
        if not path.exists() or not path.stat().st_size:
            return ClassText(b"")
        with path.open("rb") as file:
            return ClassText(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def fields(self, name: str) -> list[Field]:
        """The arguments of an input class; empty where there is no such class."""
        body = self._class(name)
        if body is None:
            return []
        wire = {each.name: each.wire for each in _getters(body)}
        constructor = next((each for each in body.body if _is_function(each, "__init__")), None)
        if not isinstance(constructor, ast.FunctionDef):
            return []
        arguments = zip(constructor.args.kwonlyargs, constructor.args.kw_defaults, strict=True)
        return [
            Field(
                name=each.arg,
                wire=wire.get(each.arg, each.arg),
                annotation=each.annotation or ast.Name("Any"),
                required=default is None,
            )
            for each, default in arguments
        ]

    def properties(self, name: str) -> list[Field]:
        """The properties of a resource or of an output class."""
        body = self._class(name)
        return _getters(body) if body else []

    def enum_values(self, name: str) -> tuple[str, ...]:
        """The values of an enum; empty where there is none of that name."""
        body = self._class(name)
        if body is None:
            return ()
        assigned = (each.value for each in body.body if isinstance(each, ast.Assign))
        return tuple(str(each.value) for each in assigned if isinstance(each, ast.Constant))

    def _class(self, name: str) -> ast.ClassDef | None:
        found = re.search(rf"^class {re.escape(name)}[(:]".encode(), self._text, re.MULTILINE)
        if not found:
            return None
        end = _CLASS_END.search(self._text, found.end())
        text = bytes(self._text[found.start() : end.start() if end else None])
        with _PARSING:
            parsed = ast.parse(text.decode()).body[0]
        return parsed if isinstance(parsed, ast.ClassDef) else None


class ClassReader:
    """Turns the annotations of one SDK module into shapes, following names into the module's other files."""

    def __init__(self, root: Path, directory: Path, open_enums: frozenset[str]) -> None:
        self._root = root
        self._directory = directory
        self._open_enums = open_enums

    def object(self, fields: Sequence[Field], module: str) -> Shape:
        """The shape of a class; `module` is where the classes that it names are: `_inputs` or `outputs`."""
        members = {
            each.wire: Member(
                shape=functools.cache(functools.partial(self.shape, each.annotation, module)),
                shown=each.name,
                required=each.required,
            )
            for each in fields
        }
        return Shape(kind=Kind.OBJECT, members=members)

    def shape(self, annotation: ast.expr, module: str) -> Shape:
        """What an annotation says of a value."""
        match annotation:
            case ast.Subscript(value=outer, slice=inside):
                return self._generic(_last_name(outer), inside, module)
            case ast.Constant(value=str(name)):
                return self._named(name, module)
            case ast.Attribute() | ast.Name():
                return _PRIMITIVES.get(_last_name(annotation), ANY)
        return ANY

    def _generic(self, outer: str, inside: ast.expr, module: str) -> Shape:
        if outer in _WRAPPERS:
            shape = self.shape(inside, module)
            return shape if outer != "Optional" else _optional(shape)
        if outer == "Sequence":
            return Shape(kind=Kind.LIST, element=functools.cache(functools.partial(self.shape, inside, module)))
        if outer == "Mapping" and isinstance(inside, ast.Tuple):
            value = inside.elts[1]
            return Shape(kind=Kind.MAP, element=functools.cache(functools.partial(self.shape, value, module)))
        if outer == "Union" and isinstance(inside, ast.Tuple):
            return self._union(inside.elts, module)
        return ANY

    def _union(self, elements: Sequence[ast.expr], module: str) -> Shape:
        shapes = [self.shape(each, module) for each in elements if not _is_alias(each)]
        enums = [each for each in shapes if each.values]
        if enums:
            return enums[0]
        if len(shapes) == 1:
            return shapes[0]
        return Shape(kind=Kind.UNION, options=tuple(shapes)) if shapes else ANY

    def _named(self, name: str, module: str) -> Shape:
        prefix, _, bare = name.rpartition(".")
        reader, directory = self, self._directory
        if prefix and prefix != "outputs":
            # `_core.v1.PodArgs` or `_ec2.XArgs`: a class of another module of the same SDK.
            directory = self._root.joinpath(*prefix.removesuffix(".outputs").lstrip("_").split("."))
            reader = ClassReader(self._root, directory, self._open_enums)
        if bare in self._open_enums:
            return TEXT
        values = ClassText.of(directory / "_enums.py").enum_values(bare)
        if not values and directory != self._root:
            values = ClassText.of(self._root / "_enums.py").enum_values(bare)
        if values:
            return Shape(kind=Kind.TEXT, values=values)
        text = ClassText.of(directory / f"{module}.py")
        fields = text.fields(bare) if module == "_inputs" else text.properties(bare)
        return reader.object(fields, module) if fields else ANY


def _getters(body: ast.ClassDef) -> list[Field]:
    found = []
    for each in body.body:
        if not isinstance(each, ast.FunctionDef) or each.returns is None:
            continue
        wire = next((name for one in each.decorator_list if (name := _getter_name(one)) is not None), None)
        if wire is not None:
            found.append(Field(name=each.name, wire=wire or each.name, annotation=each.returns, required=False))
    return found


def _getter_name(decorator: ast.expr) -> str | None:
    """The wire name in `@pulumi.getter(name="…")`, empty for a bare `@pulumi.getter`, None for another decorator."""
    if isinstance(decorator, ast.Call) and _last_name(decorator.func) == "getter":
        return next((str(each.value.value) for each in decorator.keywords if isinstance(each.value, ast.Constant)), "")
    return "" if _last_name(decorator) == "getter" else None


def _is_alias(annotation: ast.expr) -> bool:
    """Whether this member of a union only spells another one differently: its typed dictionary or output class."""
    name = annotation.value if isinstance(annotation, ast.Constant) else ""
    return isinstance(name, str) and (name.endswith("ArgsDict") or name.startswith("outputs."))


def _optional(shape: Shape) -> Shape:
    return replace(shape, optional=True)


def _last_name(expression: ast.expr) -> str:
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def _is_function(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == name
