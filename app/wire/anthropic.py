"""Anthropic's Messages: the events of a stream and the whole message, read. Writing is in ``anthropic_writing``.

Fields as in Anthropic's API reference, checked against the anthropic 2.12 client on 2026-11-24.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from app.wire import sse
from app.wire.anthropic_writing import MESSAGE_STOP, AnthropicWriter, message_object
from app.wire.events import (
    Event,
    Finish,
    Garbled,
    Reasoning,
    Refusal,
    Scan,
    Start,
    Text,
    ToolCall,
    Usage,
    Wire,
    counted,
    error_body,
)


class _CacheCreation(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = 0


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = 0


class _Usage(msgspec.Struct):
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_creation: _CacheCreation | None = None
    output_tokens_details: _OutputDetails | None = None


class _Block(msgspec.Struct):
    """Servers that speak this wire besides Anthropic write null into the fields that a block of its type lacks."""

    type: str = ""
    id: str | None = ""
    name: str | None = ""
    text: str | None = ""
    thinking: str | None = ""
    input: msgspec.Raw = msgspec.Raw()


class _StopDetails(msgspec.Struct):
    explanation: str | None = None


class _Delta(msgspec.Struct):
    """``text`` and ``thinking`` and ``partial_json`` of a content block's part, the ``stop_…`` of the message's."""

    text: str | None = ""
    thinking: str | None = ""
    partial_json: str | None = ""
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Message(msgspec.Struct):
    type: str = ""
    id: str = ""
    model: str = ""
    content: list[_Block] = []
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    type: str
    index: int | None = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Type(msgspec.Struct):
    type: str


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_type = msgspec.json.Decoder(_Type).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_ONLY = frozenset({0})  # this wire has one choice
_NO_ARGUMENTS = frozenset({"", "{}", "null", '""'})  # as Anthropic writes it, and servers that imitate it
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def _arguments(block: _Block) -> str:
    """What a call's block says of its arguments; empty where they are to come in pieces, or are none."""
    given = bytes(block.input).decode()
    return "" if given in _NO_ARGUMENTS else given


def _finish(stop_reason: str) -> str:
    return _FINISH.get(stop_reason, "stop")


def _usage_of(usage: _Usage) -> Usage:
    """Anthropic's input count leaves the cached tokens out already; its output count includes the thinking."""
    written = usage.cache_creation_input_tokens or 0
    hour = (usage.cache_creation and usage.cache_creation.ephemeral_1h_input_tokens) or 0
    thought = (usage.output_tokens_details and usage.output_tokens_details.thinking_tokens) or 0
    return counted(
        input=usage.input_tokens or 0,
        cache_read=usage.cache_read_input_tokens or 0,
        cache_write=written - hour,
        cache_write_1h=hour,
        output=(usage.output_tokens or 0) - thought,
        reasoning=thought,
    )


def _read_event(payload: bytes) -> _Event:
    try:
        return _decode_event(payload)
    except msgspec.ValidationError:
        return _read_type(payload)
    except _UNREADABLE as error:
        raise Garbled("not JSON", payload) from error


def _read_type(payload: bytes) -> _Event:
    """An event of a shape that Anthropic changed: passed on, but not understood."""
    try:
        return _Event(type=_decode_type(payload).type)
    except _UNREADABLE as error:
        raise Garbled(f"not one of Anthropic's events ({error})", payload) from error


def _moves(event: _Event) -> bool:
    if (delta := event.delta) is not None and event.type == "content_block_delta":
        return bool(delta.text or delta.partial_json or delta.thinking)
    block = event.content_block
    return block is not None and (block.type == "tool_use" or bool(block.text or block.thinking))


