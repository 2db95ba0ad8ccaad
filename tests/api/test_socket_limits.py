"""What a WebSocket's caller may hold: little before its key is known, its share afterwards, and nothing by not reading. Frames are written by hand."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from app.api.socket_connection import UNKNOWN_MESSAGE_BYTES, SocketConnection
from app.api.socket_session import MAX_MESSAGE_BYTES
from app.logic.admission.body_bytes import BodyBytes
from tests.api.raw import Wire, wired
from tests.api.serving import MESSAGES, serving, settled, until
from tests.api.upstream import upstream
from tests.clock import Clock

KEYS = {"TRIMARAN_API_KEYS": "ci=secret-1"}
HANDSHAKE = (
    b"GET /v1/chat/socket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
CONT, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10


def frame(kind: int, payload: bytes, *, fin: bool = True) -> bytes:
    """As a client writes it, with a mask that changes nothing."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 2**16:
        length = b"\xfe" + struct.pack("!H", size)
    else:
        length = b"\xff" + struct.pack("!Q", size)
    return bytes([0x80 * fin | kind]) + length + bytes(4) + payload


def fragments(payload: bytes, size: int) -> bytes:
    """A text in pieces of ``size`` bytes, and the empty piece that ends it."""
    parts = [payload[at : at + size] for at in range(0, len(payload), size)]
    first, *others = [frame(CONT if at else TEXT, part, fin=False) for at, part in enumerate(parts)]
    return b"".join([first, *others, frame(CONT, b"")])


def message(type: str, **fields: object) -> bytes:
    return json.dumps({"type": type, **fields}).encode()


async def shaken(wire: Wire, *fields: bytes) -> None:
    await wire.send(HANDSHAKE + b"".join(fields) + b"\r\n")
    raw = await wire.piece()
    assert raw.startswith(b"HTTP/1.1 101 ")
    if b'"ready"' not in raw and b"x-api-key: secret-1\r\n" in fields:
        assert b'"ready"' in await wire.piece()


async def close_code(wire: Wire) -> int:
    """The code with which the server closes, whatever it said before."""
    raw = await wire.rest()
    at = raw.rindex(bytes([0x80 | CLOSE]))
    return int.from_bytes(raw[at + 2 : at + 4], "big")


def padded(size: int) -> bytes:
    """The message that brings the key, in ``size`` bytes."""
    raw = message("auth", key="secret-1", padding="")
    return raw.replace(b'"padding": "', b'"padding": "' + b"x" * (size - len(raw)))


UNKNOWN: dict[str, bytes] = {
    "one message": frame(TEXT, padded(UNKNOWN_MESSAGE_BYTES + 1)),
    "fragments": fragments(padded(UNKNOWN_MESSAGE_BYTES + 1), 500),
    "many messages": frame(TEXT, b"{}") * 2000,
    "pings": frame(PING, b"x" * 125) * 100,
    "empty fragments": frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) * 2000,
    "the head of a large one": frame(TEXT, b" " * (MAX_MESSAGE_BYTES - 1))[:20],
}


@pytest.mark.parametrize("case", UNKNOWN)
async def test_little_is_taken_before_the_key(case: str) -> None:
    """A message of more than 4 KiB, or anything of more than twice that, ends the connection before it is collected."""
    async with upstream() as up, serving(up, environment=KEYS) as app, wired(app) as wire:
        await shaken(wire)
        await wire.send(UNKNOWN[case])
        assert await close_code(wire) in (1008, 1009)
        await until(lambda: not app.lifecycle.sockets)


