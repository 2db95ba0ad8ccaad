"""How OpenAI's answers are read: the chunks of a stream and the whole answer, of chat completions and of the older completions.

Fields as in OpenAI's API reference, checked against the openai 3.54 client on 2026-11-24. Unknown fields are let through untouched.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from app.wire import sse
from app.wire.calls import Calls
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
    counted,
    error_body,
)


class _Written(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = 0


class _Details(msgspec.Struct):
    """``cache_creation_…`` as LiteLLM writes them, for Anthropic's models behind it (its issues 11364 and 31724, read 2026-12-01)."""

    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0
    cache_creation_tokens: int | None = 0
    cache_creation_token_details: _Written | None = None
    reasoning_tokens: int | None = 0


class OpenAIUsage(msgspec.Struct):
    """``prompt_cache_hit_tokens`` is DeepSeek's, ``cached_tokens`` Moonshot's (their API references, checked 2026-11-30); ``cache_…_input_tokens``
    Anthropic's, as gateways hand them on beside OpenAI's, and ``reasoning_tokens`` of some who have no details (public reports, 2026-12-01).
    """

    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    total_tokens: int | None = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = 0
    cached_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    reasoning_tokens: int | None = 0


class _Delta(msgspec.Struct):
    """The parts that move content, of whatever type: whether there is something in them is all that a scan asks."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    function_call: Any = None  # OpenAI's before 2023-11, one call without an id


class _Choice(msgspec.Struct):
    index: int | None = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    text: Any = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: OpenAIUsage | None = None
    error: msgspec.Raw = msgspec.Raw()
    object: Any = None  # "error" in vLLM's and SGLang's error events, which have no object around them
    detail: msgspec.Raw = msgspec.Raw()  # FastAPI's, of many servers
    message: Any = None  # of an error that has no object around it and names none
    error_message: Any = None  # DeepInfra's, beside choices that are null


class _Loose(msgspec.Struct):
    """A chunk of a shape that a vendor changed: each part is understood by itself, or not."""

    choices: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


# Finish reasons of an answer that is not finished: OpenRouter's and Mistral's; Zhipu's; DeepSeek's; vLLM's and SGLang's
# (openrouter.ai/docs/api/reference/overview, docs.mistral.ai/api, docs.z.ai, api-docs.deepseek.com/api/create-chat-completion,
# vllm/v1/request.py, sglang's io_struct.py; checked 2026-11-30); Gemini's, of a call that its model wrote wrongly and that it kept back
# (`function_call_filter: MALFORMED_FUNCTION_CALL`; googleapis/python-genai 1836 and captured answers, read 2026-12-01).
FAILED = frozenset(
    {
        "error",
        "network_error",
        "insufficient_system_resource",
        "abort",
        "aborted",
        "function_call_filter",
        "malformed_function_call",
    }
)

_NO_ERROR = frozenset({b"null", b'""', b"{}", b"[]", b"false", b"0"})  # what servers write that mean none

_ERROR_EVENT = (b"event: error\n", b"event:error\n")  # whatever its data is

_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_loose = msgspec.json.Decoder(_Loose).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _is_error(chunk: _Chunk) -> bool:
    """Whether a chunk without choices is one of the many shapes of an error."""
    if chunk.detail and bytes(chunk.detail) not in _NO_ERROR:
        return True
    return any(text and isinstance(text, str) for text in (chunk.message, chunk.error_message))


def _moves(choice: _Choice) -> bool:
    part = choice.delta or choice.message
    if part is None:
        return bool(choice.text)
    return bool(
        part.content
        or part.tool_calls
        or part.reasoning_content
        or part.reasoning
        or part.refusal
        or part.function_call
        or choice.text
    )


def usage_of(usage: OpenAIUsage) -> Usage:
    """OpenAI's counts made disjoint: its prompt count includes the cached tokens, its completion count the reasoning.

    xAI counts the reasoning beside the completion (docs.x.ai, checked 2026-11-30), and Gemini in the total alone, as public reports show
    (mozilla-ai/any-llm 1290, read 2026-12-01): where the total is more than prompt and completion, the rest was thought, and is billed.
    """
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    prompts, completions = usage.prompt_tokens_details or _Details(), usage.completion_tokens_details or _Details()
    read = _first(
        prompts.cached_tokens, usage.prompt_cache_hit_tokens, usage.cached_tokens, usage.cache_read_input_tokens
    )
    written = _first(prompts.cache_write_tokens, prompts.cache_creation_tokens, usage.cache_creation_input_tokens)
    hour = _first((prompts.cache_creation_token_details or _Written()).ephemeral_1h_input_tokens)
    thought = _first(completions.reasoning_tokens, usage.reasoning_tokens)
    beside = (usage.total_tokens or 0) - prompt - completion if prompt else 0
    if beside > 0 and thought in (0, beside):
        thought = beside
        completion += beside
    return counted(
        input=prompt - read - written,
        cache_read=read,
        cache_write=written - hour,
        cache_write_1h=hour,
        output=completion - thought,
        reasoning=thought,
    )


def _first(*counts: int | None) -> int:
    """The first count that says something: vendors have several names for one, and write zeros under those of others."""
    return next((count for count in counts if count), 0)


def usage_object(usage: Usage) -> dict[str, Any]:
    """A ``usage`` object as OpenAI writes it."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _read_chunk(payload: bytes) -> _Chunk:
    try:
        return _decode_chunk(payload)
    except msgspec.ValidationError:
        return _read_loosely(payload)
    except _UNREADABLE as error:
        raise Garbled("not JSON", payload) from error


