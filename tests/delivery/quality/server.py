"""A version on a real socket: it answers as a script says, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from delivery.quality.suite import Suite

HELLO = "Say yes."  # how an evaluation asks who is there


@dataclass
class Version:
    """``answer`` gives the text for a question; ``headers`` go with every answer."""

    answer: Callable[[str], str] = lambda question: f"echo {question}"
    revision: str = "r1"
    model: str = "mock-1"
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    before: Callable[[str], Awaitable[web.StreamResponse | None]] | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        question = body["messages"][-1]["content"]
        if question != HELLO:
            self.asked.append(question)
            self.bodies.append({**body, "authorization": request.headers.get("authorization")})
            if self.before and (instead := await self.before(question)):
                return instead
        headers = {"x-revision": self.revision, **self.headers}
        text, usage = self.answer(question), {"prompt_tokens": 3, "completion_tokens": 2}
        if not body.get("stream"):
            choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            priced = {**headers, "x-trimaran-cost-usd": "0.25"}
            return web.json_response({"model": self.model, "choices": [choice], "usage": usage}, headers=priced)
        response = web.StreamResponse(headers={**headers, "content-type": "text/event-stream"})
        await response.prepare(request)
        for event in (delta(text[:1]), delta(text[1:]), {"choices": [{"delta": {}, "finish_reason": "stop"}]}):
            await response.write(b"data: " + json.dumps({**event, "model": self.model}).encode() + b"\n\n")
        told = {"attempts": 1, "tokens_in": 3, "tokens_out": 2, "cost_usd": "0.5"}
        await response.write(b": trimaran " + json.dumps(told).encode() + b"\n\ndata: [DONE]\n\n")
        return response


def delta(text: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": None}]}


@asynccontextmanager
async def serving(version: Version) -> AsyncIterator[Version]:
    """The version on a free port."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", version.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", version.port)
    await site.start()
    version.port = runner.addresses[0][1]
    try:
        yield version
    finally:
        await runner.cleanup()


def suite(count: int = 3, **values: Any) -> Suite:
    """Questions q0, q1, …, whose answers must have the question in them."""
    cases = [
        {"id": f"c{n}", "messages": f"q{n}", "tags": ["t"], "checks": [{"contains": f"q{n}"}]} for n in range(count)
    ]
    return Suite.model_validate({"name": "test", "cases": cases, **values})
