"""The outgoing HTTP connections that all adapters share, and the answers that come over them as a stream of events or as one body.

aiohttp's defaults are changed where they hurt an LLM: no total time limit (the router has one), no limit of connections, no compression
(a compressed stream is buffered), no cookies.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextvars import ContextVar

import aiohttp
from yarl import URL

from app.inference.identity.identity import Identity
from app.inference.said import IN_STREAM, MapError, Said
from app.logic.answer import Batch, Call, Failure, Kind
from app.wire.codecs import Scanned
from app.wire.events import End, Garbled, Scan, Usage, Wire
from app.wire.framing import BEGINS_WHOLE, BYTE_ORDER_MARK, WHOLE
from app.wire.scanning import Scanner

KEEP_ALIVE_S = 15.0  # below what servers and load balancers keep, so that a pooled connection is rarely a dead one
TELLING_BYTES = 16  # at the start of an answer, by which a stream or a JSON object is known
SETTLE_S = 1.0  # how long the end of a body may lag behind the answer's end mark before its connection is given up
REST_S = 1.0  # how long usage and the end mark may lag behind the last finish reason
MAX_EVENT_BYTES = 8 * 2**20
MAX_BODY_BYTES = 128 * 2**20  # 2,048 embeddings of 3,072 numbers, as text, are 85 MiB
MAX_ERROR_BYTES = 64 * 2**10
ERROR_BODY_S = 5.0
HEADERS = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "trimaran"}
MAX_STALE = 64  # pooled connections that are found dead one after the other


def session() -> aiohttp.ClientSession:
    """The one session of the app. It has no headers of its own: aiohttp would copy them for each request (4 µs)."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=60, socket_factory=_new_socket
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
    )


class _Try:
    """One sending of a request. ``anew``: a connection was made for it, rather than taken from the pool."""

    __slots__ = ("anew",)

    def __init__(self) -> None:
        self.anew = False


_try: ContextVar[_Try | None] = ContextVar("_try", default=None)


def _new_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Makes a socket as aiohttp would, and notes it: aiohttp's own way to tell, a TraceConfig, costs every request 12 µs."""
    if (sending := _try.get()) is not None:
        sending.anew = True
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)


async def post(
    http: aiohttp.ClientSession, url: str | URL, body: bytes, headers: Mapping[str, str], *, name: str, connect_s: float
) -> aiohttp.ClientResponse:
    """Sends one POST and returns when the status has come. Raises Failure when the backend cannot be reached.

    A ``url`` that was signed is a URL, whose escapes stay as they are; in text those that need none are taken off.

    A pooled connection that the server had closed meanwhile says nothing about the server: that request is sent once more, and again
    while the next connection is such a one, too: a server that restarts closes all of them.
    """
    for left in reversed(range(MAX_STALE)):
        sending = _Try()
        _try.set(sending)
        try:
            return await http.post(
                url, data=body, headers=headers, timeout=_connecting_within(connect_s), allow_redirects=False
            )
        except (TimeoutError, aiohttp.ClientError, ConnectionResetError) as error:
            broken = isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError))
            if not left or sending.anew or not broken or isinstance(error, aiohttp.ClientConnectorError):
                reason = f"backend '{name}' at {url} cannot be reached: {_why_unreachable(error, connect_s)}"
                raise Failure(Kind.UNREACHABLE, reason, reason=reason) from error
    raise AssertionError("the loop above returns or raises")


@functools.cache
def _connecting_within(connect_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect_s)


def _why_unreachable(error: Exception, connect_s: float) -> str:
    """In plain words what aiohttp wraps in its own."""
    match error:
        case TimeoutError():
            return f"it took longer than {connect_s:g} s to connect"
        case aiohttp.ClientConnectorDNSError():
            return f"the name '{error.host}' was not found"
        case aiohttp.ClientSSLError():
            return "no secure connection came about, perhaps because its certificate is not valid"
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection without an answer"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return "it did not answer in HTTP"
        case OSError(errno=errno.ECONNREFUSED):
            return "it refused the connection"
        case OSError(errno=errno.ECONNRESET | errno.EPIPE):
            return "it reset the connection"
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
    return "the connection broke"


