"""AWS Lambda on loopback: its Runtime API, as far as the Lambda Web Adapter speaks it, and the adapter itself as a process.

Paths, headers and the form of a streamed answer: "Building a custom runtime" and "Runtime API" in Lambda's documentation (checked 2026-12-01).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from delivery.cache import cache

VERSION = "1.0.0-rc1"
HOST = "abc123.lambda-url.eu-central-1.on.aws"  # whatever it is called, it is no name of loopback's
END_OF_PRELUDE = bytes(8)
_INVOCATION = "/2018-06-01/runtime/invocation"
# Minutes instead of a quarter of an hour: what is tested is what it says, not how fast.
_QUICK_BUILD = {
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
}


def adapter() -> str:
    """The Lambda Web Adapter: the one on PATH, or else built by cargo from its package, once for all clones."""
    if found := shutil.which("lambda-adapter"):
        return found
    folder = cache() / f"lambda-adapter-{VERSION}"
    built = folder / "bin" / "lambda-adapter"
    if not built.exists():
        if shutil.which("cargo") is None:
            pytest.skip("neither lambda-adapter nor cargo, which builds it, is on PATH")
        package = ("lambda_web_adapter", "--version", VERSION, "--locked", "--quiet")
        subprocess.run(
            ["cargo", "install", *package, "--root", folder, "--target-dir", folder / "build"],
            env={**os.environ, **_QUICK_BUILD},
            check=True,
        )
        shutil.rmtree(folder / "build")
    return str(built)


def event(path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a function URL makes of a request (payload format 2.0)."""
    method = "GET" if body is None else "POST"
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "test"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": HOST, "content-type": "application/json", "x-forwarded-proto": "https", **(headers or {})},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc123",
            "domainName": HOST,
            "domainPrefix": "abc123",
            "http": http,
            "requestId": "r-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Dec/2026:00:00:00 +0000",
            "timeEpoch": 1796083200000,
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


class Invocation:
    """One event, and what came back for it, as it came."""

    def __init__(self, number: int, event: Mapping[str, Any]) -> None:
        self.id = f"invocation-{number}"
        self.event = event
        self.headers: Mapping[str, str] = {}
        self.answer = b""
        self.came = asyncio.Event()
        self.over = asyncio.Event()

    async def until(self, text: bytes) -> None:
        """Returns when ``text`` has come."""
        while text not in self.answer:
            self.came.clear()
            await self.came.wait()

    async def prelude(self) -> tuple[dict[str, Any], bytes]:
        """Status and headers of a streamed answer that is over, and its body."""
        await self.over.wait()
        head, _, body = self.answer.partition(END_OF_PRELUDE)
        return json.loads(head), body


class Runtime:
    """``asked``: the adapter has asked for an invocation, so its initialisation is over."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._waiting: asyncio.Queue[Invocation] = asyncio.Queue()
        self._running: dict[str, Invocation] = {}

    def invoke(self, event: Mapping[str, Any]) -> Invocation:
        invocation = Invocation(len(self._running), event)
        self._running[invocation.id] = invocation
        self._waiting.put_nowait(invocation)
        return invocation

    async def next(self, request: web.Request) -> web.Response:
        del request
        self.asked.set()
        invocation = await self._waiting.get()
        headers = {
            "lambda-runtime-aws-request-id": invocation.id,
            "lambda-runtime-deadline-ms": "4000000000000",
            "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:123456789012:function:chat",
            "lambda-runtime-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
        }
        return web.json_response(invocation.event, headers=headers)

    async def response(self, request: web.Request) -> web.Response:
        invocation = self._running[request.match_info["id"]]
        invocation.headers = request.headers
        async for part, _ in request.content.iter_chunks():
            invocation.answer += part
            invocation.came.set()
        invocation.over.set()
        return web.Response(status=202)

    async def register(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({}, headers={"lambda-extension-identifier": "adapter-1"})

    async def wait(self, request: web.Request) -> web.Response:
        """An extension that wants no events waits for ever."""
        del request
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")


@asynccontextmanager
async def runtime(environment: Mapping[str, str]) -> AsyncIterator[Runtime]:
    """The Runtime API with the adapter at work, told by ``environment`` where the app is."""
    api = Runtime()
    served = web.Application()
    served.router.add_get(f"{_INVOCATION}/next", api.next)
    served.router.add_post(f"{_INVOCATION}/{{id}}/response", api.response)
    served.router.add_post("/2020-01-01/extension/register", api.register)
    served.router.add_get("/2020-01-01/extension/event/next", api.wait)
    runner = web.AppRunner(served, shutdown_timeout=0.1)  # 0 would be none at all
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    process = await asyncio.create_subprocess_exec(
        adapter(),
        env={
            **environment,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "chat",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        },
    )
    try:
        yield api
    finally:
        process.kill()
        await process.wait()
        await runner.cleanup()
