"""Ceilings, not products: servers that only pass bytes between the caller and the upstream, one over bare ASGI, one over FastAPI."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import aiohttp
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

PATH = "/v1/chat/completions"
HEADERS = {"content-type": "application/json", "accept-encoding": "identity"}


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False
    )


class BareAsgi:
    def __init__(self, upstream: str) -> None:
        self._url = upstream + PATH
        self._http: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await self._reply(send, 200, b"text/plain")
            await send({"type": "http.response.body", "body": b"ok"})
            return
        self._http = self._http or _session()
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body"):
                break
        async with self._http.post(self._url, data=body, headers=HEADERS) as answer:
            await self._reply(send, answer.status, answer.content_type.encode())
            async for raw in answer.content.iter_any():
                await send({"type": "http.response.body", "body": raw, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _reply(self, send: Send, status: int, content_type: bytes) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})


def bare_fastapi(upstream: str) -> FastAPI:
    app = FastAPI()
    shared: list[aiohttp.ClientSession] = []

    @app.get("/")
    async def alive() -> str:
        return "ok"

    @app.post(PATH)
    async def pass_on(request: Request) -> Response:
        if not shared:
            shared.append(_session())
        body = await request.body()
        answer = await shared[0].post(upstream + PATH, data=body, headers=HEADERS)
        if answer.content_type == "application/json":
            return Response(await answer.read(), media_type="application/json")

        async def raws() -> AsyncIterator[bytes]:
            async with answer:
                async for raw in answer.content.iter_any():
                    yield raw

        return StreamingResponse(raws(), media_type="text/event-stream")

    return app


if __name__ == "__main__":
    kind, port, upstream_url = sys.argv[1:]
    probe = BareAsgi(upstream_url) if kind == "asgi" else bare_fastapi(upstream_url)
    uvicorn.run(probe, port=int(port), log_level="error", access_log=False, lifespan="off", timeout_keep_alive=620)
