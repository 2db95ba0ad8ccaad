"""`rehearse STACK`: the real engine runs the stack's real program, and every input is checked, with no account at all."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from delivery.failure import ExitCode, Failure
from delivery.rehearsal import cycle
from delivery.rehearsal.bearing import Bearing
from delivery.rehearsal.cost import CostSection
from delivery.rehearsal.policies import PoliciesSection
from delivery.rehearsal.prepared import clouds_of, prepared
from delivery.rehearsal.report import RehearsalReport
from delivery.rehearsal.sections import RehearsedPlan, Section
from delivery.rehearsal.targets import foundation_of, packages_of
from delivery.terminal import data_json, say
from stacks.targets import TARGETS, named_in, unknown_target


def rehearse(root: Path, stack: str, *, whole_cycle: bool, as_json: bool) -> None:
    """Rehearse a stack and print what came of it. Raises Failure for a wrong input, or when a gate says no."""
    target, environment = named_in(stack)
    if target not in TARGETS:
        able = [name for name, each in TARGETS.items() if not each.is_here]
        meant = next(iter(difflib.get_close_matches(target, able, n=1, cutoff=0.5)), able[0])
        raise Failure(unknown_target(target), f"./trimaran rehearse {meant}", ExitCode.USAGE)
    report = perform(
        root,
        stack,
        packages_of(target),
        foundation=foundation_of(target, environment),
        whole_cycle=whole_cycle,
        sections=(PoliciesSection(), CostSection()),
    )
    if as_json:
        data_json("rehearse", stack, report.json())
    else:
        report.show()
    _end(report)


def perform(
    root: Path,
    stack: str,
    packages: Sequence[str],
    *,
    foundation: str | None,
    whole_cycle: bool,
    sections: Sequence[Section] = (),
) -> RehearsalReport:
    """Run the stack's program, after its foundation's, with these packages stood in for; the sections judge its plan."""
    clouds = clouds_of(packages)
    for each in clouds:
        for missing in each.missing():
            say(f"  ! {missing}")
    with prepared(root, stack, clouds, foundation) as rehearsed:
        preview = rehearsed.run("preview", "preview")
        parts = cycle.live(rehearsed, packages) if whole_cycle else []
        planned = RehearsedPlan(stack=stack, config=rehearsed.config, digest=preview.digest)
        return RehearsalReport(
            steps=sorted(preview.steps, key=lambda step: (step.token, step.name)),
            inspections=dict(sorted(rehearsed.record.of_stack(stack).items())),
            sources=rehearsed.sources(),
            bearing=Bearing.of(packages, (pair for each in sections for pair in each.reads())),
            undecided_changes=rehearsed.record.undecided_changes,
            sections={each.name: each.judge(planned) for each in sections},
            cycle=parts,
        )


def _end(report: RehearsalReport) -> None:
    """End with the first section that says no, after all have been shown."""
    refused = [(refusal, each.exit_code) for each in report.sections.values() for refusal in each.refusals]
    for sentence, _ in refused[1:]:
        say(f"also: {sentence}")
    if refused:
        raise Failure(refused[0][0], "the section above says what to do", refused[0][1])
