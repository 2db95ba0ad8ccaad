"""This app's own ``/v1/chat``: ``{"content": …}``, or a stream of ``data: {"content": …}`` that ends with ``data: [DONE]``."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from app.wire import sse
from app.wire.events import Event, Text, Wire

_encode = msgspec.json.Encoder().encode


class Chat:
    """Written only: no backend speaks it."""

    wire = Wire.CHAT
    framing = sse.FRAMING
    end_mark = sse.DONE

    def writer(self, *, include_usage: bool) -> Chat:
        del include_usage  # the format has no place for it
        return self

    def render(self, events: Iterable[Event]) -> bytes:
        return b"".join(
            sse.event(_encode({"content": event.text}))
            for event in events
            if isinstance(event, Text) and not event.index
        )

    def end(self) -> bytes:
        return sse.DONE

    def render_whole(self, events: Iterable[Event]) -> bytes:
        text = "".join(event.text for event in events if isinstance(event, Text) and not event.index)
        return _encode({"content": text})
