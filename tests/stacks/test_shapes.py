"""The shapes of a cloud are read by every test that speaks of stacks, as soon as its folder has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHAPES = """
SHAPES = {"acme-run-dev": ("acme-run-dev", None, {}), "acme-run-dev-small": ("acme-run-dev", None, {"trimaran:x": "1"})}
BASES = {"acme-run-dev-small": "acme-run-dev"}
"""
PLUGIN = """
from pathlib import Path
import tests.stacks
tests.stacks.__path__.append(str(Path(__file__).with_name("stacks")))
"""


def test_a_new_cloud_is_read_by_all_of_them(tmp_path: Path) -> None:
    """Its plans, and the cost and the policies of its examples."""
    (tmp_path / "stacks/acme").mkdir(parents=True)
    (tmp_path / "stacks/acme/rehearsals.py").write_text(SHAPES)
    (tmp_path / "with_acme.py").write_text(PLUGIN)
    judging = ("tests/stacks/test_plans.py", "tests/cost/test_golden.py", "tests/policies")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-o", "addopts=-q", "-n", "0", "-p", "with_acme", *judging],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )

    found = {line.rpartition("::")[2] for line in done.stdout.splitlines() if "acme-" in line}
    assert found == {
        "test_the_plan_is_the_golden_one[acme-run-dev]",
        "test_the_plan_differs_from_its_base_as_told[acme-run-dev-small]",
        "test_the_estimate_of_a_stack[acme-run-dev]",
        "test_the_examples_keep_every_rule[acme-run-dev]",
    }, done.stdout[-2000:] + done.stderr
