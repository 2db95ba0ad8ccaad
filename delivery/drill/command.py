"""`drill --against FILE`: takes the first provider of a routes file away under load, in every way there is, and says what became of the answers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from delivery import html_file
from delivery.drill import app, figures, page, table
from delivery.drill.app import Drilled
from delivery.drill.door import Door
from delivery.drill.faults import Fault, named
from delivery.drill.figures import Limits
from delivery.drill.playing import Drill, Played
from delivery.failure import ExitCode, Failure, Interrupted
from delivery.quality.side import Unreachable
from delivery.quality.suite import Suite, load
from delivery.terminal import data_json, say


def drill(
    root: Path,
    against: Path,
    *,
    model: str,
    suite_name: str,
    faults: list[str],
    concurrency: int,
    limits: Limits,
    html: Path | None,
    as_json: bool,
) -> None:
    """Drill and print. Raises Failure with exit code 2 for what cannot be drilled, 5 where the app does not run, 3 for a limit that was broken."""
    chosen = named(faults)
    suite = load(suite_name)
    if suite.judge is not None:
        raise Failure(
            f"suite '{suite.name}' asks a judge, who takes time that a drill has not.",
            "a suite whose checks need none, such as general",
            ExitCode.USAGE,
        )
    drilled = app.drilled(against, model)
    html_file.check(html)
    passes = 1 + 2 * len(chosen)
    say(
        f"'{drilled.backend}' at {drilled.base_url} will be away {_times(len(chosen))}; left to answer: "
        f"{', '.join(drilled.others) or 'the last resorts'}.\n"
        f"About {passes * len(suite.cases):,} questions go to these providers, {concurrency} at a time."
    )
    try:
        played = asyncio.run(_played(root, drilled, suite, chosen, concurrency))
    except Unreachable as error:
        raise Failure(f"the app went away: {error}.", "", ExitCode.COULD_NOT_MEASURE) from None
    found = figures.of(played)
    if as_json:
        values = {"routes": str(against), "model": drilled.model, "backend": drilled.backend, "suite": suite.name}
        data_json("drill", None, {**values, "suite_digest": suite.digest, **found.as_json()})
    else:
        table.show(drilled, found, suite.name)
    if html is not None:
        html_file.write(html, page.render(drilled, suite.name, played, found))
    if broken := limits.broken(found):
        raise Failure("; ".join(broken) + ".", "each answer: --html report.html", ExitCode.GATE_SAID_NO)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


async def _played(root: Path, drilled: Drilled, suite: Suite, faults: list[Fault], concurrency: int) -> Played:
    from providers.machine.ports import free_port

    async with Door(drilled.base_url) as door, app.running(drilled, door.url, root, free_port()) as url:
        with _progress() as (on_phase, on_answer):
            playing = Drill(
                url, drilled.backend, suite, door, concurrency=concurrency, on_phase=on_phase, on_answer=on_answer
            )
            return await ended_by_signals(playing.play(faults))


async def ended_by_signals(playing: Coroutine[Any, Any, Played]) -> Played:
    """SIGTERM and SIGHUP end a drill as Ctrl-C does, so that the app that it started ends with it. Raises Interrupted."""
    task = asyncio.ensure_future(playing)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        raise Interrupted("stopped.") from None


@contextmanager
def _progress() -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """What is under way, on stderr: a line that counts where that is a terminal, else a line for each phase."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed} answers"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=None)

        def on_phase(words: str) -> None:
            shown.update(task, description=words)
            if not console.is_terminal:
                say(words)

        yield on_phase, lambda: shown.advance(task)
