"""Raw connections to the app: what no HTTP client would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.api.serving import App

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"


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

    async def piece(self) -> bytes:
        """What one read brings."""
        async with asyncio.timeout(5):
            return await self._reader.read(2**16)

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        async with asyncio.timeout(5):
            return await self._reader.read()

    async def is_cut(self, every_s: float = 0.01, raw: bytes = b"x") -> None:
        """Returns when the other side takes nothing any more, though more is sent all the time. Raises TimeoutError."""
        async with asyncio.timeout(5):
            try:
                while True:
                    await self.send(raw)
                    await asyncio.sleep(every_s)
            except ConnectionError:
                return

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def wired(app: App) -> AsyncIterator[Wire]:
    wire = Wire(*await asyncio.open_connection("127.0.0.1", app.port))
    try:
        yield wire
    finally:
        wire.close()