async def open_answer(
    http: aiohttp.ClientSession,
    url: str | URL,
    body: bytes,
    headers: Mapping[str, str],
    *,
    call: Call,
    codec: Scanned,
    name: str,
    map_error: MapError,
    secret: str,
    other_secret: str = "",
    ignored: frozenset[str] = frozenset(),
) -> HttpAnswer:
    """Sends ``call``, whose request is ``body`` without the fields ``ignored``, and returns once the backend accepted it. Raises Failure.

    ``secret``: the credential's value, wherever in the request it stands, empty where there is none. No failure's message quotes it.
    ``other_secret``: that of a second one.
    """
    said = Said(name, map_error, secret, other_secret)
    sent = {**HEADERS, **call.trace_headers, **headers}
    response = await post(http, url, body, sent, name=name, connect_s=call.connect_s)
    expected = codec.framing.content_type if call.stream else WHOLE
    begun = b""
    if response.status == 200:
        if response.content_type != expected:
            begun = await _beginning(response)  # it closes the connection if it is cancelled
        if response.content_type == expected or _begins(codec, call, begun):
            return HttpAnswer(response, codec, call, said, begun, ignored)
    text = begun + await error_text(response)
    if response.status != 200:
        raise said.error(response.status, response.headers, text)
    if response.content_type == WHOLE and b'"error"' in text:
        raise said.error(IN_STREAM, response.headers, text)
    got = f"{response.content_type or 'an untyped answer'} with status 200"
    raise said.garbled(f"sent {got} instead of {expected}", text)


async def open_as(
    identity: Identity,
    http: aiohttp.ClientSession,
    url: URL,
    body: bytes,
    headers: Mapping[str, str],
    *,
    call: Call,
    codec: Scanned,
    name: str,
    map_error: MapError,
    ignored: frozenset[str] = frozenset(),
) -> HttpAnswer:
    """``open_answer`` with what ``identity`` shows, which hears when that is taken no more. What is signed is ``url`` as it is sent."""
    shown = await identity.show(str(url), headers, body)
    try:
        return await open_answer(
            http,
            url,
            body,
            {**headers, **shown.headers},
            call=call,
            codec=codec,
            name=name,
            map_error=map_error,
            secret=shown.secret,
            other_secret=shown.other_secret,
            ignored=ignored,
        )
    except Failure as failure:
        shown.heard(failure)
        raise


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of an answer, enough to tell what it is, whatever its content type says."""
    begun = b""
    try:
        while len(begun) < TELLING_BYTES and (part := await response.content.readany()):
            begun += part
    except (aiohttp.ClientError, OSError):
        pass  # what has come by now is all that can be told
    except asyncio.CancelledError:
        response.close()
        raise
    return begun


def _begins(codec: Scanned, call: Call, begun: bytes) -> bool:
    form = codec.framing.begins if call.stream else BEGINS_WHOLE
    return form.match(begun.removeprefix(BYTE_ORDER_MARK)) is not None


async def error_text(response: aiohttp.ClientResponse) -> bytes:
    """The body of an error answer, cut at 64 KiB; the connection is given back when that was all, else closed."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(ERROR_BODY_S):
            while size < MAX_ERROR_BYTES and (part := await response.content.readany()):
                parts.append(part)
                size += len(part)
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass  # what has come by now is all that can be told
    finally:
        response.close()
    return b"".join(parts)[:MAX_ERROR_BYTES]


def _join_parts(content: aiohttp.StreamReader) -> None:
    """Makes one part of all that has come. aiohttp has its parser go on after each part that is read: 37 µs for a burst of 100 events.

    ``_buffer`` is aiohttp's own (3.14); where it is something else, nothing but that time is lost.
    """
    parts = getattr(content, "_buffer", None)
    if isinstance(parts, deque) and len(parts) > 1:
        joined = b"".join(parts)
        parts.clear()
        parts.append(joined)


_settling: set[asyncio.Task[None]] = set()  # the event loop alone would not keep them


