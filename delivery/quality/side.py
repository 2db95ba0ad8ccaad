"""How one version is addressed, and one request to it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import stamina

from delivery.quality.answer import Answer
from delivery.quality.wire import Streamed, failure_of, read_whole

TIMEOUT_S = 300.0
_CONNECT_S = 10.0
_LINE_BYTES = 4 * 2**20  # a whole tool call may come in one event


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One version: ``name`` is how reports call it; ``url`` is the app's address, with or without `/v1`; ``key`` may be empty.

    ``whoever``: an answer counts whichever of the app's backends gave it, at the first attempt or a later one.
    """

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)
    whoever: bool = False

    @property
    def endpoint(self) -> str:
        return f"{self.url.rstrip('/').removesuffix('/v1')}/v1/chat/completions"

    def all_headers(self) -> dict[str, str]:
        return {**self.headers, **({"authorization": f"Bearer {self.key}"} if self.key else {})}


class Unreachable(Exception):
    """Nobody listens at a side's address: nothing was sent, so nothing was answered."""

    def __init__(self, side: Side, reason: str) -> None:
        super().__init__(f"{side.url} cannot be reached: {reason}")
        self.side = side


def session() -> aiohttp.ClientSession:
    """A connection a request, so that a balancer decides about each and no idle one is closed under a request."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=_CONNECT_S),
        read_bufsize=_LINE_BYTES,
        trust_env=True,
    )


async def ask(http: aiohttp.ClientSession, side: Side, body: Mapping[str, Any]) -> Answer:
    """The answer to one request, whatever became of it. Asked again only where the connection was refused. Raises Unreachable."""
    try:
        async for attempt in stamina.retry_context(on=aiohttp.ClientConnectorError, attempts=4, wait_initial=0.2):
            with attempt:
                return await _ask(http, side, body)
    except aiohttp.ClientConnectorError as error:
        number = error.os_error.errno
        raise Unreachable(side, os.strerror(number) if number and number > 0 else str(error.os_error)) from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise Unreachable(side, "it is not an http address") from None
    raise AssertionError("stamina either returns or raises")


async def _ask(http: aiohttp.ClientSession, side: Side, body: Mapping[str, Any]) -> Answer:
    asked_at, began = time.time(), time.perf_counter()
    streamed = Streamed(began)
    answer = Answer()
    try:
        async with http.post(side.endpoint, json=body, headers=side.all_headers()) as response:
            answer = _head(response)
            if response.content_type == "text/event-stream":
                async for line in response.content:
                    streamed.read(line)
                answer = streamed.complete(answer)
            else:
                answer = read_whole(answer, await response.read())
    except aiohttp.ClientConnectorError:
        raise
    except TimeoutError:
        answer = replace(streamed.partial(answer), failure=f"no whole answer within {TIMEOUT_S:g} s")
    except (aiohttp.ClientError, ConnectionError, ValueError) as error:
        answer = replace(streamed.partial(answer), failure=f"the answer broke off: {type(error).__name__}")
    total_ms = (time.perf_counter() - began) * 1000
    if side.whoever:
        answer = replace(answer, rescued="")
    return replace(answer, asked_at=asked_at, total_ms=total_ms, failure=answer.failure or failure_of(answer))


def _head(response: aiohttp.ClientResponse) -> Answer:
    headers = response.headers
    return Answer(
        status=response.status,
        revision=headers.get("x-revision", ""),
        usd=headers.get("x-trimaran-cost-usd"),
        rescued=_rescued(headers),
        backend=headers.get("x-trimaran-backend", ""),
        attempts=int(headers.get("x-trimaran-attempts", "1")),
    )


def _rescued(headers: Mapping[str, str]) -> str:
    """How the app came to an answer that its first attempt did not give; empty where that one did."""
    if degraded := headers.get("x-trimaran-degraded", ""):
        return f"degraded: {degraded}"
    attempts = headers.get("x-trimaran-attempts", "1")
    return "" if attempts in ("0", "1") else f"{attempts} attempts"
