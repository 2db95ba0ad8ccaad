"""`/v1/chat/socket`: several conversations on one connection, cancelled one by one, at the pace of the reader."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.api.socket_session import MAX_MESSAGE_BYTES, SocketLimits
from tests.api.serving import MESSAGES, App, at_rest, serving, settled, until
from tests.api.upstream import Exchange, begun_then, chunk, complete, cut, held, paced, silence, upstream
from tests.clock import PATIENCE_S, Clock


class Talk:
    """A client of the socket that speaks in values."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def chat(self, id: str, **fields: Any) -> None:
        await self.say("chat", id=id, messages=MESSAGES, **fields)

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            heard: dict[str, Any] = json.loads(await self.socket.recv())
        return heard

    async def hear_until(self, type: str, id: str) -> list[dict[str, Any]]:
        """Everything up to the message of that type for that answer."""
        heard = [await self.hear()]
        while (heard[-1]["type"], heard[-1].get("id")) != (type, id):
            heard.append(await self.hear())
        return heard

    async def closed(self) -> int | None:
        """The code with which the other side closes."""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code


@asynccontextmanager
async def talking(app: App, **options: Any) -> AsyncIterator[Talk]:
    """A connection that has been told that it is ready."""
    async with connect(f"ws://127.0.0.1:{app.port}/v1/chat/socket", **options) as socket:
        talk = Talk(socket)
        assert (await talk.hear())["type"] == "ready"
        yield talk


async def test_an_answer_is_a_start_deltas_and_an_end() -> None:
    """The messages of one answer carry its id, its text in order, and at the end what it was made of."""
    async with upstream() as up, serving(up) as app, talking(app) as talk:
        await talk.chat("one", model="chat", temperature=0.5)
        start, *middle, end = await talk.hear_until("end", "one")
    assert start["type"] == "start"
    assert (start["model"], start["backend"], start["attempts"]) == ("chat", "up0", 1)
    assert "".join(delta["content"] for delta in middle) == "ab"
    assert {"finish_reason": "stop", "backend": "up0", "cost_usd": "0.000034"}.items() <= end.items()
    assert end["usage"]["total_tokens"] == 9
    assert up.requests[0].body["temperature"] == 0.5
    assert "id" not in up.requests[0].body


async def test_tool_calls_reasoning_and_choices_come_through() -> None:
    """What is not plain text has deltas of its own, and a second choice its index."""

    async def play(exchange: Exchange) -> None:
        function = {"name": "f", "arguments": "{}"}
        deltas = [
            {"index": 0, "delta": {"reasoning_content": "hm"}},
            {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": function}]}},
            {"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"},
            {"index": 0, "delta": {}, "finish_reason": "tool_calls"},
        ]
        await exchange.head()
        for choice in deltas:
            await exchange.send(b"data: " + json.dumps({"id": "c1", "choices": [choice]}).encode() + b"\n\n")
        await exchange.send(b"data: [DONE]\n\n")

    async with upstream(play) as up, serving(up) as app, talking(app) as talk:
        await talk.chat("one", n=2)
        _, *heard, _ = await talk.hear_until("end", "one")
    assert [{name: value for name, value in delta.items() if name not in ("type", "id")} for delta in heard] == [
        {"reasoning": "hm"},
        {"tool_call": {"index": 0, "arguments": "{}", "id": "t1", "name": "f"}},
        {"content": "x", "index": 1},
    ]


async def test_the_start_names_what_was_left_out() -> None:
    """A field that only hints, and that the backend does not know."""
    async with upstream() as up, serving(up) as app, talking(app) as talk:
        await talk.chat("a", prompt_cache_key="k")
        assert (await talk.hear())["ignored"] == ["prompt_cache_key"]
        await talk.hear_until("end", "a")
        await talk.chat("b")
        assert "ignored" not in await talk.hear()


async def test_tools_after_a_cut_reach_the_socket() -> None:
    """The first backend breaks off in its text, the next one goes on with a call: its parts are messages as ever."""
    called = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}

    async def calls(exchange: Exchange) -> None:
        choice = {"index": 0, "delta": {"tool_calls": [called]}, "finish_reason": None}
        event = b"data: " + json.dumps({"id": "c2", "model": "m", "choices": [choice]}).encode() + b"\n\n"
        await exchange.head()
        await exchange.send(event + chunk("", "tool_calls") + b"data: [DONE]\n\n")

    tools = [{"type": "function", "function": {"name": "look"}}]
    async with (
        upstream(begun_then(cut)) as first,
        upstream(calls) as second,
        serving(first, second) as app,
        talking(app) as talk,
    ):
        await talk.chat("a", tools=tools)
        heard = await talk.hear_until("end", "a")
    (call,) = [message["tool_call"] for message in heard if "tool_call" in message]
    assert (call["id"], call["name"], call["arguments"]) == ("call_1", "look", "{}")
    assert heard[-1]["finish_reason"] == "tool_calls"