class HttpAnswer:
    """An answer over HTTP: one read of the connection becomes one batch, cut at the last whole event. ``begun``: what has been read already.

    At most one event and what aiohttp buffers (128 KiB) is held: a caller that reads slowly slows the backend down.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        codec: Scanned,
        call: Call,
        said: Said,
        begun: bytes = b"",
        ignored: frozenset[str] = frozenset(),
    ) -> None:
        self.ignored = ignored
        self._response = response
        self._begun = begun
        self._codec = codec
        self._said = said
        self._scanner = Scanner(codec, hide_usage=not call.include_usage)
        self._choices = call.body.get("n") or 1
        self._finish: str | None = None
        self._finished: set[int] = set()
        self._progressed = self._is_complete = self._calls = False
        self._rest_until = 0.0
        self.usage: Usage | None = None
        self._batches = self._streamed() if call.stream else self._whole()

    @property
    def wire(self) -> Wire:
        return self._codec.wire

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self._batches

    def abort(self) -> None:
        self._response.close()

    async def aclose(self) -> None:
        """A complete answer's connection is kept for the next one, if its body's end comes soon: nobody waits for that."""
        await self._batches.aclose()
        if self._is_complete and not self._response.content.at_eof():
            settling = asyncio.create_task(self._settle())
            _settling.add(settling)
            settling.add_done_callback(_settling.discard)
        else:
            self._response.close()

    async def _streamed(self) -> AsyncGenerator[Batch]:
        cutter = self._codec.framing.cutter()
        over, is_first = False, True
        while not over:
            got = await (self._read_rest() if self._is_finished else self._read())
            raw = cutter.feed(got) if got else cutter.rest()
            if is_first and raw:
                raw, is_first = raw.removeprefix(BYTE_ORDER_MARK), False
            over = not got
            if raw:
                seen = self._scan(raw, careless=over)
                if seen.done and self._finish is not None:
                    self._is_complete = True
                    yield Batch(seen.raw, self._codec.wire, seen.progress, self._end(seen.done))
                    return
                over |= seen.done
                if seen.raw:
                    yield Batch(seen.raw, self._codec.wire, seen.progress)
            elif cutter.held > MAX_EVENT_BYTES:
                raise self._said.broken(Kind.GARBLED, f"sent an event of more than {MAX_EVENT_BYTES >> 20} MiB")
        yield Batch(b"", self._codec.wire, end=self._end(done=bool(got)))

    @property
    def _is_finished(self) -> bool:
        """Whether every choice has its finish reason: what still may come is usage and the end mark.

        Behind a reason without any content the answer may yet come: translators write one into chunks that have none.
        """
        return self._progressed and self._finish is not None and len(self._finished) >= self._choices

    async def _read_rest(self) -> bytes:
        """What comes behind a finished answer, if it comes soon: its lack makes no answer incomplete."""
        self._rest_until = self._rest_until or time.monotonic() + REST_S
        try:
            async with asyncio.timeout_at(self._rest_until):
                return await self._read()
        except (TimeoutError, Failure):
            return b""

    async def _read(self) -> bytes:
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        content = self._response.content
        _join_parts(content)
        try:
            return await content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise self._said.broken(Kind.CUT, "broke the connection in the middle of its answer") from error

    def _scan(self, raw: bytes, *, careless: bool) -> Scan:
        """Looks through ``raw`` and remembers what it says of the answer. A ``careless`` rest that makes no sense is half an event.

        Behind the end of an answer nothing is a failure any more.
        """
        try:
            seen = self._scanner.scan(raw)
        except Garbled as error:
            if careless or self._is_finished:
                return Scan(b"", done=self._is_finished)
            raise self._said.garbled(f"sent something unreadable: {error}", error.found) from error
        if seen.progress:
            self._progressed = True
            # Some servers write a finish reason into each chunk (Gemini's among them): this was not the rest.
            self._rest_until = 0.0
        self._calls = self._calls or seen.calls
        if seen.finish is not None:
            self._finish = "tool_calls" if self._calls and seen.finish == "stop" else seen.finish
            self._finished |= seen.finished
        if seen.error is not None and not self._is_finished:
            raise self._reported(seen.error)
        if seen.usage is not None:
            self.usage = self._codec.total(self.usage, seen.usage)
        return seen

    def _end(self, done: bool) -> End:
        """The end of a stream that is over: complete with the end mark, or with a finish reason for every choice.

        Some servers leave the reason out, and tell the tokens of the whole answer before the end mark.
        """
        if self._finish is None and done and self._progressed and self.usage is not None:
            return End("stop", self.usage)
        if self._finish is None:
            raise self._said.broken(Kind.CUT, "ended its answer without a finish reason" if done else "ended half-way")
        if not done and len(self._finished) < self._choices:
            raise self._said.broken(Kind.CUT, f"finished {len(self._finished)} of {self._choices} choices")
        return End(self._finish, self.usage)

    async def _settle(self) -> None:
        """Reads the end of the body, so that the connection can be used again: a new one costs a TLS handshake."""
        content = self._response.content
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(SETTLE_S):
                while await content.readany():
                    pass
        self._response.close()

    async def _whole(self) -> AsyncGenerator[Batch]:
        parts: list[bytes] = []
        size = 0
        while got := await self._read():
            parts.append(got)
            size += len(got)
            if size > MAX_BODY_BYTES:
                raise self._said.broken(Kind.GARBLED, f"sent an answer of more than {MAX_BODY_BYTES >> 20} MiB")
        try:
            seen = self._scanner.scan_whole(b"".join(parts).removeprefix(BYTE_ORDER_MARK))
        except Garbled as error:
            raise self._said.garbled(f"sent something unreadable: {error}", error.found) from error
        if seen.error is not None:
            raise self._reported(seen.error)
        self.usage = seen.usage
        self._is_complete = True
        yield Batch(seen.raw, self._codec.wire, progress=True, end=End(seen.finish or "stop", seen.usage))

    def _reported(self, error: bytes) -> Failure:
        """An error in an answer that began with 200. Once content has moved, the answer is cut, whatever the reason."""
        failure = self._said.error(IN_STREAM, self._response.headers, error)
        if self._progressed:
            failure.kind, failure.billed = Kind.CUT, "maybe"
            failure.status = failure.retry_after_s = failure.param = None
        return failure
