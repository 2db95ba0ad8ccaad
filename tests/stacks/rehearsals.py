"""The real programs on the real engine, against providers that stand in for clouds: each shape rehearsed once for all tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from delivery.cache import cache
from delivery.rehearsal.running import Rehearsed, Run
from delivery.rehearsal.scratch import Scratch, scratch
from delivery.rehearsal.targets import packages_of
from providers.rehearsal.clouds import cloud_of
from providers.rehearsal.record import RehearsalRecord
from providers.rehearsal.server import serving
from stacks.targets import named_in
from tests.stacks.shapes import EXAMPLES, SHAPES

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource as the state holds it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    options: Mapping[str, Any]

    def document(self, key: str) -> Any:
        """An input that is JSON."""
        return json.loads(self.inputs[key])


@dataclass(kw_only=True)
class Deployed:
    """A shape after `up`."""

    stack: str
    rehearsed: Rehearsed
    first: Run

    @cached_property
    def state(self) -> dict[str, Any]:
        """The state right after the first `up`."""
        return exported(self.rehearsed.scratch, self.stack)

    @property
    def resources(self) -> list[Resource]:
        """All that a cloud holds; providers, stacks and components are left out."""
        made = [
            each for each in self.state["resources"] if each.get("custom") and not each["type"].startswith("pulumi:")
        ]
        return sorted(map(_resource, made), key=lambda each: (each.type, each.parent, each.name))

    @cached_property
    def opened(self) -> list[Mapping[str, Any]]:
        """The inputs of all that a cloud holds, with secrets in the clear: what was invented, nobody's."""
        state = exported(self.rehearsed.scratch, self.stack, opened=True)
        return [_opened(each.get("inputs") or {}) for each in state["resources"] if each.get("custom")]

    @property
    def outputs(self) -> dict[str, Any]:
        """What the stack exports."""
        stack = next(each for each in self.state["resources"] if each["type"] == "pulumi:pulumi:Stack")
        return dict(stack["outputs"])

    def of(self, kind: str) -> list[Resource]:
        """The resources of a type, given by its last word."""
        return [each for each in self.resources if each.type.rpartition(":")[2] == kind]

    def one(self, kind: str, name: str) -> Resource:
        """The resource of a type and name."""
        found = [each for each in self.of(kind) if each.name == name]
        assert len(found) == 1, f"{kind} {name}: {[each.name for each in self.of(kind)]}"
        return found[0]


def _resource(raw: Mapping[str, Any]) -> Resource:
    options = {key: raw[key] for key in ("ignoreChanges", "customTimeouts", "protect") if raw.get(key)}
    return Resource(
        type=raw["type"],
        name=raw["urn"].rpartition("::")[2],
        inputs=raw.get("inputs") or {},
        parent=raw.get("parent", "").rpartition("::")[2],
        options=options,
    )


def _opened(value: Any) -> Any:
    """A value of the state with what is secret in it as its text says."""
    if isinstance(value, dict) and "plaintext" in value:
        return json.loads(value["plaintext"])
    if isinstance(value, dict):
        return {key: _opened(each) for key, each in value.items()}
    return [_opened(each) for each in value] if isinstance(value, list) else value


def exported(project: Scratch, stack: str, *, opened: bool = False) -> dict[str, Any]:
    """A stack's state as the engine keeps it; `opened` with its secrets in the clear."""
    done = subprocess.run(
        ["pulumi", "stack", "export", "--stack", stack, "--non-interactive", *["--show-secrets"] * opened],
        cwd=project.directory,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    state: dict[str, Any] = json.loads(done.stdout)["deployment"]
    return state


class Rehearsals:
    """Shapes on the real engine: planned and deployed when the first test asks for one, and kept until the last has ended.

    A shape shares a project with the foundation that it stands on. Tests of one project have one `group_of`, by which they
    come to the same worker.
    """

    def __init__(self, open_: ExitStack) -> None:
        self._open = open_
        self._projects: dict[str, tuple[Scratch, Mapping[str, int], RehearsalRecord]] = {}
        self._ready: dict[str, Rehearsed] = {}
        self._planned: dict[tuple[str, ...], Mapping[str, Any]] = {}
        self._deployed: dict[str, Deployed] = {}

    def planned(self, shape: str, *arguments: str) -> Mapping[str, Any]:
        """What the engine prints for an example, on top of its deployed foundation; without arguments, before it exists."""
        assert shape in EXAMPLES, f"{shape} is deployed without a preview: nothing reads one"
        key = (shape, *arguments)
        if key not in self._planned:
            self._planned[key] = self._standing(shape).run("preview", shape, *arguments).digest
        return self._planned[key]

    def __getitem__(self, shape: str) -> Deployed:
        """A shape after its first `up`."""
        if shape not in self._deployed:
            if shape in EXAMPLES:
                self.planned(shape)  # while there is nothing yet
            rehearsed = self._standing(shape)
            first = rehearsed.run("up", shape)
            made = Deployed(stack=rehearsed.stack, rehearsed=rehearsed, first=first)
            assert made.state
            self._deployed[shape] = made
        return self._deployed[shape]

    def _standing(self, shape: str) -> Rehearsed:
        """The shape's stack, with its config and on its foundation."""
        if shape not in self._ready:
            stack, foundation, changes = SHAPES[shape]
            if foundation:
                assert self[foundation]
            project, ports, record = self._project(group_of(shape))
            config = _with_changes(project, stack, changes)
            self._ready[shape] = Rehearsed(scratch=project, stack=stack, config=config, ports=ports, record=record)
        return self._ready[shape]

    def _project(self, group: str) -> tuple[Scratch, Mapping[str, int], RehearsalRecord]:
        if group not in self._projects:
            record = RehearsalRecord()
            clouds = [cloud_of(each) for each in packages_of(named_in(SHAPES[group][0])[0])]
            ports = self._open.enter_context(serving(clouds, record))
            self._projects[group] = self._open.enter_context(scratch(ROOT)), ports, record
        return self._projects[group]


def group_of(shape: str) -> str:
    """The project that a shape is rehearsed in: that of its foundation, or one of its own."""
    return SHAPES[shape][1] or shape


def _with_changes(project: Scratch, stack: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The stack's config with keys replaced, taken out, or, where their value is a secret, set as one."""
    config = project.add_stack(stack)
    secrets = [key for key, value in changes.items() if isinstance(value, dict) and set(value) == {"secure"}]
    plain = {key: value for key, value in {**config, **changes}.items() if value is not None and key not in secrets}
    project.write_config(stack, plain)
    for key in secrets:
        subprocess.run(
            ["pulumi", "config", "set", "--secret", key, "rehearsed=rehearsed-secret", "--stack", stack],
            cwd=project.directory,
            env=project.environment(),
            capture_output=True,
            check=True,
        )
    return plain


@contextmanager
def engine_on_path() -> Iterator[None]:
    """The Pulumi command line on PATH, behind it the stand-in for the language host; skips where it is not installed."""
    found = [str(path) for path in sorted((cache() / "pulumi").glob("*/bin"))]
    path = os.pathsep.join([os.environ["PATH"], *found, str(ROOT / "tools/host")])
    if shutil.which("pulumi", path=path) is None:
        pytest.skip("the Pulumi command line is not installed: run ./trimaran doctor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        yield
