"""The real engine and the real SDK against the stand-in: a plan, a whole cycle, and sentences for what is wrong."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from delivery.failure import ExitCode, Failure
from delivery.rehearsal.command import perform
from delivery.rehearsal.cost import CostSection
from delivery.rehearsal.policies import PoliciesSection
from delivery.rehearsal.report import RehearsalReport
from tests.delivery.rehearsal.conftest import ROOT

pytestmark = pytest.mark.usefixtures("engine")
Project = Callable[..., Path]


def _rehearse(root: Path, *, foundation: bool = False, cycle: bool = False) -> RehearsalReport:
    below = "sample-foundation-dev" if foundation else None
    sections = (PoliciesSection(), CostSection())
    return perform(root, "sample-dev", ["aws"], foundation=below, whole_cycle=cycle, sections=sections)


def _program(body: str) -> str:
    return f"import pulumi\nimport pulumi_aws as aws\n\n{textwrap.dedent(body)}"


def test_an_encrypted_value_has_a_stand_in_wherever_it_stands(project: Project) -> None:
    """In a list too; a limit that is encrypted is said to be, for nobody here can tell whether it is kept."""
    encrypted = {"secure": "AAABAM+something+only+the+owner+can+read"}
    root = project(allowed=["a", encrypted], limits={"monthlyUsd": encrypted})

    section = _rehearse(root, foundation=True).sections["policies"]

    assert any("trimaran:limits.monthlyUsd is secret and not shown here" in each for each in section.lines)


def test_a_stack_is_planned_validated_and_lived_through(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Foundation, preview, up, up again without a change, one changed value, destroy; the user's files stay as they were."""
    root = project(apiKeys={"secure": "AAABAM+something+only+the+owner+can+read"})
    before = {path: path.read_text() for path in (root / "stacks").rglob("*.yaml")}

    report = _rehearse(root, foundation=True, cycle=True)

    result = report.json()
    by_name = {(each["type"], each["urn"].rpartition("::")[2]): each for each in result["resources"]}
    service = by_name["aws:ecs/service:Service", "api"]
    assert service["op"] == "create"
    assert service["source"].startswith("stacks/__main__.py:")
    assert [each.partition(" ")[0] for each in service["validated_by"]] == [
        "sdk",
        "botocore",
        "cloudformation",
        "rules",
    ]
    assert (result["bearing_unvalidated"], result["bearing_unknown"]) == ([], [])
    lines = [each["line"] for each in result["cycle"]]
    assert lines[1:] == ["up again: no changes", "scaling.max changed: 2 update", f"destroy: {len(by_name)} delete"]
    report.show()
    assert "aws.ecs.TaskDefinition" in capsys.readouterr().out
    assert {path: path.read_text() for path in (root / "stacks").rglob("*.yaml")} == before


def test_seventy_resources_take_400_mib_at_most(project: Project) -> None:
    """The figure for `rehearse aws-ecs-prod`: memory of the command, the engine, the language host and the program."""
    root = project(alarms="48")
    call = f"perform(Path({str(root)!r}), 'sample-dev', ['aws'], foundation='sample-foundation-dev', whole_cycle=False)"
    code = f"from pathlib import Path\nfrom delivery.rehearsal.command import perform\nprint(len({call}.steps))"

    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as command:
        most_bytes = _most_memory(psutil.Process(command.pid))
        planned, _ = command.communicate()

    assert int(planned) >= 69
    assert 0 < most_bytes < 400 * 2**20


def _most_memory(command: psutil.Process) -> int:
    """The greatest memory of a process and all that it starts, in bytes, until it ends."""
    most = 0
    while command.is_running() and command.status() != psutil.STATUS_ZOMBIE:
        now = 0
        with suppress(psutil.Error):
            for each in (command, *command.children(recursive=True)):
                with suppress(psutil.Error):
                    now += each.memory_full_info().pss
        most = max(most, now)
        time.sleep(0.2)
    return most


