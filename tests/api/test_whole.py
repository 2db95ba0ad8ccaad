"""Whole answers: watched while they are written where another backend could give them, and the same for the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from tests.api.serving import CHAT, serving, settled, until
from tests.api.upstream import DONE, USAGE_CHUNK, Exchange, Script, chunk, complete, cut, silence, upstream
from tests.clock import Clock

LIMITS = "{first_token_s: 5, between_tokens_s: 5, total_s: 60}"
OVER_S = 6.0  # more than the first two


Answered = tuple[int, dict[str, Any], list[list[bool]], dict[str, str]]
Ask = Callable[..., Awaitable[Answered]]


@pytest.fixture
def asked(clock: Clock) -> Ask:
    """Status and body of a whole answer, whether each backend was asked for a stream, and the headers. Time passes only by ``passing``,
    as seconds between which all that was sent arrives.
    """

    async def ask(*scripts: Script, passing: Sequence[float] = (), **fields: Any) -> Answered:
        async with upstream(scripts[0]) as first, upstream(scripts[-1]) as second:
            ups = (first, second)[: len(scripts)]
            async with serving(*ups, limits=LIMITS) as app:
                with clock.standing():
                    asking = asyncio.create_task(app.client.post("/v1/chat/completions", json=CHAT | fields))
                    await until(lambda: first.requests)
                    for seconds in passing:
                        await settled()
                        clock.go_on(seconds)
                    async with await asking as response:
                        body = await response.json()
                streams = [[each.streams for each in up.requests] for up in ups]
                return response.status, body, streams, dict(response.headers)

    return ask


def content(body: dict[str, Any]) -> str:
    text: str = body["choices"][0]["message"]["content"]
    return text


async def test_a_long_answer_is_asked_for_as_a_stream(asked: Ask) -> None:
    """The caller sees a whole answer as ever: its object, its usage, its price."""
    status, body, streams, headers = await asked(complete, complete)
    assert (status, body["object"], content(body)) == (200, "chat.completion", "ab")
    assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (7, 2)
    assert (streams, headers["x-trimaran-cost-usd"]) == ([[True], []], "0.000034")


@pytest.mark.parametrize("fields", [{"max_tokens": 100}, {"max_completion_tokens": 256}])
async def test_a_short_answer_is_asked_for_as_it_is(asked: Ask, fields: dict[str, Any]) -> None:
    """A stream would cost this app more than it could gain by watching."""
    status, body, streams, _ = await asked(complete, complete, **fields)
    assert (status, content(body), streams) == (200, "ab", [[False], []])


async def test_the_last_backend_is_not_watched(asked: Ask) -> None:
    """There is nobody who could answer instead: it has until the total limit."""

    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(OVER_S)
        await complete(exchange)

    status, body, streams, _ = await asked(slow, passing=[OVER_S])
    assert (status, content(body), streams) == (200, "ab", [[False]])


async def slow_but_sure(exchange: Exchange) -> None:
    """Longer than every limit in all, and never silent for one."""
    await exchange.head()
    for _ in range(6):
        await exchange.send(chunk("x"))
        await asyncio.sleep(4)
    await exchange.send(chunk("", "stop") + USAGE_CHUNK + DONE)


async def begins_and_stops(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.send(chunk("lost"))
    await silence(exchange)


async def begins_and_breaks_off(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.send(chunk("lost"))
    await cut(exchange)


@pytest.mark.parametrize("fault", [silence, begins_and_stops, begins_and_breaks_off], ids=lambda fault: fault.__name__)
async def test_a_backend_that_falls_silent_is_left(asked: Ask, fault: Script) -> None:
    """Within the limits of a stream, and not after half of ten minutes; nothing of what it wrote is in the answer."""
    status, body, streams, headers = await asked(fault, complete, passing=[OVER_S])
    assert (status, content(body), headers["x-trimaran-attempts"]) == (200, "ab", "2")
    assert streams == [[True], [False]]


async def test_one_that_goes_on_may_take_its_time(asked: Ask) -> None:
    """It shows that it is at work: no limit but the total one ends it."""
    status, body, _, headers = await asked(slow_but_sure, complete, passing=[4] * 6)
    assert (status, content(body), headers["x-trimaran-attempts"]) == (200, "xxxxxx", "1")


async def test_a_short_answer_has_a_limit_by_its_length(asked: Ask) -> None:
    """One token may take a tenth of a second."""
    status, body, streams, _ = await asked(silence, complete, max_tokens=1, passing=[OVER_S])
    assert (status, content(body), streams) == (200, "ab", [[False], [False]])