async def test_conversations_run_side_by_side() -> None:
    """Two answers on one socket interleave, and each is whole."""
    more = asyncio.Event()
    script = begun_then(held(more, paced(3, 0, head=False)))
    async with upstream(script) as up, serving(up) as app, talking(app) as talk:
        await talk.chat("a")
        await talk.hear_until("delta", "a")
        await talk.chat("b")
        await talk.hear_until("delta", "b")
        more.set()
        heard = [await talk.hear()]
        while [message["type"] for message in heard].count("end") < 2:
            heard.append(await talk.hear())
    text = {
        id: "".join(each["content"] for each in heard if each["type"] == "delta" and each["id"] == id) for id in "ab"
    }
    assert text == {"a": "xxx", "b": "xxx"}


async def test_one_answer_can_be_cancelled_while_it_streams(clock: Clock) -> None:
    """Cancelling closes that answer's backend at once, without any time-out, and leaves the other answers running."""
    cancelled = asyncio.Event()
    script = begun_then(held(cancelled, paced(1, 0, head=False)))
    async with upstream(script) as up, serving(up) as app, talking(app) as talk:
        await talk.chat("a")
        await talk.hear_until("delta", "a")
        await talk.chat("b")
        await talk.hear_until("delta", "b")
        with clock.standing():
            await talk.say("cancel", id="a")
            end = (await talk.hear_until("end", "a"))[-1]
            await until(lambda: up.left_at)
        assert end["finish_reason"] == "cancelled"
        assert up.running == 1
        cancelled.set()
        assert (await talk.hear_until("end", "b"))[-1]["finish_reason"] == "stop"


async def test_an_answer_can_be_cancelled_before_it_begins() -> None:
    """A cancel that follows its chat at once ends an answer of which nothing has come."""
    async with upstream(silence) as up, serving(up) as app, talking(app) as talk:
        await talk.chat("a")
        await talk.say("cancel", id="a")
        assert (await talk.hear_until("end", "a"))[-1]["finish_reason"] == "cancelled"
        await until(lambda: not up.running)


async def test_leaving_stops_every_answer(clock: Clock) -> None:
    """When the socket closes, all its backends are let go at once, without any time-out."""
    async with upstream(begun_then(silence)) as up, serving(up) as app:
        async with talking(app) as talk:
            for id in "abc":
                await talk.chat(id)
                await talk.hear_until("delta", id)
            with clock.standing():
                await talk.socket.close()
                await until(lambda: len(up.left_at) == 3)
        await until(lambda: not app.lifecycle.running)
        assert await app.metric("trimaran_requests_total") == {
            '{endpoint="chat",model="chat",outcome="client_gone",revision="r1"}': 3
        }


async def test_an_error_ends_its_answer_and_nothing_else() -> None:
    """A cut, an unknown model and a bad field are errors with the answer's id; the socket goes on."""
    async with upstream(begun_then(cut)) as up, serving(up) as app, talking(app) as talk:
        await talk.chat("a")
        error = (await talk.hear_until("error", "a"))[-1]["error"]
        assert error["code"] == "cut"
        await talk.chat("b", model="no-such")
        assert (await talk.hear_until("error", "b"))[-1]["error"]["code"] == "model_not_found"
        await talk.chat("c", temperature=7)
        assert (await talk.hear_until("error", "c"))[-1]["error"]["param"] == "temperature"
        await talk.say("ping")
        assert await talk.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("{", None),
        ("[]", None),
        ('{"id": "x"}', "type"),
        ('{"type": "shout"}', "type"),
        ('{"type": "chat", "messages": []}', "id"),
        ('{"type": "chat", "id": 7}', "id"),
        (b"\xff\xfe", None),
    ],
)
async def test_a_message_that_cannot_be_read_is_answered(message: str | bytes, param: str | None) -> None:
    """A wrong message gets an error that names the field, and the socket goes on."""
    async with upstream() as up, serving(up) as app, talking(app) as talk:
        await talk.socket.send(message)
        heard = await talk.hear()
        assert heard["type"] == "error"
        assert heard["error"]["param"] == param
        await talk.chat("a")
        await talk.hear_until("end", "a")


