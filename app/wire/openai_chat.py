"""OpenAI's chat completions (and, through ``text``, its older completions): the chunks of a stream and the whole answer.

Fields as in OpenAI's API reference, checked against the openai 3.54 client on 2026-11-24. Unknown fields are let through untouched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from app.wire import sse
from app.wire.events import Event, Finish, Garbled, Reasoning, Refusal, Scan, Start, Text, ToolCall, Usage, Wire


class _Details(msgspec.Struct):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0
    reasoning_tokens: int | None = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Delta(msgspec.Struct):
    """The parts that move content, undecoded: whether they are there is all that a scan asks."""

    content: msgspec.Raw = msgspec.Raw()
    refusal: msgspec.Raw = msgspec.Raw()
    reasoning_content: msgspec.Raw = msgspec.Raw()
    reasoning: msgspec.Raw = msgspec.Raw()
    tool_calls: msgspec.Raw = msgspec.Raw()


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    text: msgspec.Raw = msgspec.Raw()
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_EMPTY = (b"", b"null", b'""', b"[]")


def _moves(choice: _Choice) -> bool:
    part = choice.delta or choice.message
    if part is not None and not (
        bytes(part.content) in _EMPTY
        and bytes(part.tool_calls) in _EMPTY
        and bytes(part.reasoning_content) in _EMPTY
        and bytes(part.reasoning) in _EMPTY
        and bytes(part.refusal) in _EMPTY
    ):
        return True
    return bytes(choice.text) not in _EMPTY


def usage_of(usage: _Usage) -> Usage:
    """OpenAI's counts made disjoint: its prompt count includes the cached tokens, its completion count the reasoning."""
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    read = (usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0
    written = (usage.prompt_tokens_details and usage.prompt_tokens_details.cache_write_tokens) or 0
    thought = (usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens) or 0
    return Usage(
        input=max(0, prompt - read - written),
        cache_read=read,
        cache_write=written,
        output=max(0, completion - thought),
        reasoning=thought,
    )


def usage_object(usage: Usage) -> dict[str, Any]:
    """A ``usage`` object as OpenAI writes it."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _read_chunk(payload: bytes) -> _Chunk:
    try:
        return _decode_chunk(payload)
    except msgspec.ValidationError:
        return _Chunk()  # valid JSON of a shape that a vendor added: passed on, not judged
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled(f"an event is not JSON: {payload[:80]!r}") from error


class OpenAIChat:
    """The codec of ``/v1/chat/completions`` and, in the same shape with ``text``, of ``/v1/completions``."""

    def __init__(self, wire: Wire = Wire.OPENAI_CHAT) -> None:
        self.wire = wire

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan:
        """Looks through whole events; with ``hide_usage`` the event that carries only usage is taken out (its caller did not ask)."""
        seen = Scan(raw)
        rewritten: list[bytes] | None = None
        kept: list[bytes] = []
        for block in sse.blocks(raw):
            payload = sse.data(block)
            if not payload:
                if not block.startswith((b":", b"event:", b"id:", b"retry:")):
                    raise Garbled(f"not a server-sent event: {block[:80]!r}")
                kept.append(block)
                continue
            if payload == b"[DONE]":
                seen.done = True
                rewritten = kept
                continue
            chunk = _read_chunk(payload)
            if self._note(chunk, seen) and hide_usage:
                rewritten = kept
                continue
            kept.append(block)
        if rewritten is not None:
            seen.raw = b"".join(block + b"\n\n" for block in rewritten)
        return seen

    def scan_whole(self, raw: bytes) -> Scan:
        """Looks through a whole answer that was not streamed."""
        seen = Scan(raw, done=True)
        try:
            chunk = _decode_chunk(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Garbled(f"the answer is not the JSON that was promised: {raw[:80]!r}") from error
        self._note(chunk, seen)
        return seen

    def _note(self, chunk: _Chunk, seen: Scan) -> bool:
        """Adds what ``chunk`` says to ``seen``; true when it carries usage and nothing else."""
        if chunk.error and bytes(chunk.error) != b"null":
            seen.error = bytes(chunk.error)
        for choice in chunk.choices or ():
            seen.progress = seen.progress or _moves(choice)
            if choice.finish_reason:
                seen.finish = choice.finish_reason
                seen.finished.add(choice.index)
        if chunk.usage is None:
            return False
        seen.usage = usage_of(chunk.usage)
        return not chunk.choices

    def reader(self) -> OpenAIChatReader:
        return OpenAIChatReader()

    def parse_whole(self, raw: bytes) -> Iterator[Event]:
        """The events of an answer that was not streamed."""
        answer = _decode(raw)
        yield _start(answer)
        yield from _events(answer, "message")

    def writer(self, *, include_usage: bool) -> OpenAIChatWriter:
        return OpenAIChatWriter(include_usage=include_usage)

    def render_whole(self, events: Iterable[Event]) -> bytes:
        """One ``chat.completion`` object."""
        start = Start("", "", 0)
        usage: Usage | None = None
        choices: dict[int, _Whole] = {}
        for event in events:
            match event:
                case Start():
                    start = event
                case Usage():
                    usage = event
                case _:
                    choices.setdefault(event.index, _Whole()).add(event)
        body: dict[str, Any] = {
            "id": start.id,
            "object": "chat.completion",
            "created": start.created,
            "model": start.model,
            "choices": [choices[index].object(index) for index in sorted(choices)],
        }
        if usage is not None:
            body["usage"] = usage_object(usage)
        return _encode(body)


class OpenAIChatReader:
    """Reads one stream's whole events, in order, into events."""

    def __init__(self) -> None:
        self._started = False

    def read(self, raw: bytes) -> Iterator[Event]:
        for block in sse.blocks(raw):
            payload = sse.data(block)
            if not payload or payload == b"[DONE]":
                continue
            chunk = _decode(payload)
            if not self._started and chunk.get("id"):
                self._started = True
                yield _start(chunk)
            yield from _events(chunk, "delta")


class _Whole:
    """One choice of a whole answer, put together from its events."""

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.refusal = ""
        self.tools: dict[int, dict[str, Any]] = {}
        self.finish = "stop"

    def add(self, event: Event) -> None:
        match event:
            case Text():
                self.text += event.text
            case Reasoning():
                self.reasoning += event.text
            case Refusal():
                self.refusal += event.text
            case Finish():
                self.finish = event.reason
            case ToolCall():
                tool = self.tools.setdefault(
                    event.slot, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                )
                tool["id"] = tool["id"] or event.id
                tool["function"]["name"] = tool["function"]["name"] or event.name
                tool["function"]["arguments"] += event.arguments

    def object(self, index: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None, "refusal": self.refusal or None}
        if not self.tools and not self.refusal:
            message["content"] = self.text
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.tools:
            message["tool_calls"] = [self.tools[slot] for slot in sorted(self.tools)]
        return {"index": index, "message": message, "finish_reason": self.finish, "logprobs": None}


class OpenAIChatWriter:
    """Writes one answer's events as ``chat.completion.chunk`` events; keeps the answer's id, model and time for each chunk."""

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._start = Start("", "", 0)

    def render(self, events: Iterable[Event]) -> bytes:
        return b"".join(self._chunk(event) for event in events)

    def _chunk(self, event: Event) -> bytes:
        if isinstance(event, Usage):
            return self._event({"choices": [], "usage": usage_object(event)}) if self._include_usage else b""
        index = 0
        delta: dict[str, Any] = {}
        finish: str | None = None
        match event:
            case Start():
                self._start = event
                delta = {"role": "assistant", "content": ""}
            case Text(text, index):
                delta = {"content": text}
            case Reasoning(text, index):
                delta = {"reasoning_content": text}
            case Refusal(text, index):
                delta = {"refusal": text}
            case ToolCall():
                index, delta = event.index, {"tool_calls": [_tool_delta(event)]}
            case Finish():
                index, finish = event.index, event.reason
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._event({"choices": [choice]})

    def _event(self, part: dict[str, Any]) -> bytes:
        head = {
            "id": self._start.id,
            "object": "chat.completion.chunk",
            "created": self._start.created,
            "model": self._start.model,
        }
        return sse.event(_encode(head | part))


def _tool_delta(event: ToolCall) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": event.arguments}
    if not event.id:
        return {"index": event.slot, "function": function}
    return {"index": event.slot, "id": event.id, "type": "function", "function": {"name": event.name} | function}


def _start(body: dict[str, Any]) -> Start:
    return Start(str(body.get("id", "")), str(body.get("model", "")), int(body.get("created") or 0))


def _events(body: dict[str, Any], part_name: str) -> Iterator[Event]:
    for choice in body.get("choices") or ():
        index = choice.get("index", 0)
        part = choice.get(part_name) or {}
        if reasoning := part.get("reasoning_content") or part.get("reasoning"):
            yield Reasoning(str(reasoning), index)
        if text := part.get("content") or choice.get("text"):
            yield Text(text, index)
        if refusal := part.get("refusal"):
            yield Refusal(refusal, index)
        for slot, tool in enumerate(part.get("tool_calls") or ()):
            function = tool.get("function") or {}
            yield ToolCall(
                slot=tool.get("index", slot),
                id=tool.get("id") or "",
                name=function.get("name") or "",
                arguments=function.get("arguments") or "",
                index=index,
            )
        if reason := choice.get("finish_reason"):
            yield Finish(reason, index)
    if usage := body.get("usage"):
        yield usage_of(msgspec.convert(usage, _Usage, strict=False))
