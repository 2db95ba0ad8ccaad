"""An answer in a wire that nothing can write, as one of OpenAI's chat completions, for what happens to it afterwards: it can go on when it breaks off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.logic.answer import Answer, Batch
from app.wire.codecs import READ, WRITTEN
from app.wire.events import Usage, Wire

_INTO = Wire.OPENAI_CHAT


def writable(answer: Answer, *, stream: bool, include_usage: bool) -> Answer:
    """``answer`` itself where its wire can be written, or where it is never translated. ``stream``: it comes as one."""
    if answer.wire in WRITTEN or answer.wire not in READ:
        return answer
    return Translated(answer, stream, include_usage)


@dataclass(frozen=True, slots=True)
class Translated:
    answer: Answer
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
            if self.stream:
                raw = writer.render(reader.read(batch.raw))
            else:
                raw = WRITTEN[_INTO].render_whole(codec.parse_whole(batch.raw))
            yield Batch(raw, _INTO, batch.progress, batch.end)

    def abort(self) -> None:
        self.answer.abort()

    async def aclose(self) -> None:
        await self.answer.aclose()
