"""Raw connections to the app: what no HTTP client would send."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.api.serving import App
from tests.clock import PATIENCE_S

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"


class Wire:
    """A raw connection to the app."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    async def send_again_and_again(self, raw: bytes) -> None:
        for _ in range(100):
            await self.send(raw)

    def pause(self) -> None:
        """Takes nothing any more of what the other side sends."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def piece(self) -> bytes:
        """What one read brings."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read(2**16)

    async def heard(self, mark: bytes) -> None:
        """Returns when ``mark`` has come, whatever came before it."""
        seen = b""
        async with asyncio.timeout(PATIENCE_S):
            while mark not in seen:
                piece = await self._reader.read(2**16)
                assert piece, f"the connection ended without {mark!r}, with {seen[-200:]!r}"
                seen = seen[-len(mark) :] + piece

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read()

    async def is_cut(self, every_s: float = 0.01, raw: bytes = b"x") -> None:
        """Returns when the other side takes nothing any more, though more is sent all the time. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    await self.send(raw)
                    await asyncio.sleep(every_s)
            except ConnectionError:
                return

    def end(self) -> None:
        """Sends nothing more, and still reads."""
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def wired(app: App, *, buffer_bytes: int = 0) -> AsyncIterator[Wire]:
    """``buffer_bytes``: what the kernel holds of what has not been read, where it is not to decide that itself."""
    with socket.socket() as plain:
        plain.setblocking(False)
        if buffer_bytes:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", app.port))
        wire = Wire(*await asyncio.open_connection(sock=plain))
        try:
            yield wire
        finally:
            wire.close()