def _read_loosely(payload: bytes) -> _Chunk:
    try:
        loose = _decode_loose(payload)
    except _UNREADABLE as error:
        raise Garbled("not a JSON object", payload) from error
    chunk = _Chunk(error=loose.error)
    with contextlib.suppress(*_UNREADABLE):
        chunk.usage = msgspec.convert(_decode(loose.usage), OpenAIUsage | None, strict=False)
    with contextlib.suppress(*_UNREADABLE):
        chunk.choices = [_loose_choice(choice) for choice in msgspec.json.decode(loose.choices, type=list[msgspec.Raw])]
    return chunk


def _loose_choice(raw: msgspec.Raw) -> _Choice:
    try:
        return msgspec.json.decode(raw, type=_Choice, strict=False)
    except msgspec.DecodeError:
        return _Choice(text=raw)  # something came that we cannot judge: it counts as content


class OpenAIReading:
    """The reading half of both codecs: a choice has a message or, in the older format, ``text``."""

    framing = sse.FRAMING
    end_mark = sse.DONE

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan:
        """Looks through whole events; with ``hide_usage`` the event that carries only usage is taken out (its caller did not ask).

        Also taken out: the end mark, and ``event:`` lines, which make ordinary loops over the openai client's stream crash.
        """
        _check_text(raw)
        seen = Scan(raw)
        kept: list[bytes] = []
        rewritten = False
        for block in sse.blocks(raw):
            payload, error = sse.data(block), seen.error
            if not payload:
                rewritten |= self._without_data(block, seen, kept)
            elif payload.startswith(b"[DONE]"):
                seen.done = rewritten = True
            elif block.startswith(_ERROR_EVENT):
                seen.error, rewritten = seen.error or payload, True
            elif (self._note(_read_chunk(payload), payload, seen) and hide_usage) or seen.error is not error:
                rewritten = True
            elif block.startswith(b"data:") and b"\n" not in block:
                kept.append(block)
            else:
                rewritten = True
                kept.append(b"data: " + payload.replace(b"\n", b" "))
        if rewritten:
            seen.raw = b"".join(block + b"\n\n" for block in kept)
        return seen

    @staticmethod
    def _without_data(block: bytes, seen: Scan, kept: list[bytes]) -> bool:
        """Notes an event without data; true when it is not passed on."""
        if sse.is_comment(block):
            kept.append(block)
            return False
        if block.startswith(b"error:"):  # llama.cpp before 2025
            seen.error = error_body(block[6:].strip())
            return True
        if not sse.is_without_data(block):
            raise Garbled("not a server-sent event", block)
        return True

    def scan_whole(self, raw: bytes) -> Scan:
        """Looks through a whole answer that was not streamed."""
        _check_text(raw)
        seen = Scan(raw, done=True)
        chunk = _read_chunk(raw)
        self._note(chunk, raw, seen)
        if not chunk.choices and seen.error is None:
            raise Garbled("the answer has no 'choices'", raw)
        return seen

    def _note(self, chunk: _Chunk, payload: bytes, seen: Scan) -> bool:
        """Adds what ``chunk``, read from ``payload``, says to ``seen``; true when it carries usage and nothing else."""
        if chunk.error and bytes(chunk.error) not in _NO_ERROR:
            seen.error = error_body(bytes(chunk.error))
        elif chunk.object == "error":
            seen.error = error_body(payload)
        elif _is_error(chunk) and not (chunk.choices or chunk.usage):
            seen.error = payload
        for choice in chunk.choices or ():
            seen.progress = seen.progress or _moves(choice)
            if (reason := choice.finish_reason and _reason(choice.finish_reason)) in FAILED:
                seen.error = seen.error or error_body(b'{"message": "it gave up: %s"}' % reason.encode())
            elif reason and seen.error is None:
                seen.finish = reason
                seen.finished |= {choice.index or 0}
        if chunk.usage is None:
            return False
        seen.usage = self.total(seen.usage, usage_of(chunk.usage))
        return not chunk.choices

    def total(self, before: Usage | None, now: Usage) -> Usage:
        """Counts only grow, and each that OpenAI's wire carries is the whole one; the last may have no more than details."""
        if before is None:
            return now
        prompt, completion = max(before.prompt, now.prompt), max(before.completion, now.completion)
        read, hour = max(before.cache_read, now.cache_read), max(before.cache_write_1h, now.cache_write_1h)
        written = max(before.cache_write + before.cache_write_1h, now.cache_write + now.cache_write_1h)
        thought = max(before.reasoning, now.reasoning)
        return Usage(
            input=max(0, prompt - read - written),
            cache_read=read,
            cache_write=written - hour,
            cache_write_1h=hour,
            output=max(0, completion - thought),
            reasoning=thought,
        )

    def reader(self) -> OpenAIReader:
        return OpenAIReader()

    def parse_whole(self, raw: bytes) -> Iterator[Event]:
        """The events of an answer that was not streamed."""
        answer = _decode(raw)
        yield _start(answer)
        yield from _events(answer, "message")


