"""The way to one provider, through which the app under drill calls it: open, or shut by a fault."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from asyncio import sleep
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from delivery.drill import addresses
from delivery.drill.faults import Fault, Shut

LATE_S = 30.0  # above the 15 s in which the app wants a first token while another backend is left
PIECES = 3  # reads of an answer after which it is cut or stalls; one that comes in fewer breaks off in the last
_CLEANUP_S = 0.1  # aiohttp takes 0 for no limit
_LARGEST_BODY = 64 * 2**20
# Of one connection, not of the request (RFC 9110, section 7.6.1), and what each side says of its own bodies.
_OWN = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"})

# aiohttp would log each connection that is broken here on purpose.
_SILENT = logging.getLogger(f"{__name__}.server")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class Door:
    """``provider``: the base_url behind it. Everything passes as it is while it is open."""

    def __init__(self, provider: str) -> None:
        self._provider = urlsplit(provider)
        self._fault: Fault | None = None
        self._turned = asyncio.Event()  # set once the present state is over
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_CLEANUP_S, logger=_SILENT)
        self._port = 0
        self._closed = contextlib.ExitStack()
        self._site: web.SockSite | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """What stands for the provider's base_url."""
        return f"http://{addresses.LOOPBACK}:{self._port}{self._provider.path}"

    async def __aenter__(self) -> Door:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        await self._runner.setup()
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._http is not None
        self._turned.set()
        self._closed.close()
        self._reset_all()
        await self._runner.cleanup()
        await self._http.close()

    async def shut(self, fault: Fault) -> None:
        """From now on, and for the answers under way where the fault is one of connections."""
        self._turn(fault)
        if fault.how not in (Shut.REFUSED, Shut.SWALLOWED):
            return
        assert self._site is not None
        await self._site.stop()
        if fault.how is Shut.REFUSED:
            self._closed.enter_context(addresses.refusing(self._port))
            self._reset_all()
        else:
            self._closed.enter_context(addresses.black_hole(self._port))

    async def open(self) -> None:
        """The provider is back. What was swallowed is reset: its other end was told nothing."""
        fault = self._fault
        self._turn(None)
        if fault is not None and fault.how in (Shut.REFUSED, Shut.SWALLOWED):
            self._closed.close()
            self._reset_all()
            await self._listen()

    def _turn(self, fault: Fault | None) -> None:
        self._fault = fault
        self._turned.set()
        self._turned = asyncio.Event()

    async def _listen(self) -> None:
        bound = addresses.bound(self._port)
        self._port = bound.getsockname()[1]
        self._site = web.SockSite(self._runner, bound)
        await self._site.start()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._pass)
        return application

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = self._fault
        if fault is not None and fault.how is Shut.ANSWERED:
            return web.json_response(_error(fault.status), status=fault.status)
        if fault is not None and fault.how is Shut.SWALLOWED:
            await self._silence(request)
        assert self._http is not None
        try:
            async with self._http.request(
                request.method,
                URL(f"{self._provider.scheme}://{self._provider.netloc}{request.raw_path}", encoded=True),
                data=body,
                headers=self._headers(request.headers),
                allow_redirects=False,
            ) as answer:
                return await self._answered(request, answer, fault)
        except aiohttp.ClientError:
            _reset(request.transport)  # the provider itself is away: the app hears no more of it than that
            raise ConnectionResetError("reset as the provider's was") from None

    def _headers(self, given: Mapping[str, str]) -> dict[str, str]:
        """A signature holds for the host that was called, which is this one; over TLS a provider is called by its own name."""
        left_out = _OWN | ({"host"} if self._provider.scheme == "https" else frozenset())
        return {name: value for name, value in given.items() if name.lower() not in left_out}

    async def _answered(
        self, request: web.Request, answer: aiohttp.ClientResponse, fault: Fault | None
    ) -> web.StreamResponse:
        passed = web.StreamResponse(status=answer.status, reason=answer.reason)
        passed.headers.extend({name: value for name, value in answer.headers.items() if name.lower() not in _OWN})
        await passed.prepare(request)
        if fault is not None and fault.how is Shut.LATE:
            await sleep(LATE_S)
        held, pieces = b"", 0
        async for piece in answer.content.iter_any():
            await self._broken(request, pieces)
            await passed.write(held)
            held, pieces = b"", pieces + 1
            if self._breaks_answers:
                held = piece  # one read behind, so that an answer that is broken has not ended
            else:
                await passed.write(piece)
        if self._breaks_answers:
            await passed.write(held[: len(held) // 2])
            await self._broken(request, PIECES)
        await passed.write(held)
        await passed.write_eof()
        return passed

    @property
    def _breaks_answers(self) -> bool:
        return self._fault is not None and self._fault.how in (Shut.CUT, Shut.STALLED)

    async def _broken(self, request: web.Request, pieces: int) -> None:
        """Breaks an answer of which ``pieces`` have come, where the present fault does."""
        fault = self._fault
        if fault is None:
            return
        if fault.how is Shut.CUT and pieces >= PIECES:
            _reset(request.transport)
            raise ConnectionResetError("cut by the drill")
        if fault.how is Shut.SWALLOWED or (fault.how is Shut.STALLED and pieces >= PIECES):
            await self._silence(request)

    async def _silence(self, request: web.Request) -> None:
        """Until the caller leaves or the fault is over; then the connection is reset."""
        turned = asyncio.create_task(self._turned.wait())
        try:
            while not turned.done() and request.transport is not None and not request.transport.is_closing():
                await asyncio.wait([turned], timeout=0.1)
        finally:
            turned.cancel()
        _reset(request.transport)
        raise ConnectionResetError("silenced by the drill")

    def _reset_all(self) -> None:
        server = self._runner.server
        for handler in list(server.connections) if server is not None else ():
            _reset(handler.transport)


def _error(status: int) -> dict[str, object]:
    message = "too many requests (a drill)" if status == 429 else "the server had an error (a drill)"
    kind = "rate_limit_error" if status == 429 else "server_error"
    return {"error": {"message": message, "type": kind, "code": None, "param": None}}


def _reset(transport: asyncio.BaseTransport | None) -> None:
    if transport is None or transport.is_closing():
        return
    assert isinstance(transport, asyncio.Transport)
    addresses.reset_on_close(transport.get_extra_info("socket"))
    transport.abort()
