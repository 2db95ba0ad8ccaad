"""The pack under the real Pulumi engine, with a provider that takes everything, so that only a rule can say no."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TAGS = '{"owner": "me", "app": "chat", "environment": "prod", "costCenter": "1"}'

PREAMBLE = f"""
import pulumi
TAGS = {TAGS}
def R(type_, name, **inputs):
    return pulumi.CustomResource(type_, name, inputs)
"""
EDGE = """
edge = R("aws:lb/loadBalancer:LoadBalancer", "edge", internal=True, idleTimeout=600, tags=TAGS,
         enableDeletionProtection=True)
R("aws:lb/listener:Listener", "web", loadBalancerArn=edge.id, protocol="HTTP", defaultActions=[{"type": "forward"}])
"""
TOO_MANY = """
R("aws:appautoscaling/target:Target", "scaling", maxCapacity=500, minCapacity=0)
"""
UNKNOWN = """
volume = R("aws:ebs/volume:Volume", "disk", encrypted=True, size=1000, type="gp3")
R("aws:cloudwatch/logGroup:LogGroup", "logs", retentionInDays=volume.id.apply(lambda _: 30), tags=TAGS)
"""
FOREIGN = """
class Part(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("anybody:index:Part", name)
part = Part("part")
pulumi.CustomResource("gcp:cloudrunv2/service:Service", "run", {"location": "europe-west4"},
                      opts=pulumi.ResourceOptions(parent=part))
"""
MANY = """
for at in range(80):
    R("aws:ecs/taskDefinition:TaskDefinition", f"task-{at}", tags=TAGS, family="x", containerDefinitions="[]")
"""


@dataclass(slots=True, kw_only=True)
class Project:
    """A Pulumi project in a directory of its own, its state beside it."""

    root: Path
    environment: dict[str, str]

    def program(self, text: str) -> None:
        """Write the program."""
        (self.root / "program.py").write_text(PREAMBLE + text)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a Pulumi command; its exit status, and all it printed."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    def preview(self, stack: str, pack: Path = ROOT / "policies") -> tuple[int, str]:
        """Preview with the pack, as a person would by hand."""
        self.run("stack", "init", stack, "--no-select")
        return self.run("preview", "--policy-pack", str(pack), "--color", "never", "--stack", stack)

    def configure(self, stack: str, **config: object) -> None:
        """Write a stack's config."""
        values = {key.replace("_", ":", 1): value for key, value in config.items()}
        (self.root / f"Pulumi.{stack}.yaml").write_text(json.dumps({"config": values}))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty project, and the provider that it is attached to."""
    if shutil.which("pulumi") is None:
        pytest.skip("the Pulumi command line is not installed")
    (tmp_path / "project").mkdir()
    (tmp_path / "state").mkdir()
    runtime = f"{{name: python, options: {{virtualenv: {json.dumps(sys.prefix)}}}}}"
    (tmp_path / "project/Pulumi.yaml").write_text(f"name: tiny\nmain: program.py\nruntime: {runtime}\n")
    provider = subprocess.Popen(
        [sys.executable, "-m", "tests.policies.any_provider"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert provider.stdout is not None
    port = provider.stdout.readline().strip()
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        "PATH": f"{os.environ['PATH']}{os.pathsep}{ROOT / 'tools' / 'host'}",
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DEBUG_PROVIDERS": f"aws:{port},gcp:{port}",
    }
    yield Project(root=tmp_path / "project", environment=environment)
    provider.kill()
    provider.wait()


def test_a_mandatory_violation_fails_the_preview(project: Project) -> None:
    """With the rule, the value seen and the remedy; the project itself need not be importable."""
    project.program(TOO_MANY)

    status, output = project.preview("aws-ecs-dev")

    assert status != 0
    assert "[mandatory] [severity: high]  max-replicas" in output
    assert "scaling: maxCapacity is 500; in dev at most 4 are allowed. Lower trimaran:scaling.max" in output
    assert "Traceback" not in output


def test_a_rule_over_the_stack_follows_references(project: Project) -> None:
    """HTTP inside a dev network is allowed, in prod it is not: the listener is judged by its load balancer."""
    project.program(EDGE)

    in_dev = project.preview("aws-ecs-dev")
    in_prod = project.preview("aws-ecs-prod")

    assert in_dev[0] == 0, in_dev[1]
    assert in_prod[0] != 0
    assert "web: protocol is HTTP and it does not only redirect to HTTPS" in in_prod[1]


def test_what_cannot_be_decided_is_told_and_does_not_stop(project: Project) -> None:
    """It is decided when the value is there."""
    project.program(UNKNOWN)

    status, output = project.preview("aws-ecs-dev")

    assert status == 0, output
    assert "logs: cannot be decided: retentionInDays is not known before the first `up`." in output


def test_a_type_that_no_table_knows_stops_prod_by_name_and_is_told_in_dev(project: Project) -> None:
    """A component is judged by its parts and is none itself."""
    project.program(FOREIGN)

    in_dev, said_in_dev = project.preview("gcp-cloud-run-dev")
    in_prod, said_in_prod = project.preview("gcp-cloud-run-prod")

    sentence = "run: cannot be decided: no check of policies/gcp/ knows gcp:cloudrunv2/service:Service"
    assert in_dev == 0, said_in_dev
    assert sentence in said_in_dev
    assert in_prod != 0
    assert sentence in said_in_prod
    assert "[mandatory] [severity: high]  image-digest" in said_in_prod
    assert "part: cannot be decided" not in said_in_prod


def test_limits_come_from_the_stacks_own_config(project: Project) -> None:
    """Nothing has to be handed to the pack."""
    project.program(UNKNOWN)
    project.configure(
        "aws-ecs-dev", aws_region="us-east-1", trimaran_limits={"monthlyUsd": "9", "regions": ["eu-west-1"]}
    )

    status, output = project.preview("aws-ecs-dev")

    assert status != 0
    assert "it costs at least 80 USD, most of it disk (disk); trimaran:limits.monthlyUsd is 9." in output
    assert "disk and 1 more would be in us-east-1; trimaran:limits.regions allows eu-west-1." in output


def test_a_file_of_exceptions_that_cannot_be_used_stops_the_preview(project: Project, tmp_path: Path) -> None:
    """With its sentence, from a copy of the pack."""
    for folder in ("policies", "cost", "plan", "catalog", "stacks"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "policies/exceptions.yaml").write_text("exceptions: [{rule: image-digest}]")
    project.program("")

    status, output = project.preview("aws-ecs-dev", pack=tmp_path / "policies")

    assert status != 0
    assert "policies/exceptions.yaml, entry 1 lacks expires, reason, resource." in output
    assert "Traceback" not in output


@pytest.mark.alone
def test_eighty_resources_take_at_most_two_seconds_more(project: Project) -> None:
    """The pack's own start included."""
    project.program(MANY)
    project.run("stack", "init", "aws-ecs-dev", "--no-select")

    def fastest_s(*arguments: str) -> float:
        times_s = []
        for _ in range(2):
            began_s = time.monotonic()
            status, output = project.run("preview", "--stack", "aws-ecs-dev", *arguments)
            times_s.append(time.monotonic() - began_s)
            assert status == 0, output
        return min(times_s)

    without_s = fastest_s()
    with_s = fastest_s("--policy-pack", str(ROOT / "policies"))

    assert with_s - without_s < 2
