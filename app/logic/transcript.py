"""What a caller has seen of an answer: the batches that went out, kept within a bound, and parsed only when somebody must know what they say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.logic.answer import Batch
from app.wire.codecs import READ, WRITTEN
from app.wire.events import Event, Reasoning, Refusal, Text, ToolCall, Usage, Wire
from app.wire.joining import joined

MAX_BYTES = (
    2**20
)  # some 4,000 tokens as OpenAI's chunks; a longer answer is not rescued, and its tokens are guessed from its beginning


@dataclass(frozen=True, slots=True)
class Said:
    """What a transcript says. ``pieces``: how many pieces of text there were, which is how many tokens with most servers.

    ``words``: everything that the model wrote, thoughts and arguments too.
    """

    events: tuple[Event, ...]
    text: str
    words: str
    pieces: int
    usage: Usage | None
    is_text_only: bool


class Transcript:
    def __init__(self) -> None:
        self._raws: list[bytes] = []
        self._size = self._kept = 0
        self.wire: Wire | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything that went out is here."""
        return self._size <= MAX_BYTES

    def add(self, batch: Batch) -> None:
        self.wire = self.wire or batch.wire
        self._size += len(batch.raw)
        if self._size <= MAX_BYTES:
            self._kept = self._size
            self._raws.append(batch.raw)

    @property
    def share(self) -> float:
        """How many times as much there was as is kept, for a guess at what it all amounts to."""
        return self._size / self._kept if self._kept else 1.0

    def read(self) -> Said:
        """What is kept, parsed: the beginning where it is not whole. Empty for a wire that is never translated."""
        events: list[Event] = []
        if self.wire in READ:
            reader = READ[self.wire].reader()
            for raw in self._raws:
                events += reader.read(raw)
        texts = [event for event in events if isinstance(event, Text)]
        usages = [event for event in events if isinstance(event, Usage)]
        return Said(
            events=tuple(events),
            text="".join(event.text for event in texts if not event.index),
            words=words(events),
            pieces=len(texts),
            usage=usages[-1] if usages else None,
            is_text_only=not any(isinstance(event, (ToolCall, Reasoning, Refusal)) for event in events),
        )


def words(events: Iterable[Event]) -> str:
    """Everything that a model wrote."""
    return "".join(_written(event) for event in events)


def _written(event: Event) -> str:
    match event:
        case Text(text) | Reasoning(text) | Refusal(text):
            return text
        case ToolCall():
            return event.name + event.arguments
    return ""


def whole_of(raws: Sequence[bytes], wire: Wire) -> bytes:
    """A complete stream as one whole answer of OpenAI's chat completions."""
    if wire is Wire.OPENAI_CHAT:
        return joined(raws)
    reader = READ[wire].reader()
    return WRITTEN[Wire.OPENAI_CHAT].render_whole(event for raw in raws for event in reader.read(raw))


def read_whole(batch: Batch) -> tuple[Event, ...]:
    """What an answer says that came in one piece; empty for a wire that is never translated."""
    return tuple(READ[batch.wire].parse_whole(batch.raw)) if batch.wire in READ else ()
