"""An evaluation as a person reads it in a terminal: the sums, the tags, what failed."""

from __future__ import annotations

from delivery.quality.evaluation import CaseResult, Evaluation, pass_share
from delivery.terminal import data, table

_SHOWN = 72


def show(evaluation: Evaluation) -> None:
    """Print it on stdout."""
    failed = [case for case in evaluation.cases if not case.passed]
    if evaluation.by_tag():
        table(("tag", "cases", "passed", "share"), [_tag(name, cases) for name, cases in evaluation.by_tag().items()])
        data("")
    if failed:
        table(("failed", "wanted", "answered"), [_failure(case) for case in failed])
        data("")
    data("\n".join(_sums(evaluation)))


def _sums(evaluation: Evaluation) -> list[str]:
    cases, version = len(evaluation.cases), " ".join((evaluation.revision or evaluation.url, *evaluation.models))
    first = _times(evaluation, "first_token_ms")
    whole = _times(evaluation, "total_ms")
    usd = "unknown" if evaluation.usd is None else f"{evaluation.usd:f} USD"
    return [
        f"suite {evaluation.suite} ({evaluation.suite_digest}) at {version}",
        f"passed {evaluation.passed} of {cases} cases; share by weight {evaluation.pass_share:.1%}",
        f"first token {first}; whole answer {whole}; cost {usd}",
    ]


def _times(evaluation: Evaluation, name: str) -> str:
    half, most = (evaluation.quantile_ms(lambda answer: getattr(answer, name), share) for share in (0.5, 0.95))
    return "not streamed" if half is None or most is None else f"{half:.0f} ms (95 %: {most:.0f} ms)"


def _tag(name: str, cases: tuple[CaseResult, ...]) -> tuple[str, str, str, str]:
    return name, str(len(cases)), str(sum(case.passed for case in cases)), f"{pass_share(cases):.0%}"


def _failure(case: CaseResult) -> tuple[str, str, str]:
    run = next(each for each in case.runs if not each.passed)
    wanted = next(each.wanted for each in run.results if not each.passed)
    return case.id, _short(wanted), _short(run.answer.failure or run.answer.text or "(nothing)")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
