"""`cost`: data on stdout, remarks on stderr, and an exit status that a script can trust."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cost.gates import Gates
from delivery.rehearsal.cost import CostSection
from delivery.rehearsal.sections import RehearsedPlan, SectionResult
from tests.cost.aws.test_quantities import gpu_group
from tests.plan.made import created, state

ROOT = Path(__file__).resolve().parents[3]
CHANGED = ROOT / "tests/cost/previews/changed.json"


def cost(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "delivery.cli", "cost", "aws-ecs-dev", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_table_goes_to_stdout_without_colour_in_a_pipe() -> None:
    """And nothing else does."""
    done = cost("--from", str(CHANGED))

    assert done.returncode == 0
    assert "Total, at least" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_json_has_the_shape_that_others_read() -> None:
    """docs/interfaces.md names every key of a line."""
    done = cost("--from", str(CHANGED), "--json")
    body = json.loads(done.stdout)

    assert (body["schema"], body["stack"], body["at_least"]) == ("trimaran.cost/1", "aws-ecs-dev", True)
    assert isinstance(body["after_usd_per_month"], str)
    keys = {"urn", "component", "op", "state", "quantity", "unit", "usd_per_unit", "before_usd", "after_usd"}
    assert all(keys | {"region", "source", "checked", "reason"} <= set(line) for line in body["lines"])
    assert all(line["usd_per_unit"] is None or isinstance(line["usd_per_unit"], str) for line in body["lines"])


def test_a_gate_that_says_no_ends_with_3_and_one_sentence() -> None:
    """The table is still printed, so that a person sees why."""
    done = cost("--from", str(CHANGED), "--max-increase-usd", "10")

    assert done.returncode == 3
    assert "$59.10 more a month is above --max-increase-usd of $10.00." in done.stderr
    assert "Total" in done.stdout


@pytest.mark.parametrize(
    ("text", "status"), [("{}", 5), ("not json", 5), (None, 2)], ids=["no preview", "no JSON", "no file"]
)
def test_without_a_preview_nothing_is_measured(text: str | None, status: int, tmp_path: Path) -> None:
    """Never an empty bill."""
    path = tmp_path / "preview.json"
    if text is not None:
        path.write_text(text)

    done = cost("--from", str(path))

    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")


def test_a_usage_file_with_a_mistake_is_bad_config(tmp_path: Path) -> None:
    """Told with its line."""
    path = tmp_path / "usage.yaml"
    path.write_text("version: 1\nexpected:\n  log_gbs: 3\n")

    done = cost("--from", str(CHANGED), "--usage", str(path))

    assert done.returncode == 2
    assert f"{path}:3: 'expected.log_gbs' is not a known key." in done.stderr


@pytest.mark.parametrize("limit", ["abc", "-1", "NaN"])
def test_a_limit_that_is_no_number_is_refused(limit: str) -> None:
    """Before anything is priced."""
    assert cost("--from", str(CHANGED), f"--max-usd-per-month={limit}").returncode == 2


def test_the_stacks_own_limit_is_a_gate_too() -> None:
    """`limits.monthlyUsd` from the config that the preview carries."""
    assert Gates().with_those_of({"trimaran:limits": '{"monthlyUsd": "900"}'}) == Gates(budget_usd=Decimal(900))
    assert Gates().with_those_of({"trimaran:limits": "{}"}) == Gates()
    assert Gates().with_those_of({}) == Gates()


def judged(digest: dict[str, Any]) -> SectionResult:
    """What a rehearsal is told of a plan's cost."""
    return CostSection().judge(RehearsedPlan(stack="aws-ecs-dev", config={}, digest=digest))


def test_a_rehearsal_gets_lines_json_and_refusals() -> None:
    """As delivery/rehearsal/sections.py asks for them."""
    digest = created(*gpu_group(minSize=1, maxSize=1), **{"trimaran:limits": '{"monthlyUsd": "100"}'})

    told = judged(digest)

    assert told.value["after_usd_per_month"] == "595.504"
    assert told.refusals == ["$595.50 a month is above trimaran:limits.monthlyUsd of $100.00."]
    assert told.exit_code == 3
    assert told.lines[0] == "$595.50 a month (+$595.50)"


def test_a_rehearsal_learns_which_inputs_bear_on_money() -> None:
    """By type and path, without list positions."""
    assert ("aws:ec2/launchTemplate:LaunchTemplate", "blockDeviceMappings.ebs.volumeSize") in set(CostSection().reads())


def test_a_preview_with_plain_numbers_is_read_as_exactly() -> None:
    """The engine's document may have been parsed by others, with binary fractions."""
    digest = json.loads(json.dumps(created(state("aws:ebs/volume:Volume", size=0.1, type="gp3"))))

    assert judged(digest).value["after_usd_per_month"] == "0.008"
