"""OpenAI's embeddings: one JSON body, looked through and passed on. Nothing translates them."""

from __future__ import annotations

import msgspec

from app.wire import sse
from app.wire.events import Garbled, Scan, Usage, Wire, error_body
from app.wire.openai_reading import OpenAIUsage, usage_of


class _Body(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw()
    usage: OpenAIUsage | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Body).decode


class OpenAIEmbeddings:
    wire = Wire.OPENAI_EMBEDDINGS
    framing = sse.FRAMING  # never used: embeddings do not come as a stream

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan:
        raise Garbled("embeddings do not come as a stream")

    def scan_whole(self, raw: bytes) -> Scan:
        try:
            body = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Garbled("the answer is not the JSON that was promised", raw) from error
        if body.error and bytes(body.error) != b"null":
            return Scan(raw, error=error_body(bytes(body.error)))
        if not bytes(body.data).startswith(b"["):
            raise Garbled("the answer has no 'data'", raw)
        return Scan(raw, progress=True, finish="stop", usage=usage_of(body.usage) if body.usage else None, done=True)

    def total(self, before: Usage | None, now: Usage) -> Usage:
        del before
        return now
