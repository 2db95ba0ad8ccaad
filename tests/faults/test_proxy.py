"""The faults themselves: a proxy that did not break what it says it breaks would prove nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import aiohttp
import pytest

from delivery.drill.addresses import black_hole, refusing
from tests.faults.answers import Act, Break, Fault, Point, Respelled, Spelling, is_content, is_finish, respelled
from tests.faults.callers import asked
from tests.faults.models import TEXT, VENDORS, Model
from tests.faults.proxy import FaultProxy
from tests.inference.fakes.vendor import Said

FAULTS: dict[str, Fault] = {
    **{f"{act.name.lower()}": Break(at=Point.CONTENT, then=act, pieces=2) for act in Act},
    "nothing": Break(at=Point.NOTHING, then=Act.FIN),
    "half-head": Break(at=Point.HALF_HEAD, then=Act.FIN),
    "half-event": Break(at=Point.HALF_EVENT, then=Act.END, pieces=1),
    "finish": Break(at=Point.FINISH, then=Act.END),
    "split": Respelled(how=Spelling.SPLIT),
}


@pytest.fixture(params=["openai", "anthropic"])
async def proxy(request: pytest.FixtureRequest) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(Model(request.param), FAULTS, pause_s=0.1) as made:
        yield made


async def heard(proxy: FaultProxy, fault: str, enough: Callable[[bytes], bool] = lambda _: False) -> bytes:
    """All that comes, over a bare connection, until the proxy ends it or it is enough, and what else comes in the next 0.2 s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    body = str(asked("m", fault, stream=True)).replace("'", '"').replace("True", "true").encode()
    writer.write(b"POST /v1/x HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    got = b""
    try:
        async with asyncio.timeout(60):
            while not enough(got) and (part := await reader.read(2**16)):
                got += part
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                got += await reader.read(2**20)
    finally:
        writer.close()
    return got


def pieces_in(got: bytes) -> int:
    return got.count(b'"content": "') + got.count(b'"text_delta"')


@pytest.mark.parametrize(
    ("fault", "pieces", "ended"),
    [
        ("none", 12, True),
        ("fin", 2, False),
        ("end", 2, True),
        ("silence", 2, False),
        ("pause", 12, True),
        ("nothing", 0, False),
        ("half-head", 0, False),
        ("finish", 12, True),
        ("split", 12, True),
    ],
)
async def test_an_answer_breaks_where_it_should(proxy: FaultProxy, fault: str, pieces: int, ended: bool) -> None:
    """As many pieces of content go out as the fault lets through, and the HTTP body ends or does not."""
    got = await heard(proxy, fault, lambda got: got.endswith(b"0\r\n\r\n") if ended else 0 < pieces <= pieces_in(got))

    assert pieces_in(got) in (pieces, pieces + 1)  # OpenAI's role has a content
    assert got.endswith(b"0\r\n\r\n") is ended
    assert proxy.asked[fault] == 1


async def test_a_reset_is_a_reset(proxy: FaultProxy) -> None:
    """RST, not FIN: the two are different errors to whoever reads."""
    with pytest.raises(ConnectionResetError):
        await heard(proxy, "reset")


async def test_pings_go_on_as_long_as_somebody_listens(proxy: FaultProxy) -> None:
    """Bytes without content, and no end."""
    assert (await heard(proxy, "pings", lambda got: got.count(b"ping") > 4)).count(b"ping") > 4


def test_nobody_listens_at_the_refusing_address() -> None:
    """Refused at once."""
    with refusing() as url, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30)


def test_nothing_comes_back_from_the_black_hole() -> None:
    """Neither accepted nor refused."""
    with black_hole() as url, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=0.1)


async def test_a_caller_that_leaves_ends_the_silence(proxy: FaultProxy) -> None:
    """Nothing of the proxy is left behind a test."""
    async with aiohttp.ClientSession() as http, http.post(f"{proxy.url}/v1/x", json=asked("m", "silence", stream=True)):
        pass
    async with asyncio.timeout(60):
        while proxy.busy:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("vendor", list(VENDORS.values()), ids=list(VENDORS))
def test_events_are_told_apart(vendor: object) -> None:
    """Content and the finish reason are found on either wire; role, ping, usage and end mark are neither."""
    events = vendor.stream(Said(text=("a", "b")))  # type: ignore[attr-defined]

    assert sum(map(is_content, events)) == 2
    assert sum(map(is_finish, events)) == 1


@pytest.mark.parametrize("how", list(Spelling))
def test_a_respelled_event_says_the_same(how: Spelling) -> None:
    """What is split stays whole when joined, and no text is lost."""
    events = VENDORS["openai"].stream(Said(text=(TEXT,)))
    joined = b"".join(part for event in events for part in respelled(event, how))

    assert joined.count(b"\n\n" if how is not Spelling.CRLF else b"\r\n\r\n") >= len(events) - 1
    assert "三体船".encode() in joined
