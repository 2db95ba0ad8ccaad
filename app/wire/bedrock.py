"""Amazon Bedrock's Converse: the events of a stream and the whole answer, read. No caller speaks it, so it is not written.

Fields as in botocore 1.44.5 (data/bedrock-runtime, ConverseStreamOutput and ConverseResponse), checked 2026-12-01.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from app.wire import event_stream
from app.wire.event_stream import Message
from app.wire.events import (
    Event,
    Finish,
    Garbled,
    Reasoning,
    Scan,
    Start,
    Text,
    ToolCall,
    Usage,
    Wire,
    counted,
)
from app.wire.halves import Halves

T = TypeVar("T")


class _ToolUse(msgspec.Struct):
    """``input``: a piece of JSON text in a stream's event, an object in a whole answer."""

    toolUseId: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()


class _ReasoningText(msgspec.Struct):
    text: str = ""


class _Thought(msgspec.Struct):
    """``text`` in a stream's event, ``reasoningText`` in a whole answer; signatures and what is encrypted are for the model alone."""

    text: str | None = ""
    reasoningText: _ReasoningText | None = None


class _Block(msgspec.Struct):
    """What a block begins with, a part of it, or all of it."""

    text: str | None = ""
    toolUse: _ToolUse | None = None
    reasoningContent: _Thought | None = None


class _Cached(msgspec.Struct):
    ttl: str | None = ""
    inputTokens: int | None = 0


class _Usage(msgspec.Struct):
    inputTokens: int | None = 0
    outputTokens: int | None = 0
    cacheReadInputTokens: int | None = 0
    cacheWriteInputTokens: int | None = 0
    cacheDetails: list[_Cached] | None = None


class _Event(msgspec.Struct):
    contentBlockIndex: int = 0
    start: _Block | None = None
    delta: _Block | None = None
    stopReason: str = ""
    usage: _Usage | None = None


class _Said(msgspec.Struct):
    """Each block is read on its own: one of a shape that Bedrock changed takes no other with it."""

    content: list[msgspec.Raw] = []


class _Output(msgspec.Struct):
    message: _Said = msgspec.field(default_factory=_Said)


class _Answer(msgspec.Struct):
    output: _Output | None = None
    stopReason: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()
    message: str | None = None

    @property
    def reason(self) -> str:
        return _loosely(self.stopReason, _decode_text) or ""

    @property
    def counts(self) -> Usage | None:
        found = _loosely(self.usage, _decode_usage)
        return _usage_of(found) if found is not None else None

    def blocks(self) -> Iterator[_Block]:
        """Those that can be read."""
        for raw in self.output.message.content if self.output else ():
            if (block := _loosely(raw, _decode_block)) is not None:
                yield block


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_block = msgspec.json.Decoder(_Block).decode
_decode_usage = msgspec.json.Decoder(_Usage | None).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_ONLY = frozenset({0})  # this wire has one choice
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
# Reasons by which Bedrock says that what the model wrote cannot be used: no end of an answer.
_MALFORMED = {
    "malformed_model_output": "the model wrote what Bedrock could not read",
    "malformed_tool_use": "the model wrote a tool call that Bedrock could not read",
}


def _loosely(raw: msgspec.Raw, decode: Callable[[msgspec.Raw], T]) -> T | None:
    """What ``raw`` says; None where it is of another shape, or nothing."""
    try:
        return decode(raw) if bytes(raw) else None
    except msgspec.ValidationError:
        return None


def _finish(reason: str) -> str:
    return _FINISH.get(reason, "stop")


def _malformed(reason: str) -> bytes | None:
    what = _MALFORMED.get(reason)
    return what and _encode({"__type": "modelErrorException", "message": f"{what} ({reason})"})  # type: ignore[return-value]


def _usage_of(usage: _Usage) -> Usage:
    """Bedrock's input count leaves the cached tokens out already; its output count includes the thinking, which it does not tell."""
    written = usage.cacheWriteInputTokens or 0
    hour = sum(part.inputTokens or 0 for part in usage.cacheDetails or () if part.ttl == "1h")
    return counted(
        input=usage.inputTokens or 0,
        cache_read=usage.cacheReadInputTokens or 0,
        cache_write=written - hour,
        cache_write_1h=hour,
        output=usage.outputTokens or 0,
    )


def _read_event(payload: bytes, halves: Halves) -> _Event:
    """An event of a shape that Bedrock changed is passed on, but not understood."""
    if halves.held or Halves.are_in(payload):
        payload = halves.joined(payload)
    try:
        return _decode_event(payload)
    except msgspec.ValidationError:
        return _Event() if _is_object(payload) else _garbled(payload)
    except _UNREADABLE:
        return _garbled(payload)


def _is_object(payload: bytes) -> bool:
    try:
        _decode_object(payload)
    except _UNREADABLE:
        return False
    return True


def _garbled(payload: bytes) -> _Event:
    raise Garbled("an event is not a JSON object", payload)


def _error(headers: Mapping[str, str], payload: bytes) -> bytes | None:
    """A message that is an exception, as the body of an error answer; None where it is none."""
    match headers.get(":message-type", "event"):
        case "exception":
            kind = headers.get(":exception-type", "")
            try:
                said = _decode_object(payload)
            except _UNREADABLE:
                said = {}
            return _encode({**said, "__type": kind})
        case "error":
            return _encode({"__type": headers.get(":error-code", ""), "message": headers.get(":error-message", "")})
    return None


def _moves(block: _Block | None) -> bool:
    if block is None:
        return False
    thought, tool = block.reasoningContent, block.toolUse
    return bool(block.text or (thought and thought.text) or (tool and (tool.name or _piece(tool))))


