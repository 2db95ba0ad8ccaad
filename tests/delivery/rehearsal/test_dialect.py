"""A config file means to a rehearsal, and to the commands, what it means to the engine; and no message shows a value of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from delivery.cost.rehearsed import document
from delivery.engine import executable
from delivery.failure import ExitCode, Failure
from delivery.rehearsal.command import perform
from delivery.rehearsal.scratch import scratch
from delivery.yaml_text import loaded

Project = Callable[..., Path]

# Where YAML 1.1, YAML 1.2 and Go's library differ.
ODD = """\
config:
  trimaran:words: {owner: yes, on: off, n: No, y: y, minutes: 1:30, t: True, none: ~, sign: =}
  trimaran:numbers: {costCenter: 0123, nine: 09, hex: 0x1F, octal: 0o17, bits: 0b11, split: 1_000, less: -017}
  trimaran:fractions: {exp: 1e3, f: 1.50, whole: 5.0, tiny: 0.0000001, big: 12345678901234567890123}
  trimaran:dates: {day: 2024-01-02, moment: 2024-01-02T03:04:05.250+01:00, noDay: 2024-13-45}
  trimaran:texts: {octal: "0o17", yes: "yes", day: "2024-01-02", number: "0123"}
  trimaran:list: [yes, 0123, 1.50, null]
  trimaran:plain: yes
"""


@pytest.mark.usefixtures("engine")
def test_a_file_is_read_as_the_engine_reads_it(project: Project) -> None:
    """Its own file in place of the copy that a rehearsal makes, and that copy."""
    root = project()
    (root / "stacks/environments/Pulumi.sample-dev.yaml").write_text(ODD)

    with scratch(root) as made:
        config = made.add_stack("sample-dev")
        copied = _as_the_engine(made.directory, made.environment())
        (made.directory / "environments/Pulumi.sample-dev.yaml").write_text(ODD)
        own = _as_the_engine(made.directory, made.environment())

    assert own["trimaran:numbers"]["costCenter"] == 83
    assert own == copied == config == loaded(ODD)["config"]


def _as_the_engine(directory: Path, environment: dict[str, str]) -> dict[str, Any]:
    command = [executable(), "config", "--json", "--stack", "sample-dev"]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=True)
    return {key: each.get("objectValue", each["value"]) for key, each in json.loads(done.stdout).items()}


def rehearsed(root: Path, stack: str) -> object:
    """As the command `rehearse` does it."""
    return perform(root, stack, ["aws"], foundation=None, whole_cycle=False)


@pytest.mark.parametrize(
    "line",
    [
        "trimaran:promotionKey: sk-geheim: oops",
        "trimaran:promotionKey: *sk-geheim",
        "trimaran:promotionKey: !sk-geheim x",
        "trimaran:promotionKey: !!int sk-geheim",
        "trimaran:promotionKey: sk-geheim\n  trimaran:promotionKey: sk-geheim",
    ],
)
@pytest.mark.parametrize("plan", [rehearsed, document])
def test_a_broken_file_is_named_without_its_values(project: Project, line: str, plan: Callable[..., object]) -> None:
    """Neither by `rehearse` nor by `cost --rehearsed`."""
    root = project()
    (root / "stacks/environments/Pulumi.aws-ecs-dev.yaml").write_text(f"config:\n  {line}\n")

    with pytest.raises(Failure, match=r"Pulumi\.aws-ecs-dev\.yaml is not YAML") as failed:
        plan(root, "aws-ecs-dev")

    assert failed.value.exit_code is ExitCode.USAGE
    assert "geheim" not in failed.value.sentence + failed.value.hint
