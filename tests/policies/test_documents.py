"""The command, the page and the pack's own files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from policies import RULES
from policies.judging import outcome_of_check
from policies.reference import PAGE, page
from tests.goldens import Golden
from tests.policies.plans import context, planned

ROOT = Path(__file__).resolve().parents[2]


def trimaran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "delivery.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_is_that_of_the_rules(golden: Golden) -> None:
    """Every rule in full."""
    golden(PAGE, page())


def test_the_list_has_a_line_for_each_rule() -> None:
    """And a heading."""
    lines = trimaran("policies").stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["rule", *(each.id for each in RULES)]


def test_one_rule_is_explained() -> None:
    """What holds, why, what to do, how strictly, about what."""
    text = trimaran("policies", "tls-only").stdout

    assert text.startswith("tls-only\n\nListeners speak TLS 1.2")
    for part in ("why       Requests carry", "remedy    Set trimaran:ingress", "aws:lb/listener:Listener", "in prod"):
        assert part in text


def test_json_has_what_the_interface_says() -> None:
    """Without a stack there is nothing to violate a rule."""
    answer = json.loads(trimaran("policies", "imdsv2", "--json").stdout)

    assert list(answer) == ["schema", "stack", "rules", "violations", "undecided"]
    assert (answer["schema"], answer["stack"]) == ("trimaran.policies/1", None)
    (rule,) = answer["rules"]
    assert list(rule) == ["id", "title", "severity", "enforcement", "types", "remedy"]
    assert rule["enforcement"] == {"dev": "mandatory", "staging": "mandatory", "prod": "mandatory"}


def test_a_rule_that_is_not_there_is_a_usage_error() -> None:
    """With the nearest one."""
    done = trimaran("policies", "image-digests")

    assert done.returncode == 2
    assert (
        done.stderr
        == "error: there is no rule 'image-digests'. Did you mean 'image-digest'?\nhint: ./trimaran policies\n"
    )


def test_no_module_hides_one_of_pythons_own() -> None:
    """The engine puts the pack's folder first on the path: a module called `secrets` would be found instead of Python's."""
    names = {path.stem for path in (ROOT / "policies").glob("*.py")}

    assert names & set(sys.stdlib_module_names) == set()


def test_the_pack_says_its_python() -> None:
    """Without it the official language host makes an environment of its own."""
    runtime = yaml.safe_load((ROOT / "policies/PulumiPolicy.yaml").read_text())["runtime"]

    assert runtime == {"name": "python", "options": {"toolchain": "pip", "virtualenv": "../.venv"}}


def test_the_rules_start_light() -> None:
    """A rehearsal imports them with everything else: neither the engine's SDK nor the cost model comes with them."""
    code = (
        "import sys, policies; sys.exit(any(each in sys.modules for each in ('pulumi', 'pulumi_policy', 'pydantic')))"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_example_of_adding_a_rule_is_a_rule() -> None:
    """As it stands on the page, it judges."""
    text = (ROOT / "docs/adding-a-rule.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], names)
    rule, type_ = names["RULE"], names["VERSIONING"]
    bucket = planned(type_, "v", versioningConfiguration={"status": "Suspended"})

    outcome = outcome_of_check(rule, names["CHECKS"][rule.id][type_], bucket, context(), {})

    assert outcome.violations == (
        "v: versioningConfiguration.status is Suspended, so what is overwritten is gone. "
        'Set versioningConfiguration.status to "Enabled".',
    )
