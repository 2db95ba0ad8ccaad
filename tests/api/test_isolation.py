"""One caller's request harms no other: neither by what its provider said, nor by how its provider failed, nor by how long it is to wait."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from app.inference.retry_after import LONGEST_S, retry_after_s
from tests.api.serving import CHAT, STREAM, App, routes_to, serving, settled, until
from tests.api.upstream import DONE, Exchange, Script, begun_then, complete, upstream
from tests.clock import Clock

KEY = "sk-live/Ab12+xyz.9"
SECRET = "the secret plan"
ASKED = {"messages": [{"role": "user", "content": SECRET}]}
SPELLINGS = {
    "plain": KEY,
    "escaped": "".join(f"\\u{ord(letter):04x}" for letter in KEY),
    "in part": KEY.replace("/", "\\/").replace("A", "\\u0041").replace("x", "\\u0078"),
}


def answering(body: str, status: int = 200, content_type: str = "application/json") -> Script:
    async def play(exchange: Exchange) -> None:
        await exchange.head(status, content_type)
        await exchange.send(body.encode())

    return play


def streaming(*events: str) -> Script:
    async def play(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.send("".join(f"data: {event}\n\n" for event in events).encode())

    return play


def quoting(said: str) -> Iterator[tuple[str, Script, bool]]:
    """How a provider may put ``said``, JSON text, into what it answers; and whether the request is a stream."""
    error = f'{{"error": {{"message": "key {said} is unknown", "type": "x", "param": "{said}", "code": "{said}"}}}}'
    for status in (400, 401, 404, 413, 429, 500, 503):
        yield f"{status}", answering(error, status), False
    yield "400 without an object", answering(f'{{"error": "key {said}"}}', 400), False
    yield "400 of a shape unknown", answering(f'{{"error": {{"message": {{"detail": "key {said}"}}}}}}', 400), False
    yield "500 in words", answering(f"key {said}", 500, "text/plain"), False
    yield "200 with an error", answering(error), False
    yield "200 with an error and no choices", answering(f'{{"choices": [], {error[1:]}'), False
    yield "200 without choices", answering(f'{{"key": "{said}"}}'), False
    yield "200 in words, the key across the end of what is shown", answering("x" * 72 + said, 200, "text/html"), False
    yield "first event", streaming(error), True
    yield "first event with choices", streaming(f'{{"choices": [], {error[1:]}'), True
    yield "an event that is no JSON", streaming(f'{{"key": "{said}'), True
    yield "an event in words", streaming("x" * 72 + said), True
    yield "an event behind content", begun_then(streaming_more(error)), True


def streaming_more(event: str) -> Script:
    async def play(exchange: Exchange) -> None:
        await exchange.send(f"data: {event}\n\n".encode() + DONE)

    return play


CASES = {
    f"{how}, {spelling}": (script, stream)
    for spelling, said in SPELLINGS.items()
    for how, script, stream in quoting(said)
}


def routes_of(adapter: str, url: str) -> str:
    base = url if adapter == "openai_compatible" else url.removesuffix("/v1")
    return (
        f"version: 1\nbackends: {{up0: {{adapter: {adapter}, base_url: '{base}', model: mock-1, key_env: UP_KEY}}}}\n"
        "models: {chat: {backends: [{use: up0}], retries: 0}}\ndefault_model: chat\n"
    )


def everything(text: str) -> str:
    """``text``, and what a reader makes of the escapes in it."""
    return (
        text
        + text.encode().decode("unicode_escape", errors="replace")
        + text.replace("\\\\", "\\").encode().decode("unicode_escape", errors="replace")
    )


@pytest.mark.parametrize("adapter", ["openai_compatible", "anthropic"])
@pytest.mark.parametrize("case", CASES)
async def test_no_answer_and_no_log_line_has_the_key(case: str, adapter: str, caplog: pytest.LogCaptureFixture) -> None:
    """However a provider quotes the credential that it was sent, nobody is shown it, with prompts in the log too."""
    script, stream = CASES[case]
    environment = {"UP_KEY": KEY, "TRIMARAN_LOG_PROMPTS": "1"}
    with caplog.at_level(logging.INFO):
        async with (
            upstream(script) as up,
            serving(environment=environment, routes_text=routes_of(adapter, up.url)) as app,
            app.post(STREAM if stream else CHAT) as response,
        ):
            heard = f"{response.headers} {await response.text()}"
    logged = json.dumps([record.__dict__.get("fields") for record in caplog.records])
    assert '"error"' in heard
    assert KEY not in everything(heard)
    assert KEY not in everything(logged)
    assert KEY[:8] not in everything(heard)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429, 500, 503])
async def test_a_prompt_that_a_provider_quotes_is_not_logged(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """The line has the kind, the status and what looks like a code, a field or an id; the caller itself hears the words."""

    async def quote(exchange: Exchange) -> None:
        error = {"message": f"no: {SECRET}", "type": "some_error", "param": SECRET, "code": "some_code"}
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nx-request-id: req_123\r\nconnection: close\r\n\r\n"
        await exchange.send(head.encode() + json.dumps({"error": error}).encode())

    with caplog.at_level(logging.INFO):
        async with upstream(quote) as up, serving(up) as app, app.post(ASKED) as response:
            heard = await response.text()
    (line,) = [record.__dict__["fields"] for record in caplog.records if record.name == "app.request"]
    (attempt, *_) = line["attempts"]
    assert SECRET not in json.dumps(line)
    assert (attempt["status"], attempt["code"], attempt["provider_request_id"]) == (status, "some_code", "req_123")
    assert "param" not in attempt
    assert (SECRET in heard) == (status not in (401, 403))


@pytest.mark.parametrize("probe", ["answered", "unanswered"])
async def test_a_prompt_quoted_to_one_is_never_told_to_another(caplog: pytest.LogCaptureFixture, probe: str) -> None:
    """While the circuit is open because of A's requests, B hears its own answer; or, with none, that the backend failed, and when."""

    another_waits = asyncio.Event()

    async def fail(exchange: Exchange) -> None:
        is_probe = exchange.body["max_tokens"] == 7
        if is_probe:
            await another_waits.wait()
        if is_probe and probe == "unanswered":
            return  # the connection is closed
        await exchange.json({"error": {"message": f"crashed at: {exchange.body['messages'][0]['content']}"}}, 500)

    async def ask(app: App, body: dict[str, Any]) -> str:
        async with app.post(body) as response:
            text: str = await response.text()
            return text

    with caplog.at_level(logging.INFO):
        async with upstream(fail) as up, serving(up) as app:
            for _ in range(3):
                assert SECRET in await ask(app, ASKED | {"max_tokens": 6})
            asked_before = len(up.requests)
            probing = asyncio.create_task(ask(app, ASKED | {"max_tokens": 7}))
            await until(lambda: len(up.requests) > asked_before)
            waiting = asyncio.create_task(ask(app, CHAT | {"max_tokens": 8}))
            await until(lambda: len(app.lifecycle.running) == 2)
            await settled()
            assert len(up.requests) == asked_before + 1
            another_waits.set()
            own, other = await asyncio.gather(probing, waiting)
    assert (SECRET in own) == (probe == "answered")
    assert SECRET not in other
    heard = {
        "answered": f"crashed at: {CHAT['messages'][0]['content']}",
        "unanswered": "backend 'up0' could not be reached ",
    }
    assert heard[probe] in other
    assert SECRET not in json.dumps([record.__dict__.get("fields") for record in caplog.records])