class OpenAIReader:
    """Reads one stream's whole events, in order, into events."""

    def __init__(self) -> None:
        self._started = False
        self._calls: dict[int, Calls] = defaultdict(Calls)  # of each choice

    def read(self, raw: bytes) -> Iterator[Event]:
        for block in sse.blocks(raw):
            payload = sse.data(block)
            if not payload or payload.startswith(b"[DONE]"):
                continue
            chunk = _decode(payload)
            if not self._started and chunk.get("id"):
                self._started = True
                yield _start(chunk)
            for event in _events(chunk, "delta"):
                yield self._placed(event) if isinstance(event, ToolCall) else event

    def _placed(self, piece: ToolCall) -> ToolCall:
        index = piece.slot if piece.slot != _UNNUMBERED else None
        return replace(piece, slot=self._calls[piece.index].slot(index, piece.id, piece.name))


def _reason(finish_reason: str) -> str:
    """A finish reason without what Gemini adds to it: `content_filter: PROHIBITED_CONTENT`."""
    return finish_reason.partition(":")[0]


_UNNUMBERED = -1  # in place of the index that a piece of a tool call lacks


def _start(body: dict[str, Any]) -> Start:
    created = body.get("created")
    return Start(str(body.get("id", "")), str(body.get("model", "")), created if isinstance(created, int) else 0)


def _events(body: dict[str, Any], part_name: str) -> list[Event]:
    """What of an answer can be understood: a field of another type than OpenAI's is as good as none. Looked for only where one is in the way."""
    try:
        return list(_as_written(body, part_name))
    except (TypeError, AttributeError):
        choices = [_understood(choice, part_name) for choice in _objects(body.get("choices"))]
        return list(_as_written(body | {"choices": choices}, part_name))


def _understood(choice: dict[str, Any], part_name: str) -> dict[str, Any]:
    """The fields of ``choice`` that are of OpenAI's types, to the depth to which they are read. Odd calls are still calls: not nothing."""
    part = _of_type(choice.get(part_name), dict) or {}
    calls = [
        _fields(call, index=int, id=str) | {"function": _fields(call.get("function"), name=str, arguments=str)}
        for call in _objects(part.get("tool_calls")) or ([{}] if part.get("tool_calls") else [])
    ]
    said = _fields(part, reasoning_content=str, reasoning=str, refusal=str) | {"content": _text(part.get("content"))}
    return _fields(choice, index=int, text=str, finish_reason=str) | {part_name: said | {"tool_calls": calls}}


def _objects(given: Any) -> list[dict[str, Any]]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _fields(given: Any, **types: type) -> dict[str, Any]:
    have = _of_type(given, dict) or {}
    return {name: _of_type(have.get(name), kind) for name, kind in types.items()}


def _of_type(given: Any, kind: type) -> Any:
    return given if isinstance(given, kind) else None


def _as_written(body: dict[str, Any], part_name: str) -> Iterator[Event]:
    """Raises TypeError or AttributeError."""
    for choice in body.get("choices") or ():
        index = choice.get("index") or 0
        if not isinstance(index, int):
            raise TypeError(index)
        part = choice.get(part_name) or {}
        if reasoning := part.get("reasoning_content") or part.get("reasoning"):
            yield Reasoning(str(reasoning), index)
        if text := _text(part.get("content") or choice.get("text")):
            yield Text(text, index)
        if refusal := part.get("refusal"):
            yield Refusal(str(refusal), index)
        for place, tool in enumerate(part.get("tool_calls") or ()):
            function = tool.get("function") or {}
            yield ToolCall(
                slot=place if part_name == "message" else _number(tool),
                id="" + (tool.get("id") or ""),
                name="" + (function.get("name") or ""),
                arguments="" + (function.get("arguments") or ""),
                index=index,
            )
        if isinstance(function := part.get("function_call"), dict):
            yield ToolCall(
                slot=0,
                name="" + (function.get("name") or ""),
                arguments="" + (function.get("arguments") or ""),
                index=index,
            )
        if reason := choice.get("finish_reason"):
            yield Finish(_reason(str(reason)), index)
    if usage := body.get("usage"):
        with contextlib.suppress(msgspec.ValidationError):
            yield usage_of(msgspec.convert(usage, OpenAIUsage, strict=False))


def _number(tool: dict[str, Any]) -> int:
    index = tool.get("index")
    return index if isinstance(index, int) and index >= 0 else _UNNUMBERED


def _text(content: Any) -> str:
    """A message's text; some vendors (Mistral's reasoning models) send a list of parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""


def _check_text(raw: bytes) -> None:
    if raw.isascii():
        return
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise Garbled("not UTF-8", raw[error.start :]) from error
