"""A body while it arrives: counted with all others, read only by whom it is for, and closed on when nobody wants it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from app.api.completions import Timing
from app.api.connection import Connection
from app.logic.admission.body_bytes import BodyBytes
from tests.api.raw import HEAD, Wire, wired
from tests.api.serving import CHAT, serving, settled, until
from tests.api.upstream import begun_then, silence, upstream
from tests.clock import Clock

KEYS = {"TRIMARAN_API_KEYS": "ci=secret-1"}
BODY = json.dumps(CHAT).encode()
CHUNKED = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(raw: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(raw), extension, raw)


@contextmanager
def room_for(mib: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(BodyBytes.__init__, "__defaults__", (mib * 2**20,))
        yield


async def begin_upload(wire: Wire, size: int) -> None:
    """A body of which ``size`` bytes come, and then no more."""
    await wire.send(HEAD + b"content-length: 33000000\r\n\r\n" + b" " * size)


async def test_bytes_count_while_they_arrive(held: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads that stay unfinished hold no more than the limit together: those beyond it hear 429 and are closed."""
    with room_for(8, monkeypatch):
        async with upstream() as up, serving(up) as app, AsyncExitStack() as stack:
            wires = [await stack.enter_async_context(wired(app)) for _ in range(8)]
            await asyncio.gather(*(begin_upload(wire, 2 * 2**20) for wire in wires))
            reading = [asyncio.create_task(wire.piece()) for wire in wires]
            refused = [await first for first in itertools.islice(asyncio.as_completed(reading), 4)]
            assert [raw[:13] for raw in refused] == [b"HTTP/1.1 429 "] * 4
            assert all(b"\r\nretry-after: 1\r\n" in raw and b"\r\nconnection: close\r\n" in raw for raw in refused)
            await until(lambda: held() == 8 * 2**20)


