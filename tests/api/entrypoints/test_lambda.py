"""Behind the Lambda Web Adapter: by the requests that it sends, and, where it can be had, by the adapter itself under Lambda's Runtime API."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import psutil
import pytest

from providers.machine.ports import free_port
from tests.api.entrypoints.lambda_runtime import HOST, event, runtime
from tests.api.process import Process, refused, running_app
from tests.api.serving import CHAT, STREAM, routes_to, serving
from tests.api.upstream import DONE, WHOLE, Exchange, Upstream, chunk, complete, upstream

Test = TypeVar("Test", bound=Callable[..., Any])
KEY = {"x-api-key": "secret-1"}
ENVIRONMENT = {
    "TRIMARAN_ENTRYPOINT": "lambda",
    "TRIMARAN_API_KEYS": "ci=secret-1",
    "AWS_LWA_READINESS_CHECK_PATH": "/health/ready",
    "AWS_LWA_INVOKE_MODE": "response_stream",
}
# What the adapter adds to the function URL's own headers (its version 1.0.0-rc1, src/lib.rs, checked 2026-12-01).
BY_THE_ADAPTER = {
    "host": HOST,
    "x-amzn-request-context": json.dumps(event("/")["requestContext"]),
    "x-amzn-lambda-context": json.dumps({"request_id": "1", "deadline": 4000000000000, "env_config": {}}),
    "authorization": "AWS4-HMAC-SHA256 Credential=a/20261201/eu-central-1/lambda/aws4_request, SignedHeaders=host, Signature=b",
}


# Where the adapter is not installed it is built, which takes minutes; those that wait for it do so in one worker.
WITH_ADAPTER = (pytest.mark.long, pytest.mark.timeout(1800), pytest.mark.xdist_group("lambda-adapter"))


def with_adapter(test: Test) -> Test:
    for mark in WITH_ADAPTER:
        test = mark(test)
    return test


@asynccontextmanager
async def listening(routes: str, **environment: str) -> AsyncIterator[Process]:
    port = str(free_port())
    async with running_app(routes, {**ENVIRONMENT, "AWS_LWA_PORT": port, **environment}) as process:
        yield process


async def test_the_function_urls_name_is_answered_to() -> None:
    """The adapter hands on the caller's `Host` and the signature that the platform has checked; the app's key comes beside it."""
    async with upstream() as up, serving(up, environment=ENVIRONMENT) as app:
        async with app.post(CHAT, headers={**BY_THE_ADAPTER, **KEY}) as response:
            assert response.status == 200
        async with app.post(CHAT, headers=BY_THE_ADAPTER) as response:
            assert response.status == 401


async def test_it_listens_for_the_adapter_alone() -> None:
    """On loopback, at the adapter's port, whatever the image has set for a server."""
    async with upstream() as up, listening(routes_to(up), TRIMARAN_HOST="0.0.0.0", TRIMARAN_PORT="1") as process:
        [connection] = [each for each in psutil.Process(process.pid).net_connections("inet") if each.status == "LISTEN"]
        assert connection.laddr.ip == "127.0.0.1"
        assert process.log[-1]["message"] == f"listening on 127.0.0.1 port {connection.laddr.port}"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TRIMARAN_API_KEYS": ""}, "TRIMARAN_ENTRYPOINT=lambda is open to others and no key is set"),
        ({"AWS_LWA_READINESS_CHECK_PATH": "/"}, "AWS_LWA_READINESS_CHECK_PATH is /, which answers before the model is"),
        ({"AWS_LWA_PORT": "x"}, "AWS_LWA_PORT='x' cannot be used"),
        ({"PORT": "70000"}, "PORT='70000' cannot be used"),
    ],
)
async def test_what_would_go_wrong_later_is_refused(environment: dict[str, str], message: str) -> None:
    """A function URL may be open to the world, so loopback is no protection; the other words name the variable."""
    routes = "version: 1\nbackends: {a: {adapter: embedded}}\nmodels: {m: {backends: [{use: a}]}}"
    assert message in await refused({**ENVIRONMENT, "TRIMARAN_ROUTES_YAML": routes, **environment})