def test_a_wrong_input_names_the_line_of_the_program(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Every wrong input is told, with the file and line that made the resource."""
    root = project(
        _program("""
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.1/16")
        aws.ecs.Cluster("cluster", name="my cluster")
        """)
    )

    with pytest.raises(Failure) as failed:
        _rehearse(root)

    told = f"{failed.value.sentence}\n{capsys.readouterr().err}"
    assert "stacks/__main__.py:5: aws:ec2/vpc:Vpc 'vpc': cidr_block is '10.0.0.1/16'" in told
    assert "stacks/__main__.py:6: aws:ecs/cluster:Cluster 'cluster': name is 'my cluster'" in told
    assert "Traceback" not in told


def test_an_unexpected_look_up_fails_by_name(project: Project) -> None:
    """Not with an empty answer."""
    root = project(_program("aws.ec2.get_vpcs()"))

    with pytest.raises(Failure, match="aws:ec2/getVpcs:getVpcs has no rehearsed answer"):
        _rehearse(root)


def test_no_connection_leaves_the_machine(project: Project) -> None:
    """Even one whose failure the program would have swallowed."""
    root = project(
        _program("""
        import contextlib, socket
        with contextlib.suppress(Exception):
            socket.create_connection(("192.0.2.1", 443), timeout=1)
        """)
    )

    with pytest.raises(Failure, match=r"stacks/__main__.py:\d+: the program connects to 192.0.2.1:443"):
        _rehearse(root)


def test_no_credentials_reach_the_program(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees rehearsed ones, whatever the user has."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-real")
    root = project(
        _program("""
        import os
        assert os.environ["AWS_ACCESS_KEY_ID"] == "AKIAREHEARSAL"
        assert "PULUMI_ACCESS_TOKEN" not in os.environ
        """)
    )

    assert _rehearse(root).steps == []


def test_a_programs_own_error_is_one_sentence_with_its_line(project: Project) -> None:
    """The traceback is in the log."""
    root = project(_program('raise ValueError("no such thing")'))

    with pytest.raises(Failure) as failed:
        _rehearse(root)

    assert failed.value.sentence == "stacks/__main__.py:4: ValueError: no such thing"
    assert "rehearsal-preview.jsonl" in failed.value.hint


def test_a_refused_config_keeps_its_hint_and_exit_code(project: Project) -> None:
    """As `up` would say it."""
    root = project(_program('raise pulumi.RunError("image is missing.\\nhint: set it")'))

    with pytest.raises(Failure) as failed:
        _rehearse(root)

    assert (failed.value.sentence, failed.value.hint) == ("image is missing.", "set it")
    assert failed.value.exit_code is ExitCode.USAGE


def test_a_program_that_never_settles_fails_the_cycle(project: Project) -> None:
    """A second `up` must find nothing to do."""
    root = project(_program('import time\naws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags={"at": str(time.time())})'))

    with pytest.raises(Failure, match=r"'up again' would update aws:ec2/vpc:Vpc 'vpc' \(tags\)"):
        _rehearse(root, cycle=True)


def test_a_stack_without_config_is_told_where_it_belongs(project: Project) -> None:
    """Neither a file nor an example."""
    root = project(_program(""))

    with pytest.raises(Failure, match=r"neither Pulumi.other-dev.yaml nor Pulumi.other-dev.example.yaml") as failed:
        perform(root, "other-dev", ["aws"], foundation=None, whole_cycle=False)

    assert failed.value.exit_code is ExitCode.USAGE


def test_the_servers_are_gone_afterwards(project: Project) -> None:
    """No port stays open."""
    before = _listening()

    _rehearse(project(_program("")))

    assert _listening() <= before


def _listening() -> set[Any]:
    return {each.laddr for each in psutil.Process().net_connections("inet") if each.status == psutil.CONN_LISTEN}


def test_loopback_is_no_outside_world() -> None:
    """The engine itself is reached that way."""
    from delivery.rehearsal.program import outside

    assert [outside(each) for each in (("127.0.0.1", 1), ("::1", 1, 0, 0), ("localhost", 1), "/a/socket")] == [""] * 4
    assert outside(("203.0.113.1", 443)) == "203.0.113.1:443"
