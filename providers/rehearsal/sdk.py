"""The resource types of a Pulumi SDK and the shapes of their inputs and outputs, read from the SDK's own source text.

The text is read instead of imported: one type takes milliseconds and a few kilobytes, where importing a whole SDK takes
seconds and hundreds of megabytes.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from providers.rehearsal.findings import nearest, snake
from providers.rehearsal.sdk_classes import ClassReader, ClassText
from providers.rehearsal.shapes import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One type of resource: what goes in, what comes out beyond that."""

    token: str
    inputs: Shape
    outputs: Shape


class Sdk:
    """One installed SDK. `open_enums` are those whose list the cloud extends faster than the SDK does."""

    def __init__(self, module: str, open_enums: Collection[str] = ()) -> None:
        self.root = _package_directory(module)
        self.version: str = json.loads((self.root / "pulumi-plugin.json").read_text(encoding="utf-8"))["version"]
        self._open_enums = frozenset(open_enums)
        self._classes = _registered(self.root / "__init__.py")
        self._types: dict[str, ResourceType] = {}

    def __contains__(self, token: str) -> bool:
        return token in self._classes

    def nearest(self, token: str) -> str:
        """' Did you mean …?' for a token that is not there."""
        same_kind = [each for each in self._classes if each.rpartition(":")[2] == token.rpartition(":")[2]]
        return nearest(token, same_kind or self._classes)

    def resource_type(self, token: str) -> ResourceType:
        """The shapes of one type; `token` must be in this SDK."""
        if token not in self._types:
            self._types[token] = self._read(token)
        return self._types[token]

    def _read(self, token: str) -> ResourceType:
        package, name = self._classes[token]
        directory = self.root.joinpath(*package.split(".")[1:])
        path = _file_of(directory, name)
        text = ClassText.of(path)
        arguments = text.fields(f"{name}Args") or text.fields(f"{name}InitArgs")
        outputs = text.properties(name)
        reader = ClassReader(self.root, directory, self._open_enums)
        return ResourceType(
            token=token, inputs=reader.object(arguments, "_inputs"), outputs=reader.object(outputs, "outputs")
        )


def _package_directory(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the SDK {module} is not installed")
    return Path(spec.submodule_search_locations[0])


def _registered(path: Path) -> Mapping[str, tuple[str, str]]:
    """Type token -> (Python package, class), from the table by which the SDK registers its classes."""
    text = path.read_text(encoding="utf-8")
    begin = text.index('resource_modules="""') + len('resource_modules="""')
    modules = json.loads(text[begin : text.index('"""', begin)])
    return {token: (each["fqn"], name) for each in modules for token, name in each["classes"].items()}


@functools.lru_cache(maxsize=4)
def _class_files(directory: Path) -> Mapping[str, Path]:
    pattern = re.compile(r"^class (\w+)\(pulumi\.CustomResource\):", re.MULTILINE)
    found = {}
    for path in sorted(directory.glob("*.py")):
        if not path.name.startswith(("get_", "_", "outputs")):
            found.update(dict.fromkeys(pattern.findall(path.read_text(encoding="utf-8")), path))
    return found


def _file_of(directory: Path, name: str) -> Path:
    expected = directory / f"{snake(name)}.py"
    return expected if expected.exists() else _class_files(directory)[name]
