"""`promote` and `rollback`: from what a person typed to a version that has all the traffic, or none."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import stamina
from pydantic import TypeAdapter, ValidationError

from delivery.engine import engine_for, target_of
from delivery.failure import ExitCode, Failure
from delivery.platforms.metrics import MetricsError
from delivery.platforms.platform import BlueGreen
from delivery.platforms.records import Hold, RecordStore, UnreadableRecord
from delivery.platforms.targets import listed, platform_of, promotable
from delivery.platforms.traffic import Traffic
from delivery.promotion import dry_run, record, stages
from delivery.promotion.judging.steps import OnUndecided
from delivery.promotion.record import Change, Course, Outcome, Promotion
from delivery.promotion.reports import files, watch
from delivery.quality.run import CONCURRENCY
from delivery.quality.suite import load
from delivery.stack_file import StackFile
from delivery.terminal import data, data_json, say
from delivery.verdict import Verdict
from stacks.config import Candidate, ConfigError, ModelSettings, PromotedConfig, Rollout, StackConfig

KEYS: Mapping[str, str] = {"model": "model", "modelRevision": "model_revision", "systemPrompt": "system_prompt"}
EXIT_CODES = {
    Verdict.ROLL_BACK: ExitCode.GATE_SAID_NO,
    Verdict.NOT_ENOUGH_EVIDENCE: ExitCode.NOT_ENOUGH_EVIDENCE,
    Verdict.COULD_NOT_MEASURE: ExitCode.COULD_NOT_MEASURE,
}


def promote(
    root: Path,
    stack: str,
    *,
    settings: Sequence[str],
    image: str,
    suite: str,
    only_plan: bool,
    watching: bool,
    as_json: bool,
) -> None:
    """Run a promotion to its end, or go on with one that was broken off. Raises Failure with the verdict's exit code."""
    stamina.instrumentation.set_on_retry_hooks([])
    candidate = Change(settings=changes_of(settings)) if settings else None
    blue_green = _blue_green(root, stack)
    _refuse_image(blue_green, stack, target_of(root, stack), image)
    store = blue_green.records(root, stack)
    if watching and candidate is None and store.is_held():
        watch.follow(store.load)
        return
    with store.hold() as hold:
        promotion = _unfinished(store, stack, candidate)
        if promotion is None:
            promotion = _new(root, stack, blue_green, candidate, suite)
            if only_plan:
                dry_run.show(root, promotion, as_json=as_json)
                return
            promotion.low_traffic = _is_low_traffic(root, promotion)
        elif only_plan:
            raise Failure(
                f"a promotion of stack '{stack}' is unfinished.", f"./trimaran rollback {stack}", ExitCode.USAGE
            )
        _drive(root, promotion, blue_green, hold, watching=watching)
    _finish(root, promotion, as_json=as_json)


def rollback(root: Path, stack: str) -> None:
    """All traffic back to the version before, from any state, without asking anything of anybody. Raises Failure."""
    stamina.instrumentation.set_on_retry_hooks([])
    store = _blue_green(root, stack).records(root, stack)
    with store.hold() as hold:
        stages.taken_back(root, stack, _readable(store, stack, hold), hold, say)


def _readable(store: RecordStore, stack: str, hold: Hold) -> Promotion | None:
    """The last promotion. A record that says nothing is no reason to leave the traffic where it is: it is set aside.

    Raises Failure for one that could not be read just now, which stays: it may say what blue was.
    """
    try:
        return record.load(store, stack)
    except UnreadableRecord as unreadable:
        aside = hold.set_aside()
        say(f"{unreadable.sentence} It is kept as {aside}; config says what blue is.")
        return None


