"""Noticing that a caller has left, while its answer is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from starlette.types import Receive, Scope

LEAVING = "trimaran.leaving"  # in a scope: the Leaving of its connection

Tell = Callable[[], None]


class Watched(Protocol):
    def add(self, tell: Tell) -> None:
        """From now on calls ``tell`` once when the caller has left; at once when it is gone already. The body must have been read."""
        ...

    def discard(self, tell: Tell) -> None: ...


class Watch:
    """While entered, ``tell`` is called when the caller leaves."""

    def __init__(self, leaving: Watched, tell: Tell) -> None:
        self._leaving = leaving
        self._tell = tell

    def __enter__(self) -> None:
        self._leaving.add(self._tell)

    def __exit__(self, *_: object) -> None:
        self._leaving.discard(self._tell)


class Leaving:
    """One connection's. ``resume`` has it read on: a connection that is paused, after a long body, does not notice its end."""

    def __init__(self, resume: Callable[[], None]) -> None:
        self._resume = resume
        self._tells: list[Tell] = []
        self._gone = False

    def add(self, tell: Tell) -> None:
        self._tells.append(tell)
        self._resume()
        if self._gone:
            tell()

    def discard(self, tell: Tell) -> None:
        self._tells.remove(tell)

    def gone(self) -> None:
        """The connection is lost."""
        self._gone = True
        for tell in list(self._tells):
            tell()


class Receiving:
    """The same by plain ASGI, under a server that is not ours: a task on ``receive``, which costs a request 5 µs more."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._tasks: dict[Tell, asyncio.Task[None]] = {}

    def add(self, tell: Tell) -> None:
        self._tasks[tell] = asyncio.create_task(self._wait(tell))

    def discard(self, tell: Tell) -> None:
        self._tasks.pop(tell).cancel()

    async def _wait(self, tell: Tell) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        tell()


def watched(scope: Scope, receive: Receive) -> Watched:
    leaving: Leaving | None = scope.get(LEAVING)
    return Receiving(receive) if leaving is None else leaving
