"""A backend that costs next to nothing: canned OpenAI answers over a bare asyncio protocol.

The request's ``max_tokens`` is the number of chunks, ``seed`` the milliseconds between two of them (0: all at once). ``GET /closed`` gives
the moments (CLOCK_MONOTONIC, seconds) at which a running answer's connection was closed on it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

WHOLE = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "mock-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 30}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 30, "total_tokens": 40},
    }
).encode()
_HEAD = '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"mock-1","choices":'
CHUNK = f'data: {_HEAD}[{{"index":0,"delta":{{"content":" word"}},"finish_reason":null}}]}}\n\n'.encode()
LAST = (
    f'data: {_HEAD}[{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}\n\n'
    f'data: {_HEAD}[],"usage":{{"prompt_tokens":10,"completion_tokens":30,"total_tokens":40}}}}\n\ndata: [DONE]\n\n'
).encode()

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CHUNKS = re.compile(rb'"max_tokens": ?(\d+)')
_DELAY_MS = re.compile(rb'"seed": ?(\d+)')
_STREAM = re.compile(rb'"stream": ?true')
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

closed_at: list[float] = []


def _chunked(raw: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(raw), raw)


_CHUNK_FRAME = _chunked(CHUNK)
_LAST_FRAME = _chunked(LAST) + b"0\r\n\r\n"


class Upstream(asyncio.Protocol):
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._left = 0
        self._answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, of the same shape

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering:
            closed_at.append(time.monotonic())
            self._answering = False

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head_end)
        body_end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < body_end:
            return
        request, self._buffer = self._buffer[:body_end], self._buffer[body_end:]
        self._answer(request)

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            self._json(json.dumps(closed_at).encode())
        elif not _STREAM.search(request):
            delay = _DELAY_MS.search(request)
            if delay and int(delay[1]):
                self._answering = True
                self._loop.call_later(int(delay[1]) / 1000, self._late)
            else:
                self._json(WHOLE)
        else:
            chunks, delay = _CHUNKS.search(request), _DELAY_MS.search(request)
            self._stream(int(chunks[1]) if chunks else 100, int(delay[1]) / 1000 if delay else 0.0)

    def _late(self) -> None:
        if self._answering:
            self._answering = False
            self._json(WHOLE)

    def _json(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)

    def _stream(self, chunks: int, delay_s: float) -> None:
        if not delay_s:
            self._transport.write(_STREAM_HEAD + _CHUNK_FRAME * chunks + _LAST_FRAME)
            return
        self._answering, self._left, self._delay_s = True, chunks, delay_s
        self._at = self._loop.time()
        self._transport.write(_STREAM_HEAD)
        self._tick()

    def _tick(self) -> None:
        if not self._answering:
            return
        if not self._left:
            self._answering = False
            self._transport.write(_LAST_FRAME)
            return
        self._left -= 1
        self._transport.write(_CHUNK_FRAME)
        self._at += self._delay_s
        self._loop.call_at(self._at, self._tick)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
