"""The answer to a forced function call: JSON text of the model as one call in OpenAI's form, whole or while it is written."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

import msgspec

from app.logic.answer import Answer, Batch, Call
from app.wire.codecs import READ, WRITTEN
from app.wire.events import Event, Finish, Text, ToolCall, Usage, Wire

# A call up to its arguments. The grammar has the name in front; llama.cpp lets a model fence its JSON, and shows the fence where it is cut.
_HEAD = re.compile(r'\{\s*"name"\s*:\s*(?P<name>"(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\S)', re.S)


class ForcedAnswer:
    """``answer`` to ``call``, in which the model writes a call of one of ``names``. Closing and aborting go through."""

    def __init__(self, answer: Answer, call: Call, names: Sequence[str]) -> None:
        self._answer = answer
        self._batches = aiter(answer)
        self._is_stream = call.stream
        self._read, self._written = READ[answer.wire], WRITTEN[answer.wire]
        self._reader = self._read.reader()
        self._writer = self._written.writer(include_usage=call.include_usage)
        self._calls = ForcedCalls(names)

    @property
    def ignored(self) -> frozenset[str]:
        return self._answer.ignored

    @property
    def wire(self) -> Wire:
        return self._answer.wire

    @property
    def usage(self) -> Usage | None:
        return self._answer.usage

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        """The next batch. Without bytes it still tells that the model is at work: on the name of the function, which goes out whole."""
        batch = await anext(self._batches)
        raw = self._streamed(batch.raw) if self._is_stream else self._whole(batch.raw)
        end = batch.end and dataclasses.replace(batch.end, reason=self._calls.finish or batch.end.reason)
        return Batch(raw, batch.wire, batch.progress, end)

    def abort(self) -> None:
        self._answer.abort()

    async def aclose(self) -> None:
        await self._answer.aclose()

    def _streamed(self, raw: bytes) -> bytes:
        return self._writer.render(self._calls.read(self._reader.read(raw)))

    def _whole(self, raw: bytes) -> bytes:
        return self._written.render_whole(self._calls.read(self._read.parse_whole(raw)))


class ForcedCalls:
    """The events of an answer whose text is a call, with that call in place of the text. ``finish``: the last finish reason."""

    def __init__(self, names: Sequence[str]) -> None:
        self._name = names[0] if len(names) == 1 else ""
        self._choices: dict[int, _Call] = {}
        self.finish = ""

    def read(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            match event:
                case Text(text, index):
                    yield from self._choice(index).feed(text)
                case Finish(reason, index):
                    # Cut before any text: the only function is known all the same.
                    yield from self._choice(index).feed("")
                    self.finish = "tool_calls" if self._choice(index).is_whole else reason
                    yield Finish(self.finish, index)
                case _:
                    yield event

    def _choice(self, index: int) -> _Call:
        return self._choices.setdefault(index, _Call(index, self._name))


class _Call:
    """The call of one choice. ``name``: where there is but one function, so that it is known before the model has written it."""

    def __init__(self, index: int, name: str) -> None:
        self._index = index
        self._name = name
        self._is_named = False
        self._before: str | None = ""  # what came before the arguments; None once they have begun
        self._arguments = _Arguments()

    @property
    def is_whole(self) -> bool:
        return self._arguments.is_whole

    def feed(self, text: str) -> Iterator[ToolCall]:
        if self._before is not None:
            text = self._arguments_in(text)
        if self._name and not self._is_named:
            self._is_named = True
            yield ToolCall(0, id=f"call_{secrets.token_hex(12)}", name=self._name, index=self._index)
        if arguments := self._arguments.feed(text):
            yield ToolCall(0, arguments=arguments, index=self._index)

    def _arguments_in(self, text: str) -> str:
        """What ``text`` has of the arguments, where they begin in it."""
        self._before = (self._before or "") + text
        head = _HEAD.search(self._before)
        if head is None:
            return ""
        text, self._before = self._before[head.end() :], None
        self._name = self._name or msgspec.json.decode(head["name"], type=str)
        return text


class _Arguments:
    """Finds where an object ends that is written piece by piece: behind it comes the end of the call, which is none of its arguments."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_quoted = self._is_escaped = False
        self.is_whole = False

    def feed(self, text: str) -> str:
        """What of ``text`` belongs to the object."""
        if self.is_whole:
            return ""
        for at, char in enumerate(text, 1):
            if self._is_escaped:
                self._is_escaped = False
            elif self._is_quoted:
                self._is_escaped, self._is_quoted = char == "\\", char != '"'
            elif char == '"':
                self._is_quoted = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth <= 0:  # below it, the arguments were no object, and this ends the call
                    self.is_whole = True
                    return text[: at + self._depth]
        return text