class Keeping:
    """A backend that keeps its connections; ``made`` counts them. Those it has forgotten it breaks off when something comes over them."""

    def __init__(self) -> None:
        self.made = 0
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        self._open.add(writer)
        body = json.dumps(WHOLE).encode()
        answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) and writer not in self._forgotten:
                size = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(size.partition(b":")[2]))
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the app has closed it, or this has
        self._open.discard(writer)
        writer.transport.abort()

    def close_all(self) -> None:
        for writer in self._open:
            writer.close()

    def forget_all(self) -> None:
        """As where the news of the closing is lost, or comes after the next request."""
        self._forgotten |= self._open


@pytest.mark.parametrize("die", [Keeping.close_all, Keeping.forget_all], ids=["closed", "forgotten"])
@pytest.mark.parametrize("count", [1, 3])
async def test_connections_that_died_in_the_freeze_cost_nobody_an_answer(
    count: int, die: Callable[[Keeping], None]
) -> None:
    """Between two invocations the process stands still, and does not see its backend close what it keeps; the next request is sent anew."""
    backend = Keeping()
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    backend.port = server.sockets[0].getsockname()[1]
    async with (
        server,
        listening(routes_to(Upstream(backend.port))) as process,
        aiohttp.ClientSession(process.url, headers=KEY) as client,
    ):

        async def answered() -> tuple[int, str]:
            async with client.post("/v1/chat/completions", json=CHAT) as response:
                return response.status, response.headers["x-trimaran-attempts"]

        await asyncio.gather(*(answered() for _ in range(count)))
        process.send_signal(signal.SIGSTOP)
        die(backend)
        before = backend.made
        asking = asyncio.gather(*(answered() for _ in range(count)))
        await asyncio.sleep(0.1)  # the requests are there when the process goes on
        process.send_signal(signal.SIGCONT)
        assert await asking == [(200, "1")] * count
        assert backend.made > before


async def test_the_end_is_at_once() -> None:
    """A platform that shuts down waits 300 ms: nothing is drained, and the process ends of itself."""
    async with upstream() as up, listening(routes_to(up)) as process:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert any("have 0 s to finish" in line["message"] for line in process.log)


@asynccontextmanager
async def invoked(routes: str, **environment: str) -> AsyncIterator[Any]:
    """The app behind the real adapter; the adapter is there first, as on the platform."""
    given = {**ENVIRONMENT, "AWS_LWA_PORT": str(free_port()), "PATH": os.environ["PATH"], **environment}
    async with runtime(given) as api:
        assert not api.asked.is_set()
        async with running_app(routes, given), asyncio.timeout(60):
            await api.asked.wait()
            yield api


@with_adapter
async def test_the_adapter_streams() -> None:
    """Event by event, behind status and headers in the form that function URLs read."""
    more = asyncio.Event()

    async def halfway(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.send(chunk("a"))
        await more.wait()
        await exchange.send(chunk("b") + chunk("", "stop") + DONE)

    async with upstream(halfway) as up, invoked(routes_to(up)) as api:
        invocation = api.invoke(event("/v1/chat/completions", STREAM, KEY))
        await invocation.until(chunk("a"))
        assert not invocation.over.is_set()
        more.set()
        head, body = await invocation.prelude()
    assert invocation.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert invocation.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert (head["statusCode"], head["headers"]["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert body.endswith(DONE)


@with_adapter
async def test_the_adapter_hands_on_statuses_and_errors() -> None:
    """One environment answers them one after the other: a refusal is an answer, and no failed invocation."""
    async with upstream() as up, invoked(routes_to(up)) as api:
        whole, keyless, wrong = [
            await api.invoke(each).prelude()
            for each in (
                event("/v1/chat/completions", CHAT, KEY),
                event("/v1/chat/completions", CHAT),
                event("/v1/chat/completions", {**CHAT, "temperature": 9}, KEY),
            )
        ]
    assert [head["statusCode"] for head, _ in (whole, keyless, wrong)] == [200, 401, 400]
    assert json.loads(whole[1])["choices"][0]["message"]["content"] == "ab"
    assert json.loads(wrong[1])["error"]["param"] == "temperature"


@with_adapter
async def test_the_adapter_buffers_where_it_is_told_so() -> None:
    """A stream then comes as one body, for a function URL that streams nothing."""
    async with upstream(complete) as up, invoked(routes_to(up), AWS_LWA_INVOKE_MODE="buffered") as api:
        invocation = api.invoke(event("/v1/chat/completions", STREAM, KEY))
        await invocation.over.wait()
    answer = json.loads(invocation.answer)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert answer["body"].endswith(DONE.decode())
