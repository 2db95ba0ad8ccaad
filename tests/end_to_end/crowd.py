"""Callers that ask small sums without a pause, streams and whole answers mixed, each question a conversation of its own."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from contextlib import AsyncExitStack

import aiohttp

CALLERS = 10
PAUSE_S = 0.02
LIMIT_S = 300
RETRIES = 2  # the default of the openai client (3.54, checked 2026-11-24)
LIMIT = 100_000  # questions of all callers together


class Crowd:
    """They call while the block runs. `failures` is what any of them saw that was no right answer.

    Half of them open a connection for each question. The others keep theirs and do as OpenAI's own clients do when nginx,
    moving its split, has closed an idle one, perhaps one after the other: they ask again; `asked_again` counts that.
    """

    def __init__(self, port: int) -> None:
        self.answers = 0
        self.asked_again = 0
        self.failures: list[str] = []
        self._url = f"http://127.0.0.1:{port}/v1/chat/completions"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _all(self) -> None:
        async with AsyncExitStack() as stack:
            connectors = [aiohttp.TCPConnector(force_close=force_close) for force_close in (True, False)]
            sessions = [await stack.enter_async_context(aiohttp.ClientSession(connector=each)) for each in connectors]
            await asyncio.gather(*(self._one(sessions[number % 2], random.Random(number)) for number in range(CALLERS)))

    async def _one(self, http: aiohttp.ClientSession, chance: random.Random) -> None:
        until = time.monotonic() + LIMIT_S
        while not self._stop.is_set() and time.monotonic() < until and self.answers < LIMIT:
            left, right, stream = chance.randint(1, 99), chance.randint(1, 99), chance.random() < 0.5
            question = [{"role": "user", "content": f"What is {left}+{right}?"}]
            headers = {"x-session-id": f"{chance.random()}"}
            try:
                status, raw = await self._ask(http, {"messages": question, "stream": stream}, headers)
                self._note(status, raw, right=left + right, stream=stream)
            except (aiohttp.ClientError, OSError) as error:
                self.failures.append(repr(error))
            await asyncio.sleep(PAUSE_S)

    async def _ask(self, http: aiohttp.ClientSession, body: object, headers: dict[str, str]) -> tuple[int, bytes]:
        keeps = http.connector is not None and not http.connector.force_close
        for left in reversed(range(1 + RETRIES if keeps else 1)):
            try:
                return await _post(http, self._url, body, headers)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not left:
                    raise
                self.asked_again += 1
        raise AssertionError("the loop above returns or raises")

    def _note(self, status: int, raw: bytes, *, right: int, stream: bool) -> None:
        self.answers += 1
        is_whole = not stream or b"[DONE]" in raw
        if status != 200 or not is_whole or not re.search(rb'"content": ?"[^"]*\b%d\b' % right, raw):
            self.failures.append(f"{status} {raw[:400]!r}")

    @property
    def seen(self) -> dict[str, object]:
        """What is asserted of callers: they were served, and saw nothing."""
        is_rare = self.asked_again <= self.answers / 100
        return {"failures": self.failures, "served": self.answers > 100, "asked again": is_rare or self.asked_again}


NOTHING_SEEN = {"failures": [], "served": True, "asked again": True}


async def _post(http: aiohttp.ClientSession, url: str, body: object, headers: dict[str, str]) -> tuple[int, bytes]:
    async with http.post(url, json=body, headers=headers) as response:
        return response.status, await response.read()