class Anthropic:
    """The codec of ``/v1/messages``. ``clock``: Anthropic does not say when an answer was made, OpenAI's wire must."""

    wire = Wire.ANTHROPIC
    framing = sse.FRAMING
    end_mark = MESSAGE_STOP

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan:
        """Looks through whole events. Usage is never hidden: no event carries it alone."""
        del hide_usage
        seen = Scan(raw)
        kept: list[bytes] = []
        for block in sse.blocks(raw):
            payload = sse.data(block)
            if not payload:
                if not sse.is_without_data(block):
                    raise Garbled("not a server-sent event", block)
            elif self._note(_read_event(payload), seen):
                continue
            kept.append(block)
        if seen.done or seen.error:
            seen.raw = b"".join(block + b"\n\n" for block in kept)
        return seen

    def _note(self, event: _Event, seen: Scan) -> bool:
        """Adds what ``event`` says to ``seen``; true for the end mark and for an error, neither of which goes on."""
        match event.type:
            case "content_block_delta" | "content_block_start":
                seen.progress = seen.progress or _moves(event)
            case "message_start" if event.message is not None and event.message.usage is not None:
                seen.usage = self.total(seen.usage, _usage_of(event.message.usage))
            case "message_delta":
                if event.delta is not None and event.delta.stop_reason and seen.error is None:
                    seen.finish = _finish(event.delta.stop_reason)
                    seen.finished = _ONLY
                if event.usage is not None:
                    seen.usage = self.total(seen.usage, _usage_of(event.usage))
            case "error":
                seen.error = error_body(bytes(event.error))
            case "message_stop":
                seen.done = True
        return event.type in ("message_stop", "error")

    def scan_whole(self, raw: bytes) -> Scan:
        """Looks through a whole message that was not streamed."""
        message = _read_message(raw)
        if message.error:
            return Scan(raw, error=error_body(bytes(message.error)))
        if message.type != "message":
            raise Garbled("the answer is not a message", raw)
        return Scan(
            raw,
            progress=True,
            finish=_finish(message.stop_reason or ""),
            usage=_usage_of(message.usage) if message.usage else None,
            done=True,
            finished=_ONLY,
        )

    def total(self, before: Usage | None, now: Usage) -> Usage:
        """The last event gives every output token so far, but may leave out the input, which the first one gave.

        What was written into the cache it gives as one number, which may have grown; only the first tells an hour's apart.
        """
        if before is None:
            return now
        written = max(before.cache_write + before.cache_write_1h, now.cache_write + now.cache_write_1h)
        hour = now.cache_write_1h or before.cache_write_1h
        return Usage(
            input=now.input or before.input,
            cache_read=now.cache_read or before.cache_read,
            cache_write=max(0, written - hour),
            cache_write_1h=hour,
            output=now.output,
            reasoning=now.reasoning,
        )

    def reader(self) -> AnthropicReader:
        return AnthropicReader(self)

    def start(self, message: _Message) -> Start:
        return Start(message.id, message.model, int(self._clock()))

    def parse_whole(self, raw: bytes) -> Iterator[Event]:
        """The events of a message that was not streamed."""
        message = _read_message(raw)
        yield self.start(message)
        slot = 0
        for block in message.content:
            match block.type:
                case "text" if block.text:
                    yield Text(block.text)
                case "thinking" if block.thinking:
                    yield Reasoning(block.thinking)
                case "tool_use":
                    yield ToolCall(slot, _arguments(block) or "{}", block.id or "", block.name or "")
                    slot += 1
        yield from _ending(message.stop_reason, message.stop_details)
        if message.usage is not None:
            yield _usage_of(message.usage)

    def writer(self, *, include_usage: bool) -> AnthropicWriter:
        del include_usage  # this wire always carries it
        return AnthropicWriter()

    def render_whole(self, events: Iterable[Event]) -> bytes:
        return message_object(events)


def _read_message(raw: bytes) -> _Message:
    try:
        return _decode_message(raw)
    except _UNREADABLE as error:
        raise Garbled(f"the answer is not the JSON that was promised ({error})", raw) from error


def _ending(stop_reason: str | None, details: _StopDetails | None) -> Iterator[Event]:
    if details is not None and details.explanation:
        yield Refusal(details.explanation)
    if stop_reason:
        yield Finish(_finish(stop_reason))


class AnthropicReader:
    """Reads one stream's whole events, in order, into events."""

    def __init__(self, codec: Anthropic) -> None:
        self._codec = codec
        self._usage: Usage | None = None
        self._slots: dict[int, int] = {}  # which tool call a content block is
        self._silent: set[int] = set()  # tool calls that have no arguments yet

    def read(self, raw: bytes) -> Iterator[Event]:
        for block in sse.blocks(raw):
            if payload := sse.data(block):
                yield from self._events(_read_event(payload))

    def _events(self, event: _Event) -> Iterator[Event]:
        match event.type:
            case "content_block_delta" if event.delta is not None:
                yield from self._part(event.index or 0, event.delta)
            case "content_block_start" if event.content_block is not None:
                yield from self._begin(event.index or 0, event.content_block)
            case "content_block_stop" if (index := event.index or 0) in self._silent:
                yield ToolCall(self._slots[index], "{}")  # a caller parses the arguments, and "" is no JSON
            case "message_start" if event.message is not None:
                yield self._codec.start(event.message)
                self._count(event.message.usage)
            case "message_delta":
                if event.delta is not None:
                    yield from _ending(event.delta.stop_reason, event.delta.stop_details)
                self._count(event.usage)
                if self._usage is not None:
                    yield self._usage

    def _count(self, usage: _Usage | None) -> None:
        if usage is not None:
            self._usage = self._codec.total(self._usage, _usage_of(usage))

    def _begin(self, index: int, block: _Block) -> Iterator[Event]:
        match block.type:
            case "text" if block.text:
                yield Text(block.text)
            case "thinking" if block.thinking:
                yield Reasoning(block.thinking)
            case "tool_use":
                slot = self._slots[index] = len(self._slots)
                if not (arguments := _arguments(block)):
                    self._silent.add(index)
                yield ToolCall(slot, arguments, block.id or "", block.name or "")

    def _part(self, index: int, delta: _Delta) -> Iterator[Event]:
        if delta.text:
            yield Text(delta.text)
        elif delta.thinking:
            yield Reasoning(delta.thinking)
        elif delta.partial_json and index in self._slots:
            self._silent.discard(index)
            yield ToolCall(self._slots[index], delta.partial_json)
