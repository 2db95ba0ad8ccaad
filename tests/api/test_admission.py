"""What is reserved for a request counts while it runs, by whatever way it came, and is given back when it is over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from app.logic.admission.body_bytes import BodyBytes
from tests.api.serving import CHAT, MESSAGES, STREAM, App, serving, until
from tests.api.upstream import begun_then, silence, upstream


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for one request at a time, or many that are empty."""
    monkeypatch.setattr(BodyBytes.__init__, "__defaults__", (10,))


async def status(app: App) -> int:
    async with app.post(CHAT) as response:
        await response.read()
        code: int = response.status
        return code


async def test_a_request_beside_one_that_runs_hears_429() -> None:
    """And is answered when that one is over, though its caller left half-way."""
    async with upstream(begun_then(silence)) as up, serving(up, limits="{total_s: 0.2}") as app:
        async with app.post(STREAM), app.post(CHAT) as response:
            assert (response.status, response.headers["retry-after"]) == (429, "1")
        await until(lambda: not app.lifecycle.running)
        assert await status(app) != 429


async def test_an_answer_over_the_socket_counts_too() -> None:
    """Its message is a body as well."""
    async with (
        upstream(begun_then(silence)) as up,
        serving(up) as app,
        connect(f"ws://127.0.0.1:{app.port}/v1/chat/socket") as socket,
    ):
        heard: dict[str, Any] = json.loads(await socket.recv())
        assert heard["type"] == "ready"
        await socket.send(json.dumps({"type": "chat", "id": "a", "messages": MESSAGES}))
        assert json.loads(await socket.recv())["type"] == "start"
        assert await status(app) == 429