async def test_the_only_upload_is_taken(held: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A request larger than the limit is answered when no other is under way."""
    with room_for(1, monkeypatch):
        async with upstream() as up, serving(up) as app:
            async with app.post({"messages": [{"role": "user", "content": "x" * 2**21}]}) as response:
                assert response.status == 200
            await until(lambda: held() == 0)


async def leave(wire: Wire, clock: Clock) -> None:
    wire.close()


async def wait(wire: Wire, clock: Clock) -> None:
    with clock.standing():
        clock.go_on(Timing().body_s + 1)
    assert (await wire.rest()).startswith(b"HTTP/1.1 408 ")


async def spoil(wire: Wire, clock: Clock) -> None:
    """A chunk's line that is none."""
    await wire.send(b"zz\r\n")
    assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")


async def finish_wrongly(wire: Wire, clock: Clock) -> None:
    await wire.send(b"0\r\n\r\n")
    assert (await wire.piece()).startswith(b"HTTP/1.1 400 ")


async def finish(wire: Wire, clock: Clock) -> None:
    await wire.send(chunk(BODY) + b"0\r\n\r\n")
    assert (await wire.piece()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("ending", [leave, wait, spoil, finish_wrongly, finish], ids=lambda ending: ending.__name__)
async def test_what_arrived_is_given_back_on_every_ending(
    ending: Callable[[Wire, Clock], asyncio.Future[None]], held: Callable[[], int], clock: Clock
) -> None:
    """The caller leaves, is too slow, sends what is no HTTP, no JSON, or a whole request."""
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(CHUNKED + chunk(b" " * 1000))
        await until(lambda: held() == 1000)
        await ending(wire, clock)
        await until(lambda: held() == 0)
        await until(lambda: not app.lifecycle.running)


async def test_a_running_answer_holds_its_body(held: Callable[[], int]) -> None:
    """Until it is over, and not longer."""
    async with upstream(begun_then(silence)) as up, serving(up) as app:
        async with app.post({**CHAT, "stream": True}):
            assert held() == len(BODY) + len(b', "stream": true')
        await until(lambda: held() == 0)


BESIDE = {
    "many trailers": (b"0\r\n", b"".join(b"x-%d: y\r\n" % number for number in range(20_000))),
    "one trailer": (b"0\r\nx: ", b"y" * 200_000),
    "many extensions": (b"1", b";a=b" * 50_000),
    "one extension": (b"1;a=", b"b" * 200_000),
}


@pytest.mark.parametrize("case", BESIDE)
@pytest.mark.parametrize("body", [b"{", b" " * 1_000_000], ids=["short", "long"])
async def test_what_is_not_body_is_bounded(case: str, body: bytes) -> None:
    """More than 64 KiB of trailers or of a chunk's extensions is refused while it comes; a long body buys no more of them."""
    begin, piece = BESIDE[case]
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(CHUNKED + b"".join(chunk(body[at : at + 100]) for at in range(0, len(body), 100)) + begin)
        await settled()
        for at in range(0, len(piece), 10_000):
            await wire.send(piece[at : at + 10_000])
        assert (await wire.rest()).startswith(b"HTTP/1.1 431 ")
        assert not up.requests


async def test_trailers_that_trickle_are_not_waited_for(held: Callable[[], int]) -> None:
    """They buy no time."""
    async with upstream() as up, serving(up, timing=Timing(body_s=0.3)) as app, wired(app) as wire:
        await wire.send(CHUNKED + chunk(BODY) + b"0\r\n")
        sending = asyncio.create_task(wire.is_cut(0.02, b"x: y\r\n"))
        assert (await wire.piece()).startswith(b"HTTP/1.1 408 ")
        assert held() == 0
        sending.cancel()


@pytest.mark.parametrize("size", [1, 100, 10_000])
async def test_a_body_in_small_chunks_is_read(size: int) -> None:
    """The lines between chunks are no excess, however many there are, and in however many pieces they come."""
    text = b'{"messages": [{"role": "user", "content": "' + b"x" * 100_000 + b'"}]}'
    parts = [chunk(text[at : at + size]) for at in range(0, len(text), size)]
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(CHUNKED)
        raw = b"".join(parts) + b"0\r\nx-checksum: 1\r\n\r\n"
        for at in range(0, len(raw), 7_001):
            await wire.send(raw[at : at + 7_001])
        assert (await wire.piece()).startswith(b"HTTP/1.1 200 ")


async def test_a_trailer_is_no_header() -> None:
    """A key, an id or a session that stands behind the body has no effect; in the head it has."""
    fields = b"authorization: Bearer secret-1\r\nx-request-id: mine\r\n"
    body = chunk(BODY) + b"0\r\n"
    async with upstream() as up, serving(up, environment=KEYS) as app:
        async with wired(app) as wire:
            await wire.send(CHUNKED + body + fields + b"\r\n")
            raw = await wire.piece()
            assert raw.startswith(b"HTTP/1.1 401 ")
            assert b"mine" not in raw
        async with wired(app) as wire:
            await wire.send(CHUNKED[:-2] + fields + b"\r\n" + body + b"x-request-id: other\r\n\r\n")
            raw = await wire.piece()
            assert raw.startswith(b"HTTP/1.1 200 ")
            assert b"x-request-id: mine" in raw


async def test_a_trailer_makes_no_websocket() -> None:
    """Nor do those words that ask for another protocol."""
    trailers = b"connection: upgrade\r\nupgrade: websocket\r\nexpect: 100-continue\r\n\r\n"
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        for _ in range(2):
            await wire.send(CHUNKED + chunk(BODY) + b"0\r\n" + trailers)
            assert (await wire.piece()).startswith(b"HTTP/1.1 200 ")


REFUSED = {
    "no key": (b"POST /v1/chat/completions HTTP/1.1\r\n", b"401"),
    "no such path": (b"POST /nowhere HTTP/1.1\r\nauthorization: Bearer secret-1\r\n", b"404"),
    "wrong method": (b"PUT /v1/chat HTTP/1.1\r\nauthorization: Bearer secret-1\r\n", b"405"),
    "not refused": (b"GET /health/live HTTP/1.1\r\n", b"200"),
}


REST = [b"content-length: 1000000\r\n\r\n{", b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"]


@pytest.mark.parametrize("rest", REST, ids=["length", "chunked"])
@pytest.mark.parametrize("case", REFUSED)
async def test_an_unread_body_is_closed_on(case: str, rest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that did not wait for the body says that it closes, and does: at once for a reader, soon for one who goes on sending."""
    monkeypatch.setattr(Connection, "linger_s", 0.3)
    head, status = REFUSED[case]
    async with upstream() as up, serving(up, environment=KEYS) as app, wired(app) as wire:
        await wire.send(head + b"host: localhost\r\n" + rest)
        raw = await wire.rest()
        assert raw.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nconnection: close\r\n" in raw
        await wire.is_cut()


async def test_who_still_sends_sees_the_answer() -> None:
    """A caller who reads only when it has sent everything is told, though nobody wanted the body."""
    async with upstream() as up, serving(up, environment=KEYS) as app, wired(app) as wire:
        await wire.send(HEAD + b"content-length: 20000000\r\n\r\n")
        await settled()
        for _ in range(20):
            await wire.send(b" " * 1_000_000)
        assert (await wire.rest()).startswith(b"HTTP/1.1 401 ")


async def test_who_sends_too_much_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is passed over is bounded too."""
    monkeypatch.setattr(Connection, "max_unread_bytes", 2**20)
    async with upstream() as up, serving(up, environment=KEYS) as app, wired(app) as wire:
        await wire.send(HEAD + b"content-length: 1000000000\r\n\r\n")
        await wire.is_cut(0.001, b" " * 2**17)


@pytest.mark.parametrize("size", [2, 60_000])
async def test_a_body_that_has_come_costs_no_connection(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal of a request that is here in full leaves the connection to the next one, and keeps nothing of it."""
    request = b"POST /v1/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % size + b" " * size
    connections: list[Connection] = []
    made = Connection.connection_made

    def noting(self: Connection, transport: asyncio.Transport) -> None:
        connections.append(self)
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", noting)
    async with upstream() as up, serving(up, environment=KEYS) as app, wired(app) as wire:
        for _ in range(3):
            await wire.send(request)
            raw = await wire.piece()
            assert raw.startswith(b"HTTP/1.1 401 ")
            assert b"connection: close" not in raw
            assert not connections[0].cycle.body


BODY = b'{"messages": [{"role": "user", "content": "hi"}]}'
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n"


@pytest.mark.parametrize("length", [b"content-length: %d\r\n" % len(BODY), b"transfer-encoding: chunked\r\n"])
async def test_a_wish_for_another_protocol_is_ignored(length: bytes) -> None:
    """Java's client sends one with each request: its body is read all the same, and the connection goes on."""
    body = BODY if b"length" in length else b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        for _ in range(2):
            await wire.send(HEAD + H2C + length + b"\r\n" + body)
            await wire.heard(b'"ab"')
    assert len(up.requests) == 2


@pytest.mark.parametrize("before_end", [1, 2, 3, 0])
@pytest.mark.parametrize("line", [b"\r\n", b"\n"], ids=["crlf", "lf"])
async def test_a_body_is_never_changed(before_end: int, line: bytes) -> None:
    """Whatever it holds, and wherever its head is cut: what looks like such a wish in it would make it longer and hide a request."""
    hidden = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx: %s\r\n\r\n"
    body = b"{}" + b"\r\nupgrade:a" * 40 + b"\r\n\r\n"
    body += (hidden % b"")[: 2 * 40]
    head = (HEAD + b"content-length: %d\r\n\r\n" % len(body)).replace(b"\r\n", line)
    cut_at = len(head) - before_end
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(head[:cut_at])
        await settled()
        await wire.send(head[cut_at:] + body)
        await settled()
        wire.end()
        answers = await wire.rest()
    assert answers.count(b"HTTP/1.1 ") == 1


async def test_no_request_is_smuggled_behind_another_protocol() -> None:
    """Where the wish comes in pieces the parser would take the body for a new request: it is not read, and the connection ends."""
    inner = HEAD + b"x-api-key: secret-1\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
    keys = {"TRIMARAN_API_KEYS": "ci=secret-1"}
    async with upstream() as up, serving(up, environment=keys) as app, wired(app) as wire:
        await wire.send(HEAD + b"connection: Upgr")
        await settled()
        await wire.send(b"ade\r\nupgra")
        await settled()
        await wire.send(b"de: h2c\r\ncontent-length: %d\r\n\r\n" % len(inner) + inner)
        answer = await wire.rest()
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert up.requests == []
