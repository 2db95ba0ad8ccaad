"""What is reserved for a request counts while it runs, by whatever way it came, and is given back when it is over."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from app.inference.images import ImageFetcher
from app.logic.admission.body_bytes import BodyBytes
from tests.api.serving import CHAT, MESSAGES, STREAM, App, serving, until
from tests.api.upstream import Exchange, begun_then, complete, silence, upstream
from tests.inference.fakes.server import Reply
from tests.inference.fakes.server import serving as pictures


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
    async with upstream(begun_then(silence)) as up, serving(up) as app:
        async with app.post(STREAM), app.post(CHAT) as response:
            assert (response.status, response.headers["retry-after"]) == (429, "1")
        await until(lambda: not app.lifecycle.running)
        up.script = complete
        assert await status(app) == 200


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


async def test_images_by_address_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the backend is asked: a request whose images are too much beside them hears 429, and no backend is blamed for it."""
    monkeypatch.setattr(BodyBytes.__init__, "__defaults__", (2**20,))
    monkeypatch.setitem(ImageFetcher.__init__.__kwdefaults__, "permitted", lambda ip: True)  # type: ignore[arg-type]

    async def slow_with_images(exchange: Exchange) -> None:
        with_image = isinstance(exchange.body["messages"][0]["content"], list)
        await (silence if with_image else complete)(exchange)

    large = Reply(steps=[b"\x89PNG\r\n\x1a\n" + bytes(600_000)])
    async with pictures(large) as picture, upstream(slow_with_images) as up, serving(up) as app:
        part = {"type": "image_url", "image_url": {"url": f"{picture.url}/cat.png"}}
        asked = {"messages": [{"role": "user", "content": [part]}]}
        leaving = asyncio.create_task(app.post(asked).__aenter__())
        await until(lambda: up.requests)
        for _ in range(4):
            async with app.post(asked) as response:
                assert (response.status, (await response.json())["error"]["code"]) == (429, "busy")
        assert await status(app) == 200
        assert await app.metric("trimaran_circuit_state") == {'{backend="up0",revision="r1"}': 0}
        assert len(up.requests) == 2
        leaving.cancel()
        await until(lambda: not app.lifecycle.running)
        app_again = asyncio.create_task(app.post(asked).__aenter__())
        await until(lambda: len(up.requests) == 3)
        app_again.cancel()
