"""What the wrapper is told of a command line before it spends minutes on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def usage(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "delivery.usage", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "line",
    [
        "up",
        "down local",
        "rehearse aws-ecs-prod --cycle",
        "cost aws-ecs --format json",
        "pulumi up --stack anything --unheard-of",
        "test tests/logic -k x --unheard-of",
        "weights sync m --bucket b",
        "status",
    ],
)
def test_a_command_line_that_can_be_carried_out_does_nothing(line: str) -> None:
    """Not a word, and not the command."""
    done = usage(*line.split())

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("up --fast", "No such option: --fast"),
        ("down locale", "target 'locale' is unknown."),
        ("rehearse", "Missing argument 'STACK'."),
        ("cost aws-ec", "target 'aws-ec' is unknown."),
        ("cost aws-ecs --max-usd-per-month x", "Invalid value for '--max-usd-per-month'"),
        ("weights sync", "Missing argument 'MODEL'."),
        ("ups", "No such command 'ups'."),
    ],
)
def test_a_wrong_one_is_told_as_the_command_would(line: str, error: str) -> None:
    """With its hint and exit code."""
    done = usage(*line.split())

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {error}")
    assert "\nhint: ./trimaran " in done.stderr
