"""A promotion as it runs, in the terminal: handed each state by who drives it, or read from its record by who only looks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from delivery.promotion.reports.screen import view
from delivery.terminal import say

FOLLOW_EVERY_S = 0.5


class Watching:
    """Shows the state that it was handed last, with the time going on; nothing where standard error is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._state: Mapping[str, Any] | None = None
        # Standard output keeps carrying data, and is not drawn over.
        self._live = Live(console=self._console, get_renderable=self._view, refresh_per_second=2, redirect_stdout=False)

    @property
    def is_shown(self) -> bool:
        return self._console.is_terminal

    def __enter__(self) -> Watching:
        if self.is_shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.is_shown:
            self._live.stop()

    def show(self, state: Mapping[str, Any]) -> None:
        self._state = state
        if self.is_shown:
            self._live.refresh()

    def _view(self) -> RenderableType:
        return view(self._state, self._console.width, time.time()) if self._state else Text("")


def follow(load: Callable[[], str | None], stop: Callable[[], bool] = lambda: False) -> None:
    """Show the promotion that somebody else drives until it has an outcome, `stop()` or Ctrl-C; in a pipe, line by line."""
    told = 0
    with Watching() as live:
        while not stop():
            if (text := load()) is not None:
                state = json.loads(text)
                live.show(state)
                for each in [] if live.is_shown else state["history"][told:]:
                    say(f"{each['at']} {each['phase'].replace('_', ' '):10}{each['words']}")
                told = len(state["history"])
                if state["phase"] == "done" or state["outcome"]:
                    return
            time.sleep(FOLLOW_EVERY_S)
