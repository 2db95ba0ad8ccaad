"""Who gets the places at a full backend: the keys take turns, whoever came first within a key, and nobody who came later than those that wait."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from app.logic.answer import Failure
from app.logic.queue import Queue
from app.logic.router import Router
from tests.logic.backends import ScriptedBackend, end, text
from tests.logic.routing import call, joined, record, router

ONE = [text("x"), end()]


@dataclass
class Backend:
    """A backend of which only the places matter."""

    name: str = "a"
    places: int = 0
    kept: int = 0

    @property
    def has_room(self) -> bool:
        return self.places > self.kept


class Line:
    """Callers of one queue, in the order in which they were served, or given up."""

    def __init__(self, queue: Queue, *backends: Backend) -> None:
        self.queue = queue
        self.backends = {backend.name: backend for backend in backends or (Backend(),)}
        self.served: list[str] = []
        self.given_up: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str, at: str = "a") -> None:
        """A name is its key and a number: `ann1`."""
        for name in names:
            self.tasks[name] = asyncio.create_task(self._wait(name, at))
            await asyncio.sleep(0)

    async def _wait(self, name: str, at: str) -> None:
        deadline = asyncio.get_running_loop().time() + 10
        try:
            await self.queue.room("chat", name.rstrip("0123456789"), list(at), deadline)
        except Failure:
            self.given_up.append(name)
        else:
            next(backend for backend in self.backends.values() if backend.has_room).places -= 1
            self.served.append(name)

    async def free(self, backend: str = "a") -> None:
        self.backends[backend].places += 1
        self.queue.freed(self.backends[backend])
        for _ in range(3):
            await asyncio.sleep(0)

    async def go_home(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def test_first_come_first_served_within_a_key() -> None:
    """A freed place goes to whoever has waited longest for that backend; those who wait for another are not disturbed."""
    line = Line(Queue(), Backend("a"), Backend("b"))
    await line.come("ann1", at="b")
    await line.come("ann2", "ann3", at="a")
    await line.free("a")
    assert line.served == ["ann2"]
    await line.free("b")
    await line.free("a")
    assert line.served == ["ann2", "ann1", "ann3"]


async def test_free_places_go_round_the_keys() -> None:
    """However many of one key wait, each other key that waits has its turn before that one's next."""
    line = Line(Queue())
    await line.come("ann1", "ann2", "ann3", "ann4", "bob1", "bob2", "cid1")
    for _ in range(7):
        await line.free()
    assert line.served == ["ann1", "bob1", "cid1", "ann2", "bob2", "ann3", "ann4"]


async def test_a_full_queue_gives_up_the_newest_of_the_key_with_the_most_in_it() -> None:
    """A key with fewer is let in for it, until it would have as many itself."""
    line = Line(Queue(max_waiting=4))
    await line.come("ann1", "ann2", "ann3", "ann4", "bob1", "bob2", "bob3", "ann5")
    assert line.given_up == ["ann4", "ann3", "bob3", "ann5"]
    assert line.queue.waiting["chat"] == 4
    for _ in range(4):
        await line.free()
    assert line.served == ["ann1", "bob1", "ann2", "bob2"]
    assert line.queue.waiting["chat"] == 0


async def test_a_full_queue_of_one_key_refuses_that_key() -> None:
    """Those that wait already are not given up for more of their own."""
    line = Line(Queue(max_waiting=2))
    await line.come("ann1", "ann2", "ann3")
    assert line.given_up == ["ann3"]
    await line.go_home()


async def test_a_place_is_kept_for_the_one_who_waited() -> None:
    """Between the moment when it is free and the one in which the waiting request goes on nobody else can take it."""
    line = Line(Queue())
    await line.come("ann1")
    line.backends["a"].places = 1
    line.queue.freed(line.backends["a"])
    assert not line.backends["a"].has_room
    await asyncio.sleep(0.01)
    assert line.served == ["ann1"]
    assert line.backends["a"].kept == 0


@pytest.mark.parametrize("when", ["waiting", "served"])
async def test_a_place_goes_on_when_its_caller_has_left(when: str) -> None:
    """One who leaves while a place is kept for it, or before, does not keep it from the next."""
    line = Line(Queue())
    await line.come("ann1", "bob1")
    if when == "waiting":
        line.tasks["ann1"].cancel()
    line.backends["a"].places = 1
    line.queue.freed(line.backends["a"])
    line.tasks["ann1"].cancel()
    await asyncio.sleep(0.01)
    assert (line.served, line.queue.waiting["chat"], line.backends["a"].kept) == (["bob1"], 0, 0)


async def test_a_place_that_is_not_taken_goes_on() -> None:
    """One who waited for two backends may take the other: the next one gets this place."""
    line = Line(Queue(), Backend("b"), Backend("a"))
    await line.come("ann1", at="ab")
    await line.come("bob1", at="a")
    line.backends["a"].places = 1
    line.queue.freed(line.backends["a"])
    line.backends["b"].places = 1  # and nobody else waits there
    await asyncio.sleep(0.01)
    assert line.served == ["ann1", "bob1"]


async def test_every_other_key_is_served_beside_one_that_asks_for_all() -> None:
    """One key has every place and fills the queue, and asks again as often as it is refused; another key's requests are answered."""
    backend = ScriptedBackend(name="a", steps=[0.002, *ONE])
    small = router(backend, max_running=4, limits="{total_s: 5}")
    small.queue._max_waiting = 16

    async def greedy() -> None:
        while True:
            with contextlib.suppress(Failure):
                await ask(small, "ann")
            await asyncio.sleep(0.0005)

    crowd = [asyncio.create_task(greedy()) for _ in range(60)]
    try:
        await asyncio.sleep(0.02)
        async with asyncio.timeout(5):
            assert [await ask(small, "bob") for _ in range(10)] == ["x"] * 10
    finally:
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
    assert (small.queue.waiting["chat"], small.running()) == (0, 0)


async def ask(asked: Router, key: str) -> str:
    return await joined(await asked.open(replace(call(), key=key), record()))
