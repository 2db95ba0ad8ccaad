"""The callers: raw connections that count what comes back, because a full client library is slower than what it would measure."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Seen:
    """What the callers saw. Seconds; ``reads_events`` is how many events one read held on average."""

    chunks: int = 0
    reads: int = 0
    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
    first_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)


def request(*, stream: bool, chunks: int = 100, delay_ms: int = 0) -> bytes:
    body = json.dumps(
        {
            "model": "chat",
            "messages": [{"role": "user", "content": "word " * 60}],
            "stream": stream,
            "max_tokens": chunks,
            "seed": delay_ms,
        }
    ).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Caller(asyncio.Protocol):
    """One connection that sends the same request again and again, until it is told to stop."""

    def __init__(self, sent: bytes, seen: Seen, stop_at: float) -> None:
        self._sent = sent
        self._seen = seen
        self._stop_at = stop_at
        self._streams = b'"stream": true' in sent
        self._ok = False
        self._whole = self._got = 0  # bytes of an answer with a known length; 0 where it comes in HTTP chunks
        self._tail = b""
        self._first = True
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, of the same shape
        self._send()

    def _send(self) -> None:
        self._at = time.monotonic()
        self._first = True
        self._tail = b""
        self._transport.write(self._sent)

    def data_received(self, data: bytes) -> None:
        seen = self._seen
        if not self._tail:
            self._ok = data.startswith(b"HTTP/1.1 200")
            length = _LENGTH.search(data)
            self._whole = data.index(b"\r\n\r\n") + 4 + int(length[1]) if length else 0
            self._got = 0
        if self._first and b"data: " in data:
            seen.first_s.append(time.monotonic() - self._at)
            self._first = False
        seen.reads += 1
        seen.chunks += data.count(b'"content":" word"')
        self._tail = (self._tail + data)[-600:]
        self._got += len(data)
        if self._tail.endswith(b"\r\n0\r\n\r\n") or self._got == self._whole:
            self._answered()

    def _answered(self) -> None:
        self._seen.whole_s.append(time.monotonic() - self._at)
        self._seen.requests += 1
        self._seen.errors += not (self._ok and (b"[DONE]" in self._tail) == self._streams)
        if time.monotonic() < self._stop_at:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None or time.monotonic() < self._stop_at:
            self._seen.errors += 1
        if not self.done.done():
            self.done.set_result(None)


async def run(port: int, sent: bytes, *, connections: int, seconds: float, stagger_s: float = 0.0) -> Seen:
    """Keeps ``connections`` busy for ``seconds``; with ``stagger_s`` they start spread over that time."""
    seen = Seen()
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    callers = []
    for number in range(connections):
        if stagger_s:
            await asyncio.sleep(max(0.0, started + number * stagger_s / connections - time.monotonic()))
        _, caller = await loop.create_connection(lambda: Caller(sent, seen, started + seconds), "127.0.0.1", port)
        callers.append(caller)
    async with asyncio.timeout(seconds + 60):
        await asyncio.gather(*(caller.done for caller in callers))
    seen.seconds = time.monotonic() - started
    return seen


def main() -> None:
    """``python -m benchmarks.gateway.load '{"port": …, "stream": …, "connections": …, …}'`` prints what it saw as JSON."""
    options = json.loads(sys.argv[1])
    os.sched_setaffinity(0, {options["core"]})
    sent = request(stream=options["stream"], chunks=options.get("chunks", 100), delay_ms=options.get("delay_ms", 0))
    seen = uvloop.run(
        run(
            options["port"],
            sent,
            connections=options["connections"],
            seconds=options["seconds"],
            stagger_s=options.get("stagger_s", 0.0),
        )
    )
    print(json.dumps(asdict(seen)))


if __name__ == "__main__":
    main()