async def test_one_answer_that_breaks_off_shuts_out_nobody() -> None:
    """With a single backend: one rescue, then an honest end; others are answered meanwhile and after it."""

    async def cut_for_one(exchange: Exchange) -> None:
        if SECRET in json.dumps(exchange.body):
            await exchange.head()
            await exchange.send(b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n')
        else:
            await complete(exchange)

    async with upstream(cut_for_one) as up, serving(up) as app:
        for _ in range(2):
            asked_before = len(up.requests)
            async with app.post(ASKED | {"stream": True}) as response:
                assert b'"cut"' in await response.read()
            assert len(up.requests) - asked_before <= 2
            async with app.post(CHAT) as response:
                assert response.status == 200


@contextmanager
def late_to_accept(after_s: float) -> Iterator[tuple[int, asyncio.Task[None]]]:
    """A port whose queue is full, so that the kernel drops each SYN, and which serves after ``after_s``."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(8):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filling.connect(listening.getsockname())
        listening.setblocking(False)

        async def serve() -> None:
            await asyncio.sleep(after_s)
            listening.listen(1024)
            async with upstream() as up:
                server = await asyncio.start_server(up.serve, sock=listening)
                async with server:
                    await asyncio.sleep(60)

        task = asyncio.create_task(serve())
        yield listening.getsockname()[1], task
        task.cancel()


async def test_a_gap_in_accepting_costs_nobody_an_answer() -> None:
    """Twenty callers come while a provider accepts no connection for 0.6 s: the kernel sends each SYN again after 1 s, and all are answered."""
    with late_to_accept(0.6) as (port, serving_late):
        routes = routes_of("openai_compatible", f"http://127.0.0.1:{port}/v1").replace(", key_env: UP_KEY", "")
        async with serving(routes_text=routes) as app:

            async def ask() -> int:
                async with app.post(CHAT) as response:
                    status: int = response.status
                    return status

            assert await asyncio.gather(*(ask() for _ in range(20))) == [200] * 20
        serving_late.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving_late


@pytest.mark.parametrize(
    ("headers", "told_s"),
    [
        ({"retry-after": "3600"}, 3600),
        ({"retry-after": "31536000"}, LONGEST_S),
        ({"retry-after": "1e308"}, LONGEST_S),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "9" * 300 + "d"}, LONGEST_S),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": ""}, None),
        ({}, None),
    ],
    ids=lambda value: (
        "; ".join(f"{name} {text[:12]}" for name, text in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_when_to_ask_again(headers: dict[str, str], told_s: float | None) -> None:
    """Numbers, dates and limits that are used up; what cannot be understood is none, and nothing is longer than a day."""
    assert retry_after_s(headers) == told_s


def test_a_date_is_understood() -> None:
    """RFC 9110 allows either form."""
    assert retry_after_s({"retry-after": email.utils.formatdate(time.time() + 1800, usegmt=True)}) == pytest.approx(
        1800, abs=2
    )


@asynccontextmanager
async def limited(retry_after: str) -> AsyncIterator[tuple[App, list[Exchange]]]:
    async def refuse(exchange: Exchange) -> None:
        head = f"HTTP/1.1 429 X\r\ncontent-type: application/json\r\nretry-after: {retry_after}\r\nconnection: close\r\n\r\n"
        await exchange.send(head.encode() + b'{"error": {"message": "slow down", "type": "rate_limit"}}')

    async with upstream(refuse) as up, serving(routes_text=routes_to(up)) as app:
        yield app, up.requests


@pytest.mark.parametrize(("asked", "told"), [("3600", "3600"), ("1e308", "86400"), ("31536000", "86400")])
async def test_a_caller_hears_the_providers_own_number(asked: str, told: str, clock: Clock) -> None:
    """Up to a day; the one who comes next hears what is left of it, without the provider being asked; this app looks again after a minute."""
    async with limited(asked) as (app, requests):
        with clock.standing():
            for gone_s in (0, 10):
                clock.go_on(gone_s)
                async with app.post(CHAT) as response:
                    assert response.status == 429
                    assert int(response.headers["retry-after"]) == int(told) - gone_s
            assert len(requests) == 1
            async with app.get("/v1/routes") as response:
                (backend,) = (await response.json())["models"]["chat"]["backends"]
            assert backend["asked_again_in_s"] == 50
