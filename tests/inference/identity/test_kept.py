"""A credential that ends: one fetch for all that wait, the next before the end, and the old one as long as it holds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from app.inference.identity import kept
from app.inference.identity.kept import Fetched, Kept, NotGiven
from app.logic.answer import Failure, Kind
from tests.clock import PATIENCE_S

HOUR_S = 3600.0


class Giver:
    """Gives one token after the other, each for an hour, or fails while it ``fails``."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.fails = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    def fetch(self) -> Fetched[str]:
        assert self.may_answer.wait(PATIENCE_S)
        self.asked += 1
        if self.fails:
            raise NotGiven("the metadata server said 404")
        return Fetched(f"token-{self.asked}", self.now + HOUR_S)

    def kept(self) -> Kept[str]:
        return Kept("backend 'a'", self.fetch, early_s=300, clock=lambda: self.now)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.005)


async def test_all_that_wait_share_one_fetch() -> None:
    """Twenty first requests are one call of the metadata server; one that leaves takes it from nobody."""
    giver = Giver()
    giver.may_answer.clear()
    token = giver.kept()
    waiting = [asyncio.create_task(token.get()) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    giver.may_answer.set()

    assert set(await asyncio.gather(*waiting[1:])) == {"token-1"}
    assert giver.asked == 1
    await token.aclose()


async def test_the_next_is_fetched_before_the_end_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is fetched, requests have the one that still holds."""
    monkeypatch.setattr(kept, "AGAIN_S", 0.0)
    giver = Giver()
    token = giver.kept()
    assert await token.get() == "token-1"
    giver.may_answer.clear()
    giver.now += HOUR_S - 200
    token._schedule()
    await asyncio.sleep(0.02)

    assert await token.get() == "token-1"
    giver.may_answer.set()
    await until(lambda: giver.asked >= 2)
    await until(lambda: token._have is not None and token._have.value != "token-1")
    await token.aclose()


async def test_one_that_ended_while_nobody_asked_is_fetched_anew() -> None:
    """A machine that was suspended wakes with an old one."""
    giver = Giver()
    token = giver.kept()
    await token.get()
    giver.now += HOUR_S + 1

    assert await token.get() == "token-2"
    await token.aclose()


async def test_no_credential_is_a_misconfiguration_with_its_reason() -> None:
    """And the next request asks again."""
    giver = Giver()
    giver.fails = True
    token = giver.kept()
    with pytest.raises(Failure, match=r"backend 'a': the metadata server said 404") as failed:
        await token.get()
    assert failed.value.kind is Kind.MISCONFIGURED
    giver.fails = False

    assert await token.get() == "token-2"
    await token.aclose()


async def test_a_fetch_that_fails_leaves_the_one_that_holds(caplog: pytest.LogCaptureFixture) -> None:
    """A metadata server that hiccups five minutes before the end fails no request."""
    giver = Giver()
    token = giver.kept()
    await token.get()
    giver.fails = True
    await token._begin()

    assert await token.get() == "token-1"
    assert "the one that there is still holds" in caplog.text
    await token.aclose()


async def test_one_that_has_ended_early_is_fetched_anew_and_has_one_timer() -> None:
    """Whoever had the last one but one throws nothing away; the old one's time to be fetched is off."""
    giver = Giver()
    token = giver.kept()
    first = await token.get()
    due = token._due
    token.ended(first)
    second = await token.get()
    token.ended(first)
    assert (first, second, await token.get(), giver.asked) == ("token-1", "token-2", "token-2", 2)
    assert due is not None
    assert due.cancelled()
    await token.aclose()


async def test_one_that_is_refused_as_soon_as_it_came_stays() -> None:
    """Whoever lacks a right would have one fetched for each request; later it may have been taken back."""
    giver = Giver()
    token = giver.kept()
    first = await token.get()
    token.refused(first)
    assert await token.get() == "token-1"
    giver.now += kept.AGAIN_S
    token.refused(first)
    assert await token.get() == "token-2"
    await token.aclose()
