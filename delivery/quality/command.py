"""`eval URL --suite …`: asks a version every case of a suite and says how well it answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import stamina
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from delivery import html_file
from delivery.failure import ExitCode, Failure
from delivery.quality import page, report, store
from delivery.quality.run import evaluate
from delivery.quality.side import Side
from delivery.quality.suite import Suite, load
from delivery.terminal import data_json, say


def evaluation(
    root: Path,
    url: str,
    suite_name: str,
    *,
    key_env: str,
    repeats: int,
    concurrency: int,
    html: Path | None,
    min_pass: float,
    as_json: bool,
) -> None:
    """Evaluate and print. Raises Failure with exit code 2 for a wrong suite, 5 where nobody answers, 3 where too few cases pass."""
    suite = load(suite_name)
    html_file.check(html)
    side = Side(name="answers", url=_address(url), key=_key(key_env, os.environ))
    judge = judge_of(suite, os.environ)
    stamina.instrumentation.set_on_retry_hooks([])
    with store.Store(root / store.PATH) as answers, _progress(suite.name) as on_done:
        [done] = asyncio.run(
            evaluate(
                [side],
                suite,
                store=answers,
                judge=judge,
                repeats=repeats,
                concurrency=concurrency,
                on_done=on_done,
            )
        )
    if done.kept:
        say(f"{done.kept} of {len(done.runs)} answers are from the last day; to ask again: rm {store.PATH}")
    if as_json:
        data_json("eval", None, done.as_json())
    else:
        report.show(done)
    if html is not None:
        html_file.write(html, page.render([done]))
    if 100 * done.pass_share < min_pass:
        raise Failure(
            f"{100 * done.pass_share:.1f} % of the suite '{suite.name}' passed, {min_pass:g} % must.",
            "each failing case, with what was expected: --html report.html",
            ExitCode.GATE_SAID_NO,
        )


def judge_of(suite: Suite, environment: Mapping[str, str]) -> Side | None:
    """The side that judges, for a suite that names one. Raises Failure where its key is not set."""
    if suite.judge is None:
        return None
    return Side(name="judge", url=str(suite.judge.url), key=_key(suite.judge.key_env, environment))


def _address(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _key(name: str, environment: Mapping[str, str]) -> str:
    if name and not environment.get(name):
        raise Failure(
            f"the environment variable {name}, which is to hold the key, is not set.",
            f"export {name}=…",
            ExitCode.USAGE,
        )
    return environment[name] if name else ""


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
