"""Who may open `/v1/chat/socket`: its key, its origin, its subprotocol."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.api.socket_session import SocketLimits
from tests.api.serving import App, serving, until
from tests.api.upstream import begun_then, silence, upstream
from tests.clock import PATIENCE_S

KEYS = {"TRIMARAN_API_KEYS": "ci=secret-1"}


def opening(app: App, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{app.port}/v1/chat/socket", **options)


async def hear(socket: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await socket.recv())


async def refused(app: App, **options: Any) -> tuple[int, Any]:
    """The status and the error of a handshake that is not accepted."""
    with pytest.raises(InvalidStatus) as caught:
        await opening(app, **options)
    response = caught.value.response
    assert response.headers["x-request-id"]
    return response.status_code, json.loads(response.body)["error"]


async def test_the_key_may_come_in_the_subprotocol() -> None:
    """A browser can set nothing else; the answer names the protocol and never the key."""
    offered = ["trimaran.v1", "trimaran.key.secret-1"]
    async with upstream() as up, serving(up, environment=KEYS) as app, opening(app, subprotocols=offered) as socket:
        assert socket.subprotocol == "trimaran.v1"
        assert await hear(socket) == {"type": "ready"}


@pytest.mark.parametrize("header", [{"authorization": "Bearer secret-1"}, {"x-api-key": "secret-1"}])
async def test_the_key_may_come_in_a_header(header: dict[str, str]) -> None:
    """Clients that can set headers use those of every other request."""
    async with (
        upstream() as up,
        serving(up, environment=KEYS) as app,
        opening(app, additional_headers=header) as socket,
    ):
        assert await hear(socket) == {"type": "ready"}


async def test_the_key_may_come_in_the_first_message() -> None:
    """A socket without a key says nothing until the first message has brought one."""
    async with upstream() as up, serving(up, environment=KEYS) as app, opening(app) as socket:
        await socket.send('{"type": "auth", "key": "secret-1"}')
        assert await hear(socket) == {"type": "ready"}


@pytest.mark.parametrize(
    "first",
    ['{"type": "auth", "key": "wrong"}', '{"type": "chat", "id": "a", "messages": []}', "{", '{"type": "auth"}'],
)
async def test_a_first_message_without_a_valid_key_ends_the_socket(first: str) -> None:
    """Anything else than a valid key gets an error and 1008, and no backend is asked."""
    async with upstream() as up, serving(up, environment=KEYS) as app, opening(app) as socket:
        await socket.send(first)
        assert (await hear(socket))["error"]["code"] == "invalid_api_key"
        with pytest.raises(ConnectionClosed):
            await hear(socket)
        assert socket.close_code == 1008
        assert up.requests == []


async def test_a_socket_that_never_brings_its_key_is_closed() -> None:
    """Who is not known may not hold a connection."""
    limits = SocketLimits(auth_s=0.1)
    async with upstream() as up, serving(up, environment=KEYS, socket_limits=limits) as app, opening(app) as socket:
        with pytest.raises(ConnectionClosed):
            await hear(socket)


async def test_a_wrong_key_is_refused_at_the_handshake() -> None:
    """A key that came with the handshake and is not valid gets 401, as on every other path."""
    async with upstream() as up, serving(up, environment=KEYS) as app:
        assert (await refused(app, subprotocols=["trimaran.v1", "trimaran.key.wrong"]))[0] == 401
        assert (await refused(app, additional_headers={"x-api-key": "wrong"}))[0] == 401


@pytest.mark.parametrize("how", ["subprotocol", "header", "message"])
async def test_a_revoked_key_ends_its_sockets(how: str, tmp_path: Path) -> None:
    """Also in the middle of an answer, whose backend is left; a socket of another key of the same name goes on."""
    file = tmp_path / "keys"
    file.write_text("ci=secret-1\nci=secret-2\n")
    ways: dict[str, dict[str, Any]] = {
        "subprotocol": {"subprotocols": ["trimaran.v1", "trimaran.key.secret-1"]},
        "header": {"additional_headers": {"x-api-key": "secret-1"}},
        "message": {},
    }
    kept = {"x-api-key": "secret-2"}
    async with (
        upstream(begun_then(silence)) as up,
        serving(up, environment={"TRIMARAN_API_KEYS_FILE": str(file)}) as app,
        opening(app, **ways[how]) as socket,
        opening(app, additional_headers=kept) as other,
    ):
        if how == "message":
            await socket.send('{"type": "auth", "key": "secret-1"}')
        for each in (socket, other):
            assert await hear(each) == {"type": "ready"}
        await socket.send('{"type": "chat", "id": "a", "messages": [{"role": "user", "content": "hi"}]}')
        assert [(await hear(socket))["type"] for _ in range(2)] == ["start", "delta"]
        file.write_text("ci=secret-2\n")
        app.parts.reload(True)
        with pytest.raises(ConnectionClosed):
            await hear(socket)
        assert (socket.close_code, socket.close_reason) == (1008, "the key is valid no longer")
        await until(lambda: not up.running)
        await other.send('{"type": "ping"}')
        assert await hear(other) == {"type": "pong"}


async def test_a_key_in_the_query_is_not_a_key() -> None:
    """Addresses end up in logs, so a key there is not looked at."""
    async with upstream() as up, serving(up, environment=KEYS) as app:
        url = f"ws://127.0.0.1:{app.port}/v1/chat/socket?key=secret-1&api_key=secret-1"
        async with connect(url) as socket:
            await socket.send('{"type": "chat", "id": "a", "messages": []}')
            assert (await hear(socket))["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("origin", "setting", "welcome"),
    [
        (None, "", True),
        ("http://127.0.0.1:{port}", "", True),
        ("http://localhost:{port}", "", False),
        ("https://evil.example", "", False),
        ("null", "", False),
        ("https://app.example", "https://app.example", True),
        ("https://app.example.evil.example", "https://app.example", False),
        ("https://any.example", "*", True),
    ],
)
async def test_only_pages_of_this_host_or_of_the_setting_connect(
    origin: str | None, setting: str, welcome: bool
) -> None:
    """A page from elsewhere is refused with 403 unless TRIMARAN_CORS_ORIGINS has it; who names no origin is no browser."""
    async with upstream() as up, serving(up, environment={"TRIMARAN_CORS_ORIGINS": setting}) as app:
        options = {"origin": origin.format(port=app.port)} if origin else {}
        if welcome:
            async with opening(app, **options) as socket:
                assert await hear(socket) == {"type": "ready"}
        else:
            assert (await refused(app, **options))[0] == 403


async def test_another_subprotocol_is_refused() -> None:
    """Who speaks a protocol that is not spoken here is told the one that is."""
    async with upstream() as up, serving(up) as app:
        status, error = await refused(app, subprotocols=["graphql-ws"])
        assert status == 400
        assert "trimaran.v1" in error["message"]


async def test_a_plain_request_is_told_to_upgrade() -> None:
    """The socket's path without a handshake is 426, not a riddle."""
    async with upstream() as up, serving(up) as app, app.get("/v1/chat/socket") as response:
        assert response.status == 426
