"""A defect of ours: a 500 that is counted and found in the log, whatever the route, and never the end of the connection that it came on."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.api.fuzz import Sent
from tests.api.serving import App, serving
from tests.api.test_fuzz import Client
from tests.api.upstream import upstream

CHAT = b'{"messages": [{"role": "user", "content": "hi"}]}'
STREAM = CHAT[:-1] + b', "stream": true}'
# Where nobody foresaw anything, for each way that a request can take.
PLACES = {
    "a route that informs": ("app.api.models.Models._object", Sent("GET", "/v1/models", (), b"")),
    "a route that generates": ("app.logic.router.Router.open", Sent("POST", "/v1/chat/completions", (), CHAT)),
    "a stream": ("app.logic.router.Router.open", Sent("POST", "/v1/chat", (), STREAM)),
    "who is told of the end": ("app.api.metrics.Metrics.request_ended", Sent("POST", "/v1/chat/completions", (), CHAT)),
    "in front of the routes": ("app.api.origins.Origins.check", Sent("GET", "/health", (), b"")),
}


def breaks(*_args: Any, **_options: Any) -> Any:
    raise LookupError("nobody foresaw this")


async def defects(app: App) -> float:
    (value,) = (await app.metric("trimaran_defects_total")).values()
    return value


@pytest.mark.parametrize("place", PLACES)
async def test_a_defect_is_counted_and_the_connection_goes_on(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next request on the same connection is answered, and the log has the traceback under the request's id."""
    target, sent = PLACES[place]
    async with upstream() as up, serving(up) as app:
        client = Client(app.port)
        with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
            broken.setattr(target, breaks)
            status, body = await client.ask(sent)
        before = client.connection
        assert before is not None
        assert (await client.ask(Sent("GET", "/health/live", (), b"")))[0] == 200
        assert client.connection is before
        assert await defects(app) == 1
    if place != "who is told of the end":  # there the answer was complete
        assert status == 500
        assert json.loads(body)["error"]["type"] == "server_error"
    [line] = [line for line in caplog.records if line.message == "a defect of this app"]
    assert line.exc_info
    assert len(line.fields["request_id"]) == 32  # type: ignore[attr-defined]


async def test_a_callers_own_mistake_is_none() -> None:
    """Nor is what a backend does wrong."""
    async with upstream() as up, serving(up) as app:
        async with app.post({"messages": "hi"}) as response:
            assert response.status == 400
        up.script = breaks  # the connection ends without an answer
        async with app.post(json.loads(CHAT)) as response:
            assert response.status == 502
        assert await defects(app) == 0


async def test_a_socket_goes_on_after_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in an answer or in reading a message is told as an error; what comes after it is heard."""
    async with (
        upstream() as up,
        serving(up) as app,
        connect(f"{app.url}/v1/chat/socket".replace("http", "ws")) as socket,
    ):
        assert json.loads(await socket.recv())["type"] == "ready"
        for target in ("app.logic.router.Router.open", "app.api.socket_session.Session._begin"):
            with monkeypatch.context() as broken:
                broken.setattr(target, breaks)
                await socket.send('{"type": "chat", "id": "a", "messages": [{"role": "user", "content": "hi"}]}')
                heard = json.loads(await socket.recv())
            assert (heard["type"], heard["id"], heard["error"]["type"]) == ("error", "a", "server_error")
        await socket.send('{"type": "ping"}')
        assert json.loads(await socket.recv())["type"] == "pong"
        assert await defects(app) == 2


async def test_a_defect_at_the_handshake_is_a_500(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a body as every error has it."""
    monkeypatch.setattr("app.api.socket.ChatSocket._admit", breaks)
    async with upstream() as up, serving(up) as app:
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"{app.url}/v1/chat/socket".replace("http", "ws"))
        assert caught.value.response.status_code == 500
        assert json.loads(caught.value.response.body)["error"]["type"] == "server_error"
        assert await defects(app) == 1


async def test_a_defect_of_the_session_itself_closes_with_1011(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing left that could go on."""
    monkeypatch.setattr("app.api.socket_session.Session._take", breaks)
    async with (
        upstream() as up,
        serving(up) as app,
        connect(f"{app.url}/v1/chat/socket".replace("http", "ws")) as socket,
    ):
        await socket.recv()
        await socket.send("{}")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1011
        assert await defects(app) == 1
