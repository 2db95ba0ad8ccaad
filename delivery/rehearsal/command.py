"""`rehearse STACK`: the real engine runs the stack's real program, and every input is checked, with no account at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delivery.failure import ExitCode, Failure
from delivery.rehearsal import cycle
from delivery.rehearsal.report import Report
from delivery.rehearsal.running import Rehearsed
from delivery.rehearsal.scratch import scratch
from delivery.rehearsal.sections import Planned, Sections
from delivery.terminal import data_json, say
from providers.rehearsal import botocore_models, cloudformation
from providers.rehearsal.record import Record
from providers.rehearsal.server import Settings, serving
from stacks.targets import ENVIRONMENTS, TARGETS, named_in, unknown_target

# The packages that there is a description of in catalog/rehearsal/.
PACKAGES = ("aws",)
# With these in its config a stack needs no foundation.
_OF_ONES_OWN = {"trimaran:network", "trimaran:key", "trimaran:bucket"}


def rehearse(root: Path, stack: str, *, whole_cycle: bool, as_json: bool) -> None:
    """Rehearse a stack and print what came of it. Raises Failure for a wrong input, or when a gate says no."""
    target, environment = named_in(stack)
    if target not in TARGETS:
        raise Failure(unknown_target(target), f"./trimaran rehearse {next(iter(TARGETS))}", ExitCode.USAGE)
    foundation = foundation_of(target, environment)
    report = perform(root, stack, packages_of(target), foundation=foundation, whole_cycle=whole_cycle)
    if as_json:
        data_json("rehearse", stack, report.json())
    else:
        report.show()
    _end(report)


def perform(root: Path, stack: str, packages: Sequence[str], *, foundation: str | None, whole_cycle: bool) -> Report:
    """Run the stack's program, after its foundation's, on a throw-away project with these packages stood in for."""
    record, sections = Record(), Sections.load()
    for missing in missing_schemas():
        say(f"  ! {missing}")
    with scratch(root) as project:
        config = project.add_stack(stack)
        foundation = below(config, foundation)
        quota = (config.get("trimaran:limits") or {}).get("gpuQuota")
        with serving(packages, record, Settings(gpu_quota=quota, refusing=False)) as ports:
            if foundation:
                project.add_stack(foundation)
                under = Rehearsed(scratch=project, stack=foundation, ports=ports, record=record)
                under.run("up", "rehearsed foundation")
            rehearsed = Rehearsed(scratch=project, stack=stack, ports=ports, record=record)
            preview = rehearsed.run("preview", "preview", *sections.preview_arguments(root, stack))
            parts = cycle.live(rehearsed) if whole_cycle else []
            planned = Planned(root=root, stack=stack, config=config, digest=preview.digest)
            return Report(
                steps=sorted(preview.steps, key=lambda step: (step.token, step.name)),
                inspections=dict(sorted(record.of_stack(stack).items())),
                sources=rehearsed.sources(),
                bearing=sections.bearing(),
                undecided_changes=record.undecided_changes,
                sections=sections.judge(planned),
                cycle=parts,
            )


def missing_schemas() -> list[str]:
    """What is not installed, and what therefore nobody validates."""
    return [
        f"{name} is not installed: {what} are not checked"
        for name, what, source in (
            ("botocore", "the shapes of AWS's requests", botocore_models.source()),
            ("cfn-lint", "IAM policies, CloudFormation's limits and what a change replaces", cloudformation.source()),
        )
        if not source
    ]


def packages_of(target: str) -> tuple[str, ...]:
    """The packages whose providers are stood in for. Raises Failure for a target that has none yet."""
    cloud = target.partition("-")[0]
    if cloud not in PACKAGES:
        known = ", ".join(each for each in TARGETS if each.startswith(PACKAGES)) or "none yet"
        raise Failure(
            f"target '{target}' cannot be rehearsed: there is no description of its cloud.",
            f"targets that can: {known}",
            ExitCode.USAGE,
        )
    return PACKAGES


def foundation_of(target: str, environment: str) -> str | None:
    """The foundation stack that a target's stack reads; None for a foundation itself and where there is none."""
    assert environment in ENVIRONMENTS
    foundation = f"{target.partition('-')[0]}-foundation"
    return f"{foundation}-{environment}" if foundation in TARGETS and foundation != target else None


def below(config: Mapping[str, Any], usual: str | None) -> str | None:
    """The foundation stack that a config names; the usual one where it does not say what its stack stands on."""
    named = config.get("trimaran:foundation")
    if named:
        return str(named).rpartition("/")[2]
    return None if usual is None or set(config) >= _OF_ONES_OWN else usual


def _end(report: Report) -> None:
    """End with the first section that says no, after all have been shown."""
    refused = [(refusal, each.exit_code) for each in report.sections.values() for refusal in each.refusals]
    for sentence, _ in refused[1:]:
        say(f"also: {sentence}")
    if refused:
        raise Failure(refused[0][0], "the section above says what to do", refused[0][1])