@pytest.mark.parametrize("pieces", [1, 8], ids=["whole", "in pieces"])
async def test_the_key_may_come_with_much_around_it(pieces: int) -> None:
    """A first message of 4 KiB is taken, and then one of the size that is taken from everybody."""
    first = padded(UNKNOWN_MESSAGE_BYTES)
    content = "x" * (MAX_MESSAGE_BYTES - 1000)
    chat = message("chat", id="a", messages=[{"role": "user", "content": content}])
    async with upstream() as up, serving(up, environment=KEYS) as app, wired(app) as wire:
        await shaken(wire)
        await wire.send(frame(TEXT, first) if pieces == 1 else fragments(first, len(first) // pieces))
        assert b'"ready"' in await wire.piece()
        await wire.send(frame(TEXT, chat) if pieces == 1 else fragments(chat, len(chat) // pieces))
        await wire.heard(b'"end"')
        assert len(up.requests[0].body["messages"][0]["content"]) == len(content)


async def test_more_in_small_fragments_than_a_message_may_have_is_refused() -> None:
    """The limit is on the message, however it comes."""
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await shaken(wire)
        with suppress(ConnectionError):
            await wire.send(fragments(b" " * (MAX_MESSAGE_BYTES + 1), 2**20))
        assert await close_code(wire) == 1009


async def test_unfinished_messages_count_with_all_that_is_held(
    held: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is over the limit with the others is not collected: that socket is told to try again later, and makes room."""
    monkeypatch.setattr(BodyBytes.__init__, "__defaults__", (2**20,))
    half = frame(TEXT, b" " * 2**20)[:600_000]
    async with upstream() as up, serving(up) as app, wired(app) as first, wired(app) as second, wired(app) as third:
        for wire in (first, second, third):
            await shaken(wire)
        await first.send(half)
        await until(lambda: held() >= 590_000)
        await second.send(half)
        assert await close_code(second) == 1013
        async with app.post({"messages": [{"role": "user", "content": "x" * 600_000}]}) as response:
            assert response.status == 429
        first.close()
        await until(lambda: held() == 0)
        await third.send(half)
        await until(lambda: held() >= 590_000)
        await third.send(frame(TEXT, b" " * 2**20)[600_000:])
        assert b"not valid JSON" in await third.piece()


async def test_a_socket_holds_nothing_between_its_messages(held: Callable[[], int]) -> None:
    """A message counts until its answer is over, in one piece or in many, and not longer."""
    chat = message("chat", id="a", messages=MESSAGES)
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await shaken(wire)
        for raw in (frame(TEXT, chat), fragments(chat, 5), frame(TEXT, message("ping")) * 5000, frame(TEXT, chat)):
            await wire.send(raw)
            await until(lambda: held() == 0)
            await wire.piece()
        await wire.send(frame(TEXT, chat)[:20])
        await until(lambda: 0 < held() <= 20)
    await until(lambda: held() == 0)


async def test_a_message_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a body; a socket on which nothing has begun may be silent."""
    monkeypatch.setattr(SocketConnection, "message_s", 0.3)
    async with upstream() as up, serving(up) as app, wired(app) as slow, wired(app) as silent:
        await shaken(slow)
        await shaken(silent)
        await slow.send(frame(TEXT, b" " * 100)[:10])
        assert await close_code(slow) == 1008
        await silent.send(frame(TEXT, message("ping")))
        assert b"pong" in await silent.piece()


async def test_each_message_has_its_own_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that follows another at once may always be half here, and none of them is late."""
    monkeypatch.setattr(SocketConnection, "message_s", 5)
    raw = frame(TEXT, message("ping"))
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await shaken(wire)
        with clock.standing():
            await wire.send(raw[:10])
            for _ in range(12):
                await settled()
                clock.go_on(1)
                await settled()
                await wire.send(raw[10:] + raw[:10])
                assert b"pong" in await wire.piece()


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["pings", "wrong messages"])
async def test_who_does_not_read_is_not_read(kind: str) -> None:
    """What a caller sends without reading stays in the kernel's buffers; when it reads, everything is there, and the socket goes on."""
    piece = {
        "pings": frame(PING, b"x" * 125),
        "wrong messages": frame(TEXT, b"x" * 100),
    }[kind] * 1000
    async with upstream() as up, serving(up) as app, wired(app, buffer_bytes=2**14) as wire:
        await shaken(wire)
        wire.pause()
        sent = await sent_until_blocked(wire, piece, at_most=200)
        assert sent < 200, "everything was taken"
        wire.resume()
        hearing = asyncio.create_task(wire.heard(b'"end"'))
        await wire.send(frame(TEXT, message("chat", id="a", messages=MESSAGES)))
        await hearing


async def sent_until_blocked(wire: Wire, piece: bytes, at_most: int) -> int:
    """How many pieces went out until the other side took no more for a second; those that did not fit go out later."""
    for number in range(at_most):
        try:
            async with asyncio.timeout(1):
                await wire.send(piece)
        except TimeoutError:
            return number
    return at_most


UNREADABLE: dict[str, Sequence[bytes]] = {
    "a long field": [b"cookie: " + b"x" * 9000 + b"\r\n"],
    "many fields": [b"x-%d: y\r\n" % number for number in range(200)],
    "a body": [b"content-length: 5\r\n"],
    "an endless body": [b"transfer-encoding: chunked\r\n"],
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_a_handshake_that_cannot_be_read_is_refused(case: str) -> None:
    """It would be waited for without end, by a connection without a key."""
    async with upstream() as up, serving(up, environment=KEYS) as app, wired(app) as wire:
        await wire.send(HANDSHAKE + b"".join(UNREADABLE[case]) + b"\r\n")
        raw = await wire.rest()
    assert raw.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":{"message":"the handshake cannot be read' in raw


async def test_a_handshake_by_another_method_is_refused() -> None:
    """A POST cannot become a WebSocket."""
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(HANDSHAKE.replace(b"GET", b"POST") + b"\r\n")
        assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "raw", [frame(PING, b"x" * 126), b"\x83\x80" + bytes(4), b"\xff" * 30], ids=["long ping", "no opcode", "noise"]
)
async def test_frames_that_are_none_end_the_connection(raw: bytes) -> None:
    """With 1002, and nothing else is disturbed."""
    async with upstream() as up, serving(up) as app, wired(app) as wire, wired(app) as other:
        await shaken(wire)
        await shaken(other)
        await wire.send(raw)
        assert await close_code(wire) == 1002
        await other.send(frame(TEXT, message("ping")))
        assert b"pong" in await other.piece()


async def test_a_key_in_the_handshake_opens_at_once() -> None:
    """There is no first message to wait for."""
    large = message("chat", id="a", messages=[{"role": "user", "content": "x" * 100_000}])
    async with upstream() as up, serving(up, environment=KEYS) as app, wired(app) as wire:
        await shaken(wire, b"x-api-key: secret-1\r\n")
        await wire.send(frame(TEXT, large))
        await wire.heard(b'"end"')
