"""The same prompts sent to both sides while callers use them: sampled quality, and pairs where there is little traffic."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

from delivery.evidence import Moments, log_of
from delivery.promotion.judging.measure import Measure
from delivery.quality.answer import Answer
from delivery.quality.compare import Comparison, compare
from delivery.quality.evaluation import Evaluation
from delivery.quality.run import evaluate
from delivery.quality.side import Side
from delivery.quality.store import Store
from delivery.quality.suite import Suite
from delivery.verdict import Verdict

SAMPLE = (
    20  # cases of a step's sample: enough to notice a version that has become much worse, not to compare two good ones
)
ROUND = 10  # cases at a time where there is little traffic, so that the counters are read in between
CONCURRENCY = 1  # one side is asked at a time: two models on one machine would measure each other's load


def sample(suite: Suite, size: int, seed: str) -> Suite:
    """Some of a suite's cases, the same ones for the same seed."""
    cases = random.Random(seed).sample(suite.cases, min(size, len(suite.cases)))
    return suite.model_copy(update={"cases": tuple(cases)})


def ask_both(sides: Mapping[str, Side], suite: Suite, judge: Side | None) -> tuple[Evaluation, Evaluation]:
    """Both sides, asked now: nothing that they said before counts. Raises Failure."""
    with tempfile.TemporaryDirectory() as scratch, Store(Path(scratch) / "answers.sqlite") as store:
        blue, green = asyncio.run(
            evaluate([sides["blue"], sides["green"]], suite, store=store, judge=judge, concurrency=CONCURRENCY)
        )
    return blue, green


def quality(blue: Evaluation, green: Evaluation, margin_points: float) -> tuple[Measure, Comparison]:
    """Whether a sample shows that green has become worse. That it is not worse was shown before it had any traffic."""
    seen = compare(blue, green, margin_points)
    worse = seen.verdict is Verdict.ROLL_BACK
    measure = Measure(
        name="quality",
        verdict=Verdict.ROLL_BACK if worse else Verdict.PROMOTE,
        words=f"on {seen.cases} sampled cases {seen.words if worse else 'not shown to be worse'}",
        blue={"passed_points": seen.blue_points},
        green={"passed_points": seen.green_points},
        statistic=seen.upper_points,
        roll_back_at=-margin_points,
        numbers={"lower_points": seen.lower_points, "discordant": float(seen.discordant)},
    )
    return measure, seen


def pairs(blue: Evaluation, green: Evaluation) -> dict[str, Moments]:
    """Green's logarithm minus blue's of each prompt that both answered, by measure."""
    found: dict[str, Moments] = {}
    for first, second in zip(blue.runs, green.runs, strict=True):
        ours, theirs = _values(first.answer), _values(second.answer)
        for name in ours.keys() & theirs.keys():
            ratio = log_of(name, theirs[name]) - log_of(name, ours[name])
            found[name] = found.get(name, Moments()) + Moments(1, ratio, ratio * ratio)
    return found


def _values(answer: Answer) -> dict[str, float]:
    """Seconds, tokens and USD of one answer, by the names of the app's measures; what it did not tell is left out."""
    if answer.failure:
        return {}
    values: dict[str, float] = {}
    if answer.first_token_ms is not None:
        values["first_token"] = answer.first_token_ms / 1000
        if answer.tokens_out and answer.tokens_out > 1:
            values["between_tokens"] = (answer.total_ms - answer.first_token_ms) / 1000 / (answer.tokens_out - 1)
    if answer.tokens_in is not None and answer.tokens_out is not None:
        values["tokens"] = float(answer.tokens_in + answer.tokens_out)
    if answer.usd is not None:
        values["usd"] = float(answer.usd)
    return values
