"""Whoever has begun a cloud: the tests see its shapes, and a row without its files is told as such."""

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
WITH_SHAPES = """
from pathlib import Path
import tests.stacks
tests.stacks.__path__.append(str(Path(__file__).with_name("stacks")))
"""
WITH_A_ROW = """
from stacks.targets import TARGETS, Target
TARGETS["acme-run"] = Target(module="stacks.acme.run", config="stacks.acme.config:RunConfig", packages=("acme",))
"""


def suite(begun: Path, plugin: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The suite with what a contributor has begun."""
    (begun / "with_acme.py").write_text(plugin)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "addopts=-q", "-n", "0", "-p", "with_acme", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(begun), str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_clouds_shapes_are_read_by_all(tmp_path: Path) -> None:
    """Its plans, and the cost and the policies of its examples."""
    (tmp_path / "stacks/acme").mkdir(parents=True)
    (tmp_path / "stacks/acme/rehearsals.py").write_text(SHAPES)

    done = suite(
        tmp_path,
        WITH_SHAPES,
        "--collect-only",
        "tests/stacks/test_plans.py",
        "tests/cost/test_golden.py",
        "tests/policies",
    )

    found = {line.rpartition("::")[2] for line in done.stdout.splitlines() if "acme-" in line}
    assert found == {
        "test_the_plan_is_the_golden_one[acme-run-dev]",
        "test_the_plan_differs_from_its_base_as_told[acme-run-dev-small]",
        "test_the_estimate_of_a_stack[acme-run-dev]",
        "test_the_examples_keep_every_rule[acme-run-dev]",
    }, done.stdout[-2000:] + done.stderr


def test_a_row_without_its_files_names_them(tmp_path: Path) -> None:
    """The other tests are still collected."""
    done = suite(
        tmp_path, WITH_A_ROW, "tests/stacks/test_config.py", "tests/stacks/test_targets.py", "-k", "class_and_a_module"
    )

    assert "create stacks/acme/config.py: the configuration of 'acme-run'" in done.stdout, done.stdout + done.stderr
    assert "1 failed, 4 passed" in done.stdout
