"""`pipeline STACK`: from a preview to all the traffic, by the same one-line calls that a CI system makes, each shown before it runs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from delivery.engine import engine_for, target_of
from delivery.failure import ExitCode, Failure
from delivery.platforms.targets import listed, platform_of, promotable
from delivery.stack_file import StackFile
from delivery.terminal import data, say, table

KEY_NAME = "TRIMARAN_PIPELINE_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One call of `./trimaran`."""

    name: str
    arguments: tuple[str, ...]

    @property
    def line(self) -> str:
        return f"./trimaran {shlex.join(self.arguments)}"


def run(root: Path, stack: str, *, settings: Sequence[str], suite: str) -> None:
    """Run every stage; the first that fails ends it, with that call's exit code. Raises Failure."""
    if platform_of(target_of(root, stack)).blue_green is None:
        raise Failure(
            f"there is a whole pipeline for {listed(promotable())} only: no other target can be promoted yet.",
            f"./trimaran rehearse {stack}",
            ExitCode.USAGE,
        )
    StackFile(root=root, stack=stack).ensure()
    engine = engine_for(root, stack)
    if engine.deployment() is None:
        engine.create_stack()
    done: list[tuple[str, str, str]] = []
    for stage in _stages(root, stack, settings, suite):
        say(f"\n── {stage.name}: {stage.line}")
        began = time.monotonic()
        status = subprocess.run(
            [sys.executable, "-m", "delivery.cli", *stage.arguments],
            cwd=root,
            env={**os.environ, **_key(root, stack)},
            check=False,
        ).returncode
        if status != 0:
            raise Failure(f"the pipeline ends at '{stage.name}'.", f"run it by itself: {stage.line}", _code(status))
        done.append((stage.name, stage.line, f"{time.monotonic() - began:.1f} s"))
    data("")
    table(("stage", "call", "time"), done)


def _stages(root: Path, stack: str, settings: Sequence[str], suite: str) -> Iterator[Stage]:
    """Lazily: the address to evaluate is known only when the stack is deployed."""
    yield Stage(name="preview", arguments=("pulumi", "preview", "--stack", stack))
    yield Stage(name="cost", arguments=("cost", stack))
    yield Stage(name="policies", arguments=("pulumi", "preview", "--stack", stack, "--policy-pack", "policies"))
    yield Stage(name="deploy", arguments=("up", stack))
    outputs = engine_for(root, stack).outputs()
    key = ("--key-env", KEY_NAME) if outputs["api_key_ref"] else ()
    yield Stage(
        name="eval gate", arguments=("eval", str(outputs["url"]), "--suite", "smoke", "--min-pass", "100", *key)
    )
    if settings:
        changes = tuple(word for pair in settings for word in ("--set", pair))
        yield Stage(name="promote", arguments=("promote", stack, *changes, "--suite", suite))


def _key(root: Path, stack: str) -> dict[str, str]:
    """The first of the stack's keys, for a call that asks the app; in no command line."""
    try:
        return {KEY_NAME: engine_for(root, stack).api_key()}
    except Failure:
        return {}


def _code(status: int) -> ExitCode:
    try:
        return ExitCode(status)
    except ValueError:
        return ExitCode.FAILED