def changes_of(settings: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE`s as the candidate's settings. Raises Failure."""
    changes: dict[str, str] = {}
    for pair in settings:
        key, equals, value = pair.partition("=")
        if key not in KEYS or not equals:
            raise Failure(
                f"--set {pair} is not KEY=VALUE with one of the keys {', '.join(KEYS)}.",
                "--set systemPrompt='Answer in one sentence.'",
                ExitCode.USAGE,
            )
        changes[key] = value
    return changes


def course_of(rollout: Rollout, traffic: Traffic, target: str) -> Course:
    """What config wants, in steps that the platform can make; where they are others, that is said."""
    ladder = traffic.ladder(rollout.steps)
    if ladder != rollout.steps:
        say(f"the steps are {_steps(ladder)}, not {_steps(rollout.steps)}: target '{target}' can make no others")
    return Course(
        steps=ladder,
        max_bake_s=rollout.max_bake_s,
        margin_points=rollout.margin_points,
        on_undecided=OnUndecided(rollout.on_undecided.value),
    )


def _blue_green(root: Path, stack: str) -> BlueGreen:
    target = target_of(root, stack)
    blue_green = platform_of(target).blue_green
    if blue_green is None:
        raise Failure(
            f"target '{target}' cannot be promoted yet: only {listed(promotable())} can.",
            f"./trimaran up {stack}",
            ExitCode.USAGE,
        )
    return blue_green


def _refuse_image(blue_green: BlueGreen, stack: str, target: str, image: str) -> None:
    if image and "@sha256:" not in image:
        raise Failure(
            f"--image {image} is a tag, which can mean another image tomorrow.",
            "--image registry/name@sha256:…",
            ExitCode.USAGE,
        )
    if image and not blue_green.runs_images:
        raise Failure(
            f"--image is set, but the target '{target}' runs the source tree, not an image.",
            f"./trimaran promote {stack} --set KEY=VALUE",
            ExitCode.USAGE,
        )


def _unfinished(store: RecordStore, stack: str, candidate: Change | None) -> Promotion | None:
    """A promotion that was broken off, to go on with. Raises Failure where another one is asked for."""
    promotion = record.load(store, stack)
    if promotion is None or promotion.is_over:
        if candidate is None:
            raise Failure(
                "there is no unfinished promotion, and nothing was named to promote.",
                f"./trimaran promote {stack} --set systemPrompt='Answer in one sentence.'",
                ExitCode.USAGE,
            )
        return None
    if candidate not in (None, promotion.candidate):
        raise Failure(
            f"a promotion of {_shown(promotion.candidate)} is unfinished, at '{promotion.phase}'.",
            f"go on with it: ./trimaran promote {stack}   or take it back: ./trimaran rollback {stack}",
            ExitCode.USAGE,
        )
    say(f"going on with the promotion of {_shown(promotion.candidate)}, at '{promotion.phase}'")
    promotion.outcome = None
    return promotion


def _new(root: Path, stack: str, blue_green: BlueGreen, candidate: Change | None, suite: str) -> Promotion:
    """Everything that can be wrong is found here, before anything is changed. Raises Failure."""
    assert candidate is not None
    load(suite)
    file = StackFile(root=root, stack=stack)
    config = file.parse_as(PromotedConfig)
    if config.candidate is not None:
        raise Failure(
            f"trimaran:candidate of stack '{stack}' is set, and no promotion knows of it.",
            f"./trimaran rollback {stack}",
            ExitCode.USAGE,
        )
    revisions = _revisions(root, blue_green, config, candidate)
    outputs = engine_for(root, stack).outputs()
    if not outputs:
        raise Failure(f"stack '{stack}' is not deployed: there is nothing to promote from.", f"./trimaran up {stack}")
    if outputs["revision"] != revisions["blue"]:
        raise Failure(
            f"the source tree or the config of stack '{stack}' has changed since it was deployed"
            f" ({outputs['revision']}, now {revisions['blue']}): green would differ by more than you name.",
            f"./trimaran up {stack}",
        )
    began = time.gmtime()
    return Promotion(
        id=f"{time.strftime('%Y%m%dT%H%M%S', began)}-{revisions['green']}",
        stack=stack,
        target=config.target,
        candidate=candidate,
        previous=_written(config.settings),
        blue=revisions["blue"],
        green=revisions["green"],
        suite=suite,
        began_at=record.now(),
        rollout=course_of(config.rollout, blue_green.traffic(outputs), config.target),
    )


def _revisions(root: Path, blue_green: BlueGreen, config: StackConfig, candidate: Change) -> Mapping[str, str]:
    try:
        settings = TypeAdapter(ModelSettings).validate_python(candidate.settings)
        return blue_green.revisions(config, root, Candidate(settings=settings))
    except ValidationError as error:
        wrong = error.errors()[0]
        raise Failure(
            f"--set {wrong['loc'][0]}={wrong['input']} is no value: {wrong['msg']}.", "", ExitCode.USAGE
        ) from None
    except ConfigError as error:
        raise Failure(
            error.sentence.replace("trimaran:candidate.settings.", "--set "), error.hint, ExitCode.USAGE
        ) from None


def _written(settings: ModelSettings | None) -> dict[str, str] | None:
    """Settings as they stand in the config file."""
    if settings is None:
        return None
    return {key: value for key, name in KEYS.items() if (value := getattr(settings, name)) is not None} or None


def _is_low_traffic(root: Path, promotion: Promotion) -> bool:
    """Whether callers alone would not decide within a step's time. Nothing is changed by asking."""
    try:
        plan = dry_run.plan_of(root, promotion, dry_run.GLANCE_S)
    except MetricsError as error:
        sentence = str(error).partition("\n")[0]
        raise Failure(
            f"what the stack does now cannot be measured: {sentence}.",
            f"./trimaran up {promotion.stack}",
            ExitCode.COULD_NOT_MEASURE,
        ) from None
    if all(step.fits for step in plan.steps):
        return False
    say("callers alone would not decide in time: the suite's prompts go to both sides as well, at each step")
    return True


def _drive(root: Path, promotion: Promotion, blue_green: BlueGreen, hold: Hold, *, watching: bool) -> None:
    config = StackFile(root=root, stack=promotion.stack).parse()
    one_at_a_time = blue_green.answers_one_at_a_time(config, root)
    with watch.Watching() if watching else nullcontext() as live:
        quiet = live is not None and live.is_shown
        stages.Stages(
            root=root,
            promotion=promotion,
            hold=hold,
            concurrency=1 if one_at_a_time else CONCURRENCY,
            tell=(lambda line: None) if quiet else say,
            show=(lambda state: live.show(state.as_json())) if live is not None else lambda state: None,
        ).run()


def _finish(root: Path, promotion: Promotion, *, as_json: bool) -> None:
    """Writes the reports and ends with the verdict's exit code."""
    path = files.write(root, promotion).relative_to(root)
    say(f"report: {path}")
    if as_json:
        data_json("promote", promotion.stack, result_of(promotion))
    if promotion.outcome is Outcome.PROMOTED:
        if not as_json:
            data(f"promoted: {promotion.green} has all the traffic of {promotion.stack}")
        return
    verdict = promotion.verdict or Verdict.COULD_NOT_MEASURE
    what = "held" if promotion.outcome is Outcome.HELD else "rolled back"
    raise Failure(f"{what}: {promotion.words}", f"the report has every number: {path}", EXIT_CODES[verdict])


def result_of(promotion: Promotion) -> dict[str, Any]:
    """The result by the names that all parts share."""
    last = promotion.steps[-1].judgement.as_json()["measures"] if promotion.steps else []
    return {
        "step": promotion.phase,
        "split": {"blue": 100 - promotion.share, "green": promotion.share},
        "verdict": promotion.verdict,
        "outcome": promotion.outcome,
        "words": promotion.words,
        "blue": promotion.blue,
        "green": promotion.green,
        "measures": last,
    }


def _shown(candidate: Change) -> str:
    return ", ".join(f"{key}={value}" for key, value in candidate.settings.items())


def _steps(steps: Sequence[int]) -> str:
    return f"{', '.join(map(str, steps))} %"
