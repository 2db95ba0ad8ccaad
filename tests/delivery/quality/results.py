"""Evaluations made of passes and failures, for the tests of the comparison."""

from __future__ import annotations

from collections.abc import Sequence

from delivery.quality.answer import Answer
from delivery.quality.checking import CheckResult
from delivery.quality.evaluation import CaseResult, Evaluation, Run


def run_of(score: float) -> Run:
    return Run(
        answer=Answer(status=200, text="x", model="m"),
        results=(CheckResult(kind="exact", passed=score >= 1, score=score, wanted="x"),),
    )


def evaluation(
    scores: Sequence[Sequence[float]], *, graded: bool = False, weights: Sequence[float] = (), digest: str = "d"
) -> Evaluation:
    """A case for each inner sequence, which has the scores of its repeats."""
    return Evaluation(
        side="blue",
        url="http://x",
        suite="s",
        suite_digest=digest,
        graded=graded,
        revision="r",
        cases=tuple(
            CaseResult(
                id=f"c{number}",
                question="?",
                tags=(),
                weight=weights[number] if weights else 1,
                runs=tuple(map(run_of, each)),
            )
            for number, each in enumerate(scores)
        ),
    )


def passes(*counts: tuple[int, float, float]) -> tuple[Evaluation, Evaluation]:
    """Blue and green of so many cases with these scores."""
    pairs = [(blue, green) for count, blue, green in counts for _ in range(count)]
    return evaluation([[blue] for blue, _ in pairs]), evaluation([[green] for _, green in pairs])