def _piece(tool: _ToolUse) -> str:
    """What an event has of a call's arguments."""
    given = bytes(tool.input)
    try:
        return _decode_text(given) if given else ""
    except _UNREADABLE as error:
        raise Garbled("a tool call's input is not text", given) from error


def _thought_of(block: _Block) -> str | None:
    thought = block.reasoningContent and block.reasoningContent.reasoningText
    return thought.text or None if thought else None


def _whole_input(tool: _ToolUse) -> str:
    given = bytes(tool.input).decode()
    return "{}" if given in ("", "null") else given


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"


class Bedrock:
    """The codec of ``/converse`` and ``/converse-stream``.

    ``clock`` and ``new_id``: Bedrock says neither when an answer was made nor which it is, OpenAI's wire must.
    """

    wire = Wire.BEDROCK
    framing = event_stream.FRAMING

    def __init__(self, clock: Callable[[], float] = time.time, new_id: Callable[[], str] = _new_id) -> None:
        self._clock = clock
        self._new_id = new_id

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan:
        """Looks through whole messages. The last one carries the counts, so it goes on, and usage is never hidden."""
        del hide_usage
        seen = Scan(raw)
        kept = [message.raw for message in event_stream.messages(raw) if self._note(message, seen)]
        if seen.error:
            seen.raw = b"".join(kept)
        return seen

    def _note(self, message: Message, seen: Scan) -> bool:
        """Adds what ``message`` says to ``seen``; false for an error, which does not go on."""
        if (error := _error(message.headers, message.payload)) is not None:
            seen.error = seen.error or error
            return False
        event = _read_event(message.payload, Halves())
        match message.headers.get(":event-type"):
            case "contentBlockStart":
                seen.progress = seen.progress or _moves(event.start)
            case "contentBlockDelta":
                seen.progress = seen.progress or _moves(event.delta)
            case "messageStop" if (malformed := _malformed(event.stopReason)) is not None:
                seen.error = seen.error or malformed
                return False
            case "messageStop" if seen.error is None:
                seen.finish, seen.finished = _finish(event.stopReason), _ONLY
            case "metadata":
                seen.done = True
                if event.usage is not None:
                    seen.usage = _usage_of(event.usage)
        return True

    def scan_whole(self, raw: bytes) -> Scan:
        """Looks through a whole answer that was not streamed."""
        answer = _read_answer(raw)
        if answer.output is None and answer.message is not None:
            return Scan(raw, error=raw)
        if answer.output is None:
            raise Garbled("the answer has no output", raw)
        if (malformed := _malformed(answer.reason)) is not None:
            return Scan(raw, error=malformed)
        return Scan(
            raw,
            progress=True,
            finish=_finish(answer.reason),
            usage=answer.counts,
            done=True,
            finished=_ONLY,
        )

    def total(self, before: Usage | None, now: Usage) -> Usage:
        """The one count is that of the whole answer."""
        del before
        return now

    def reader(self) -> BedrockReader:
        return BedrockReader(self)

    def start(self) -> Start:
        """Bedrock does not name the model either."""
        return Start(self._new_id(), "", int(self._clock()))

    def parse_whole(self, raw: bytes) -> Iterator[Event]:
        """The events of an answer that was not streamed."""
        answer = _read_answer(raw)
        yield self.start()
        slot = 0
        for block in answer.blocks():
            if block.text:
                yield Text(block.text)
            if (thought := _thought_of(block)) is not None:
                yield Reasoning(thought)
            if (tool := block.toolUse) is not None:
                yield ToolCall(slot, _whole_input(tool), tool.toolUseId, tool.name)
                slot += 1
        yield Finish(_finish(answer.reason))
        if (counts := answer.counts) is not None:
            yield counts


def _read_answer(raw: bytes) -> _Answer:
    try:
        return _decode_answer(raw)
    except _UNREADABLE as error:
        raise Garbled(f"the answer is not the JSON that was promised ({error})", raw) from error


class BedrockReader:
    """Reads one stream's whole messages, in order, into events."""

    def __init__(self, codec: Bedrock) -> None:
        self._codec = codec
        self._halves = Halves()
        self._is_started = False
        self._slots: dict[int, int] = {}  # which tool call a content block is
        self._silent: set[int] = set()  # tool calls that have no arguments yet

    def read(self, raw: bytes) -> Iterator[Event]:
        for message in event_stream.messages(raw):
            if _error(message.headers, message.payload) is None:
                event = _read_event(message.payload, self._halves)
                yield from self._events(message.headers.get(":event-type", ""), event)

    def _events(self, kind: str, event: _Event) -> Iterator[Event]:
        if not self._is_started:
            self._is_started = True
            yield self._codec.start()
        index = event.contentBlockIndex
        match kind:
            case "contentBlockStart" if event.start is not None and (tool := event.start.toolUse) is not None:
                slot = self._slots[index] = len(self._slots)
                self._silent.add(index)
                yield ToolCall(slot, "", tool.toolUseId, tool.name)
            case "contentBlockDelta" if event.delta is not None:
                yield from self._part(index, event.delta)
            case "contentBlockStop" if index in self._silent:
                self._silent.discard(index)
                yield ToolCall(self._slots[index], "{}")  # a caller parses the arguments, and "" is no JSON
            case "messageStop" if event.stopReason not in _MALFORMED:
                yield Finish(_finish(event.stopReason))
            case "metadata" if event.usage is not None:
                yield _usage_of(event.usage)

    def _part(self, index: int, delta: _Block) -> Iterator[Event]:
        if delta.text:
            yield Text(delta.text)
        elif delta.reasoningContent is not None and delta.reasoningContent.text:
            yield Reasoning(delta.reasoningContent.text)
        elif delta.toolUse is not None and index in self._slots and (piece := _piece(delta.toolUse)):
            self._silent.discard(index)
            yield ToolCall(self._slots[index], piece)
