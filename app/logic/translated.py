"""An answer in a wire that nothing can write, as one of OpenAI's chat completions, for what happens to it afterwards: it can go on when it breaks off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec

from app.logic.answer import Answer, Batch, Failure, Kind
from app.wire.codecs import READ, WRITTEN
from app.wire.events import Usage, Wire

_INTO = Wire.OPENAI_CHAT
# What a vendor's odd answer may raise when it is read in full, after a look over it found nothing.
UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def writable(answer: Answer, name: str, *, stream: bool, include_usage: bool) -> Answer:
    """``answer`` itself where its wire can be written, or where it is never translated. ``name``: its backend's. ``stream``: it comes as one."""
    if answer.wire in WRITTEN or answer.wire not in READ:
        return answer
    return Translated(answer, name, stream, include_usage)


@dataclass(frozen=True, slots=True)
class Translated:
    answer: Answer
    name: str
    stream: bool
    include_usage: bool

    @property
    def wire(self) -> Wire:
        return _INTO

    @property
    def ignored(self) -> frozenset[str]:
        return self.answer.ignored

    @property
    def usage(self) -> Usage | None:
        return self.answer.usage

    async def __aiter__(self) -> AsyncIterator[Batch]:
        reader, codec = READ[self.answer.wire].reader(), READ[self.answer.wire]
        writer = WRITTEN[_INTO].writer(include_usage=self.include_usage)
        async for batch in self.answer:
            try:
                if self.stream:
                    raw = writer.render(reader.read(batch.raw))
                else:
                    raw = WRITTEN[_INTO].render_whole(codec.parse_whole(batch.raw))
            except UNREADABLE:
                text = f"backend '{self.name}' sent an answer of a shape that cannot be read"  # quotes nothing: it may repeat a credential
                raise Failure(Kind.GARBLED, text, reason=text, billed="maybe") from None
            yield Batch(raw, _INTO, batch.progress, batch.end)

    def abort(self) -> None:
        self.answer.abort()

    async def aclose(self) -> None:
        await self.answer.aclose()
