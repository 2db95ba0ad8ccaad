"""The outgoing HTTP connections that all adapters share, and the answers that come over them as server-sent events or as one JSON body.

aiohttp's defaults are changed where they hurt an LLM: no total time limit (the router has one), no limit of connections, no compression
(a compressed stream is buffered), no cookies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec

from app.logic.answer import Batch, Failure, Kind
from app.wire import sse
from app.wire.codecs import Codec
from app.wire.events import End, Garbled, Usage, Wire

KEEP_ALIVE_S = 15.0  # below what servers and load balancers keep, so that a pooled connection is rarely a dead one
MAX_EVENT_BYTES = 8 * 2**20
MAX_BODY_BYTES = 64 * 2**20
MAX_ERROR_BYTES = 64 * 2**10


def session() -> aiohttp.ClientSession:
    """The one session of the app. Its trace tells whether a request went out on a reused connection."""
    reuse = aiohttp.TraceConfig()
    reuse.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"accept-encoding": "identity", "user-agent": "trimaran"},
        auto_decompress=False,
        trace_configs=[reuse],
        json_serialize=lambda value: msgspec.json.encode(value).decode(),
    )


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    if context.trace_request_ctx is not None:
        context.trace_request_ctx.reused = True


async def post(
    http: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], *, name: str, connect_s: float
) -> aiohttp.ClientResponse:
    """Sends one POST and returns when the status has come. Raises Failure when the backend cannot be reached.

    A pooled connection that the server had closed meanwhile says nothing about the server: that request is sent once more.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
    for last in (False, True):
        context = SimpleNamespace(reused=False)
        try:
            return await http.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False, trace_request_ctx=context
            )
        except (aiohttp.ServerDisconnectedError, ConnectionResetError, aiohttp.ClientOSError) as error:
            if last or not context.reused:
                raise _unreachable(name, url, error) from error
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _unreachable(name, url, error) from error
    raise AssertionError("the loop above returns or raises")


def _unreachable(name: str, url: str, error: Exception) -> Failure:
    reason = "took too long to connect" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return Failure(Kind.UNREACHABLE, f"backend '{name}' at {url} cannot be reached: {reason}")


async def error_text(response: aiohttp.ClientResponse) -> bytes:
    """The body of an error answer, cut at 64 KiB; the connection is given back or closed."""
    try:
        async with asyncio.timeout(5):
            return await response.content.read(MAX_ERROR_BYTES)
    except (TimeoutError, aiohttp.ClientError):
        return b""
    finally:
        response.close()


class HttpAnswer:
    """An answer over HTTP: one read of the connection becomes one batch, cut at the last whole event."""

    def __init__(
        self, response: aiohttp.ClientResponse, codec: Codec, *, name: str, stream: bool, hide_usage: bool
    ) -> None:
        self._response = response
        self._codec = codec
        self._name = name
        self._hide_usage = hide_usage
        self._finish: str | None = None
        self.usage: Usage | None = None
        self._batches = self._streamed() if stream else self._whole()

    @property
    def wire(self) -> Wire:
        return self._codec.wire

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self._batches

    def abort(self) -> None:
        self._response.close()

    async def aclose(self) -> None:
        await self._batches.aclose()
        self._response.close()

    async def _streamed(self) -> AsyncGenerator[Batch]:
        wire, codec, read = self._codec.wire, self._codec, self._response.content.readany
        rest = b""
        while True:
            try:
                got = await read()
            except (aiohttp.ClientError, ConnectionError) as error:
                raise self._failure(Kind.CUT, f"broke the connection in the middle of its answer ({error})") from error
            if not got:
                break
            buffer = rest + got if rest else got
            cut = sse.whole(buffer)
            if not cut:
                if len(buffer) > MAX_EVENT_BYTES:
                    raise self._failure(Kind.GARBLED, f"sent an event of more than {MAX_EVENT_BYTES >> 20} MiB")
                rest = buffer
                continue
            rest = buffer[cut:]
            try:
                seen = codec.scan(buffer[:cut], hide_usage=self._hide_usage)
            except Garbled as error:
                raise self._failure(Kind.GARBLED, f"sent something unreadable: {error}") from error
            if seen.error is not None:
                raise self._failure(Kind.CUT, f"reported an error in its stream: {seen.error.decode(errors='replace')}")
            self._finish = seen.finish or self._finish
            self.usage = seen.usage or self.usage
            if seen.raw:
                yield Batch(seen.raw, wire, seen.progress)
            if seen.done:
                break
        if self._finish is None:
            raise self._failure(Kind.CUT, "ended its answer half-way")
        yield Batch(b"", wire, end=End(self._finish, self.usage))

    async def _whole(self) -> AsyncGenerator[Batch]:
        content = self._response.content
        parts: list[bytes] = []
        size = 0
        try:
            while got := await content.readany():
                parts.append(got)
                size += len(got)
                if size > MAX_BODY_BYTES:
                    raise self._failure(Kind.GARBLED, f"sent an answer of more than {MAX_BODY_BYTES >> 20} MiB")
            raw = b"".join(parts)
            seen = self._codec.scan_whole(raw)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise self._failure(Kind.CUT, f"broke the connection in the middle of its answer ({error})") from error
        except Garbled as error:
            raise self._failure(Kind.GARBLED, f"sent something unreadable: {error}") from error
        if seen.error is not None:
            raise self._failure(Kind.CUT, f"reported an error: {seen.error.decode(errors='replace')}")
        yield Batch(seen.raw, self._codec.wire, progress=True)
        yield Batch(b"", self._codec.wire, end=End(seen.finish or "stop", seen.usage))

    def _failure(self, kind: Kind, what: str) -> Failure:
        return Failure(kind, f"backend '{self._name}' {what}", billed="maybe")
