"""No request makes the app fail: whatever comes, the answer is no 5xx of the app's own making, and the connection's next request is answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.api import fuzz
from tests.api.fuzz import Sent
from tests.api.serving import App, serving
from tests.api.upstream import Exchange, upstream
from tests.clock import PATIENCE_S

LONGEST_ERROR = 2_000  # bytes: what we say ourselves, and at most 200 characters of what was sent

ROUTES = """
version: 1
backends:
  one: {{adapter: openai_compatible, base_url: "{url}", model: m-1, capabilities: {{context: 128000}},
         price: {{input_usd_per_mtok: "1", output_usd_per_mtok: "1"}}}}
  two: {{adapter: vllm, base_url: "{url}", model: m-2}}
  three: {{adapter: openai, base_url: "{url}", model: m-3, key_env: KEY}}
  claude: {{adapter: anthropic, base_url: "{url}", model: claude-x, key_env: KEY}}
models:
  open: {{strategy: cheapest, sticky: session, system_prompt: "Be kind.", hold_structured: true,
          backends: [{{use: one}}, {{use: two}}], when_down: [cache]}}
  claude: {{sticky: session, system_prompt: "Be kind.", backends: [{{use: claude}}]}}
  both: {{strategy: cheapest, sticky: session, backends: [{{use: claude}}, {{use: three}}]}}
default_model: open
"""


async def good_vendor(exchange: Exchange) -> None:
    """Answers on every path as its vendor does, with as many choices as are asked for, so that a failure is the app's."""
    if exchange.path.endswith("/messages"):
        await _anthropic(exchange)
    elif exchange.path.endswith("/embeddings"):
        one = {"object": "embedding", "index": 0, "embedding": [0.5]}
        await exchange.json({"object": "list", "model": "m", "data": [one], "usage": {"prompt_tokens": 1}})
    else:
        await _openai(exchange)


async def _openai(exchange: Exchange) -> None:
    is_chat = exchange.path.endswith("/chat/completions")
    part = "delta" if exchange.streams else "message"
    said: dict[str, Any] = {part: {"role": "assistant", "content": "{}"}} if is_chat else {"text": "{}"}
    choices = [{"index": i, **said, "finish_reason": "stop"} for i in range(exchange.body.get("n") or 1)]
    answer = {"id": "c1", "object": "x", "created": 1, "model": "m", "choices": choices}
    if exchange.streams:
        await exchange.head()
        await exchange.send(f"data: {json.dumps(answer)}\n\ndata: [DONE]\n\n".encode())
    else:
        await exchange.json(answer)


async def _anthropic(exchange: Exchange) -> None:
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "claude-x", "stop_sequence": None}
    usage = {"input_tokens": 3, "output_tokens": 2}
    if not exchange.streams:
        said = {"content": [{"type": "text", "text": "{}"}], "stop_reason": "end_turn", "usage": usage}
        await exchange.json(message | said)
        return
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message | {"content": [], "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "{}"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    await exchange.head()
    await exchange.send(b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events))


@asynccontextmanager
async def fuzzed() -> AsyncIterator[App]:
    async with upstream(good_vendor) as up:
        url = up.url.removesuffix("/v1")
        text = ROUTES.format(url=url)
        async with serving(environment={"KEY": "k"}, routes_text=text) as app:
            yield app