async def test_an_id_is_used_by_one_running_answer() -> None:
    """A second chat with the id of one that runs is refused; after the end the id is free again."""
    refused = asyncio.Event()
    async with upstream(held(refused, complete)) as up, serving(up) as app, talking(app) as talk:
        await talk.chat("a")
        await talk.chat("a")
        assert (await talk.hear_until("error", "a"))[-1]["error"]["param"] == "id"
        refused.set()
        await talk.hear_until("end", "a")
        await talk.chat("a")
        assert len(await talk.hear_until("end", "a")) > 2


async def test_the_number_of_running_answers_is_limited() -> None:
    """One more than the limit is refused with code rate; it can be sent again when one has ended."""
    limits = SocketLimits(running=2)
    async with upstream(begun_then(silence)) as up, serving(up, socket_limits=limits) as app, talking(app) as talk:
        for id in "abc":
            await talk.chat(id)
        refused = (await talk.hear_until("error", "c"))[-1]
        assert refused["error"]["code"] == "rate"
        await talk.say("cancel", id="a")
        await talk.hear_until("end", "a")
        await talk.chat("c")
        await talk.hear_until("delta", "c")


async def test_a_message_has_a_largest_size() -> None:
    """A message over the limit closes the socket with 1009; it is not collected in memory first."""
    async with upstream() as up, serving(up) as app, talking(app) as talk:
        with contextlib.suppress(ConnectionClosed):
            await talk.socket.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert await talk.closed() == 1009


async def test_an_idle_socket_is_closed(clock: Clock) -> None:
    """Without a message or an answer for the idle limit the socket is closed normally; an answer that runs keeps it open."""
    limits, ending = SocketLimits(idle_s=10), asyncio.Event()
    script = begun_then(held(ending, paced(1, 0, head=False)))
    async with upstream(script) as up, serving(up, socket_limits=limits) as app, talking(app) as talk:
        with clock.standing():
            await talk.chat("a")
            await talk.hear_until("delta", "a")
            clock.go_on(15)
            await settled()
            ending.set()
            await talk.hear_until("end", "a")
            await until(lambda: not app.lifecycle.running)
            clock.go_on(9)
            await settled()
            assert app.lifecycle.sockets
            clock.go_on(2)
            assert await talk.closed() == 1000


async def test_a_slow_reader_slows_its_backends_down() -> None:
    """Of answers that nobody reads only what sockets and buffers hold is taken; other sockets go on meanwhile."""
    sent = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.head()
        event = chunk("x" * 30_000)
        for _ in range(2000 if exchange.body["messages"][0]["content"] == "hi" else 1):
            await exchange.send(event)
            sent += len(event)
        await exchange.send(chunk("", "stop") + b"data: [DONE]\n\n")

    async with upstream(endless) as up, serving(up) as app:
        async with talking(app, max_queue=1) as slow, talking(app) as quick:
            for id in "abc":
                await slow.chat(id)
            await until(lambda: sent)
            await at_rest(lambda: sent)
            assert sent < 3 * 24 * 2**20
            await quick.say("chat", id="q", messages=[{"role": "user", "content": "short"}])
            await quick.hear_until("end", "q")
            slow.socket.transport.abort()
        await until(lambda: not app.lifecycle.running)


async def test_two_hundred_sockets_answer_at_once() -> None:
    """Two hundred open sockets get their answers side by side, without an error."""
    async with upstream(paced(5, 0.05)) as up, serving(up) as app:
        talks = [talking(app, compression=None) for _ in range(200)]
        opened = await asyncio.gather(*(talk.__aenter__() for talk in talks))
        await asyncio.gather(*(talk.chat("a") for talk in opened))
        heard = await asyncio.gather(*(talk.hear_until("end", "a") for talk in opened))
        await asyncio.gather(*(talk.__aexit__(None, None, None) for talk in talks))
    assert {messages[-1]["finish_reason"] for messages in heard} == {"stop"}
