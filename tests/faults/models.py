"""The model servers behind the faults: one that says a known text and can go on from any point of it, and a real one elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from app.wire.events import Usage
from tests.faults.proxy import Passing, Request
from tests.inference.fakes.anthropic import Anthropic
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Reply
from tests.inference.fakes.vendor import Fault, Said, Vendor

TEXT = "Three hulls, grüne Segel, 三体船:\n\n  1. wind — 5 kn\n  2. spray 🌊 and more \n\nThe end."
PROMPT_TOKENS = 30
PIECE = 7  # characters of a piece of a stream
VENDORS: Mapping[str, Vendor] = {"openai": OpenAI(), "anthropic": Anthropic()}
STREAM, JSON = "text/event-stream; charset=utf-8", "application/json"


class Model:
    """Says ``text``, from where the request's last message of the assistant leaves off. Each piece is one token of its usage.

    ``asked`` has the latest requests.

    ``repeats``: how many characters of that message it says once more, as a model may that was asked to go on. ``first_token_s`` passes
    before its first piece.
    """

    def __init__(self, vendor: str, text: str = TEXT, *, repeats: int = 0, first_token_s: float = 0.0) -> None:
        self.text = text
        self.asked: deque[dict[str, Any]] = deque(maxlen=8)
        self._vendor = VENDORS[vendor]
        self._repeats = repeats
        self._first_token_s = first_token_s

    async def answer(self, request: Request) -> Passing:
        body = json.loads(request.body)
        self.asked.append(body)
        before = given(body)
        if not self.text.startswith(before):
            return _passing(self._vendor.fault(Fault.BAD_REQUEST))
        said = self._said(before, body.get("stop") or ())
        if body.get("stream"):
            return Passing(200, STREAM, self._parts(self._vendor.stream(said)))
        return _passing(self._vendor.whole(said))

    def ping(self) -> bytes:
        return self._vendor.ping()

    def error(self) -> bytes:
        return self._vendor.error_event(Fault.OVERLOADED)

    def _said(self, before: str, stop: Sequence[str]) -> Said:
        again = self._repeats if len(before) >= self._repeats else 0
        text = self.text[len(before) - again :]
        for word in stop:
            text = text.partition(word)[0]
        pieces = pieces_of(text)
        read = PROMPT_TOKENS + len(pieces_of(before))
        return Said(text=pieces, usage=Usage(input=read, output=len(pieces)))

    async def _parts(self, events: Sequence[bytes]) -> AsyncIterator[bytes]:
        if self._first_token_s:
            await asyncio.sleep(self._first_token_s)
        for event in events:
            yield event


def pieces_of(text: str) -> tuple[str, ...]:
    return tuple(text[at : at + PIECE] for at in range(0, len(text), PIECE))


def given(body: Mapping[str, Any]) -> str:
    """The text of the last message that the assistant is to have said already."""
    for message in reversed(body["messages"]):
        if message["role"] == "assistant":
            content = message["content"]
            return content if isinstance(content, str) else "".join(part["text"] for part in content)
    return ""


def _passing(reply: Reply) -> Passing:
    async def parts() -> AsyncIterator[bytes]:
        for step in reply.steps:
            assert isinstance(step, bytes)
            yield step

    return Passing(reply.status, reply.content_type, parts())


class Server:
    """A real model server that speaks OpenAI's API; its base URL ends in /v1, and so do the paths that are asked."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self._http = http
        self._root = base_url.removesuffix("/v1")

    async def answer(self, request: Request) -> Passing:
        kept = {name: request.headers[name] for name in ("authorization", "content-type") if name in request.headers}
        response = await self._http.post(self._root + request.path, data=request.body, headers=kept)
        return Passing(response.status, response.content_type, _events(response))

    def ping(self) -> bytes:
        return VENDORS["openai"].ping()

    def error(self) -> bytes:
        return VENDORS["openai"].error_event(Fault.OVERLOADED)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """One event each of a stream, or the rest at the end; the server stops when nobody asks for more."""
    held = b""
    try:
        while got := await response.content.readany():
            *whole, held = (held + got).split(b"\n\n")
            for event in whole:
                yield event + b"\n\n"
        if held:
            yield held
    finally:
        response.close()


@asynccontextmanager
async def server(base_url: str) -> AsyncIterator[Server]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as http:
        yield Server(http, base_url)