class Client:
    """One caller, who keeps its ``connection`` as long as no answer says that it ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, sent: Sent) -> tuple[int, bytes]:
        """Status and body. Raises IncompleteReadError when the connection ended without an answer."""
        if self.connection is None:
            self.connection = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        reader, writer = self.connection
        with contextlib.suppress(ConnectionError):  # what was said before the end can still be read
            writer.write(sent.raw(f"127.0.0.1:{self._port}"))
            await writer.drain()
        async with asyncio.timeout(PATIENCE_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body = await _body(reader, head, has_none=sent.method == "HEAD")
        if "connection: close" in head:
            self.close()
        return int(head.split(" ", 2)[1]), body

    def close(self) -> None:
        if self.connection is not None:
            self.connection[1].close()
            self.connection = None


async def _body(reader: asyncio.StreamReader, head: str, *, has_none: bool) -> bytes:
    if has_none or head.startswith(("http/1.1 304", "http/1.1 204")):
        return b""
    if "transfer-encoding: chunked" in head:
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)
    _, _, rest = head.partition("content-length: ")
    return await reader.readexactly(int(rest.split("\r\n")[0]))


async def wrongs(app: App, asked: Iterable[Sent]) -> list[str]:
    """What came that must not."""
    client, found = Client(app.port), []
    statuses: Counter[int] = Counter()
    for sent in asked:
        try:
            status, body = await client.ask(sent)
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError) as error:
            found.append(f"{type(error).__name__}: {sent.raw('h')[:600]!r}")
            client.close()
            continue
        statuses[status] += 1
        is_event = status == 200 and b'"error"' in body and b'"server_error"' in body
        too_long = status >= 400 and len(body) > LONGEST_ERROR
        if status >= 500 or is_event or too_long:
            found.append(f"{status} {body[:300]!r}: {sent.raw('h')[:1500]!r}")
    client.close()
    assert statuses[200] > sum(statuses.values()) / 20, f"hardly anything was good: {statuses}"
    return found


async def _try(asked: Iterable[Sent]) -> None:
    async with fuzzed() as app:
        found = await wrongs(app, asked)
        assert found == []
        assert await app.metric("trimaran_defects_total") == {'{revision="r1"}': 0.0}


async def test_no_request_is_answered_by_a_defect_of_ours() -> None:
    """Wrong types at every depth, numbers out of range, broken bytes, odd headers, paths and methods."""
    await _try(fuzz.requests(1, 600))


@pytest.mark.parametrize("step", [71, pytest.param(1, marks=pytest.mark.long)], ids=["some", "all"])  # 41,000 requests
async def test_no_odd_value_in_any_place_is_a_defect_of_ours(step: int) -> None:
    """One at a time, so that none hides behind another; and in fields that the path does not have."""
    await _try(fuzz.each_place(step))


@pytest.mark.long  # half a minute on a quiet machine, and several on a busy one: 20,000 requests
@pytest.mark.parametrize("seed", range(2, 6))
async def test_none_of_twenty_thousand_requests_is_answered_by_a_defect_of_ours(seed: int) -> None:
    """The same, as often as an attacker would try."""
    await _try(fuzz.requests(seed, 5_000))


async def _say_all(app: App, said: Iterable[str | bytes]) -> list[str]:
    """What a WebSocket answered that it must not; it must hear each message and go on."""
    found, ends = [], 0
    async with connect(f"ws://127.0.0.1:{app.port}/v1/chat/socket", max_size=2**24) as socket:
        for message in said:
            await socket.send(message)
            await socket.send('{"type": "ping"}')
            heard: dict[str, Any] = {"type": ""}
            async with asyncio.timeout(PATIENCE_S):
                while heard["type"] != "pong":
                    heard = json.loads(await socket.recv())
                    ends += heard["type"] == "end"
                    if heard["type"] == "error" and heard["error"]["type"] == "server_error":
                        found.append(f"{heard}: {message[:1500]!r}")
    assert ends, "not one message was good"
    return found


@pytest.mark.parametrize(
    "count",
    [200, pytest.param(5_000, marks=pytest.mark.long)],
)
async def test_no_message_on_a_socket_is_answered_by_a_defect_of_ours(count: int) -> None:
    """Nor does any end the socket for those that follow."""
    async with fuzzed() as app:
        assert await _say_all(app, fuzz.messages(7, count)) == []
        assert await app.metric("trimaran_defects_total") == {'{revision="r1"}': 0.0}
