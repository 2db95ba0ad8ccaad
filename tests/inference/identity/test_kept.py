"""A credential that ends: one fetch for all that wait, the next before the end, and the old one as long as it holds."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
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
    """And a request that comes later asks again."""
    giver = Giver()
    giver.fails = True
    token = giver.kept()
    with pytest.raises(Failure, match=r"backend 'a': the metadata server said 404") as failed:
        await token.get()
    assert failed.value.kind is Kind.MISCONFIGURED
    giver.fails = False
    giver.now += kept.AGAIN_S

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


async def test_where_there_is_none_not_every_request_asks() -> None:
    """Twenty requests one after the other are one fetch, and each hears the same reason."""
    giver = Giver()
    giver.fails = True
    token = giver.kept()
    said = set()
    for _ in range(20):
        with pytest.raises(Failure) as failed:
            await token.get()
        said.add(failed.value.reason)
    assert (said, giver.asked) == ({"backend 'a': the metadata server said 404"}, 1)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("sk-secret"),
        AttributeError("sk-secret"),
        TypeError("sk-secret"),
        OverflowError("sk-secret"),
        IsADirectoryError("sk-secret"),
        RecursionError("sk-secret"),
        SystemExit("sk-secret"),
    ],
)
async def test_whatever_a_fetch_raises_is_told_by_its_type_alone(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """To the request that waits and in the log: vendors' packages quote what a server said."""
    giver = Giver()
    token = Kept("a", _raising(error), early_s=300, clock=lambda: giver.now)
    with pytest.raises(Failure, match=rf"a: it could not be fetched \({type(error).__name__}\)") as failed:
        await token.get()
    assert failed.value.kind is Kind.MISCONFIGURED
    assert "sk-secret" not in f"{failed.value} {caplog.text}"


def _raising(error: BaseException) -> Callable[[], Fetched[str]]:
    def fetch() -> Fetched[str]:
        raise error

    return fetch


async def test_renewal_goes_on_behind_any_error(caplog: pytest.LogCaptureFixture) -> None:
    """In the background nobody but the log hears of it, and the next time is set."""
    giver = Giver()
    token = giver.kept()
    await token.get()
    due, token._fetch = token._due, _raising(KeyError("sk-secret"))
    await token._begin()
    assert "could not be fetched (KeyError) (the one that there is still holds)" in caplog.text
    assert "sk-secret" not in caplog.text
    assert token._due is not due
    assert token._due is not None
    assert not token._due.cancelled()
    await token.aclose()


@pytest.mark.parametrize("ends_at", [math.inf, math.nan, -math.inf, -5.0])
async def test_an_end_that_is_none_brings_no_credential(ends_at: float) -> None:
    """Neither one that is for ever nor one that is over: the one that there is stays."""
    giver = Giver()
    token = giver.kept()
    await token.get()
    token._fetch = lambda: Fetched("odd", ends_at)
    await token._begin()
    assert await token.get() == "token-1"
    await token.aclose()


async def test_a_fetch_that_hangs_is_one_thread_and_none_of_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's threads look up names for all other backends. What comes late is taken."""
    monkeypatch.setattr(kept, "FETCH_S", 0.02)
    giver = Giver()
    giver.may_answer.clear()
    token = giver.kept()
    before = threading.active_count()
    for _ in range(8):
        with pytest.raises(Failure, match=r"nothing came within 0.02 s"):
            await token.get()
        giver.now += kept.AGAIN_S
    assert threading.active_count() == before + 1
    giver.may_answer.set()
    await until(lambda: giver.asked == 1)
    monkeypatch.setattr(kept, "FETCH_S", PATIENCE_S)
    assert (await token.get(), giver.asked) == ("token-1", 1)
    await token.aclose()


_HANGS = """
import asyncio, threading
from app.inference.identity.kept import Kept
async def main():
    asyncio.create_task(Kept("a", threading.Event().wait, early_s=1).get())
    await asyncio.sleep(0.05)
asyncio.run(main())
"""


def test_the_process_ends_while_a_fetch_hangs() -> None:
    """A metadata server that is silent holds up no stop of the app."""
    assert subprocess.run([sys.executable, "-c", _HANGS], check=False, timeout=60).returncode == 0


async def test_who_waits_when_it_is_closed_hears_a_failure() -> None:
    """A request that is cancelled would not be tried with the next backend."""
    giver = Giver()
    giver.may_answer.clear()
    token = giver.kept()
    waiting = asyncio.create_task(token.get())
    await asyncio.sleep(0.01)
    await token.aclose()
    with pytest.raises(Failure, match="the app or its routes changed"):
        await waiting
    giver.may_answer.set()


async def test_one_that_is_closed_sets_no_time() -> None:
    """A request of the routes that were replaced may still have it fetched, once."""
    giver = Giver()
    token = giver.kept()
    await token.aclose()
    assert await token.get() == "token-1"
    assert token._due is None
