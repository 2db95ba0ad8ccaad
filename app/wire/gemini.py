"""Gemini's `generateContent` and `streamGenerateContent`: the answers of Google's models, read. Callers get them translated.

Fields as in `google.cloud.aiplatform_v1.GenerateContentResponse` (google-cloud-aiplatform 1.148) and google-genai 1.75's types, checked 2026-12-01.
A stream has no mark at its end: its last event has the finish reason.
"""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from app.wire import sse
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
    error_body,
)

# In place of Google's statuses, for what an answer with 200 says: whoever reads errors knows them.
PROMPT_BLOCKED = "PROMPT_BLOCKED"
GIVEN_UP = "GIVEN_UP"

_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}
# What the model wrote is no answer, and Google keeps it back (googleapis/python-genai 1836 and public reports, read 2026-12-01).
_FAILED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
    }
)
# All others stopped an answer before its end by what is in it: SAFETY, RECITATION, BLOCKLIST, PROHIBITED_CONTENT, SPII, LANGUAGE, MODEL_ARMOR,
# IMAGE_SAFETY and so on. OTHER, and a reason that is new, must not pass for an answer's end.
_STOPPED = "content_filter"
_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"


class _Camel(msgspec.Struct, rename="camel"):
    """Google's names in JSON."""


class _FunctionCall(_Camel):
    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw()


class _Part(_Camel):
    text: str | None = None
    thought: bool | None = None
    function_call: _FunctionCall | None = None


class _Content(_Camel):
    parts: list[_Part] | None = None


class _Candidate(_Camel):
    index: int | None = None
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class _Feedback(_Camel):
    block_reason: str | None = None
    block_reason_message: str | None = None


class _Usage(_Camel):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class _Answer(_Camel):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NO_ERROR = frozenset({b"", b"null", b"{}"})


def _usage_of(usage: _Usage) -> Usage:
    """Google's prompt count includes what was cached; its counts of candidates and thoughts, and of what tools of its own read, stand apart."""
    read = usage.cached_content_token_count or 0
    return counted(
        input=(usage.prompt_token_count or 0) - read + (usage.tool_use_prompt_token_count or 0),
        cache_read=read,
        output=usage.candidates_token_count or 0,
        reasoning=usage.thoughts_token_count or 0,
    )


def _read_answer(payload: bytes) -> _Answer:
    try:
        return _decode_answer(payload)
    except msgspec.ValidationError:
        return _read_loosely(payload)
    except _UNREADABLE as error:
        raise Garbled("not JSON", payload) from error


def _read_loosely(payload: bytes) -> _Answer:
    """An answer with a field of another shape than Google's: each of its parts that is as it was is read."""
    try:
        given = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except _UNREADABLE as error:
        raise Garbled("not a JSON object", payload) from error
    fields: dict[str, Any] = {"error": given.get("error", msgspec.Raw())}
    for field in msgspec.structs.fields(_Answer):
        if field.name not in ("candidates", "error") and field.encode_name in given:
            fields[field.name] = _understood(given[field.encode_name], field.type)
    candidates = _understood(given.get("candidates", msgspec.Raw(b"[]")), list[msgspec.Raw])
    return _Answer(**fields, candidates=[_understood(each, _Candidate) or _Candidate() for each in candidates or ()])


def _understood(raw: msgspec.Raw, kind: Any) -> Any:
    """None where ``raw`` is of another kind."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        return None


def _parts(candidate: _Candidate) -> list[_Part]:
    return (candidate.content and candidate.content.parts) or []


def _arguments(call: _FunctionCall) -> str:
    """In one line, however Google indents its answer."""
    given = bytes(call.args)
    return "{}" if given in (b"", b"null") else msgspec.json.format(given, indent=-1).decode()


def _moves(candidate: _Candidate) -> bool:
    return any(part.text or part.function_call for part in _parts(candidate))


def _calls(candidate: _Candidate) -> int:
    return sum(part.function_call is not None for part in _parts(candidate))


def _finish(reason: str, *, calls: int) -> str:
    """Google has no reason of its own for an answer that calls tools."""
    return "tool_calls" if calls and reason == "STOP" else _FINISH.get(reason, _STOPPED)


def _refusal(feedback: _Feedback) -> bytes:
    why = ": ".join(filter(None, (feedback.block_reason, feedback.block_reason_message)))
    return _error(PROMPT_BLOCKED, f"the prompt was blocked ({why})")


def _error(status: str, message: str) -> bytes:
    return error_body(_encode({"status": status, "message": message}))


def _reported(payload: bytes) -> bytes | None:
    """An error that stands between the events, as Google writes it where no stream has begun: alone, or in a list. None for anything else."""
    try:
        given = _decode(payload)
    except _UNREADABLE:
        return None
    first = given[0] if isinstance(given, list) and given else given
    return payload if isinstance(first, dict) and isinstance(first.get("error"), dict) else None


def _check_text(raw: bytes) -> None:
    if raw.isascii():
        return
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise Garbled("not UTF-8", raw[error.start :]) from error


class Gemini:
    """The codec. ``clock``: for answers that do not say when they were made."""

    wire = Wire.GEMINI
    framing = sse.FRAMING

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan:
        """Looks through whole events. Usage stands in each of them and is never hidden."""
        del hide_usage
        _check_text(raw)
        seen = Scan(raw)
        kept: list[bytes] = []
        for block in sse.blocks(raw):
            payload, error = sse.data(block), seen.error
            if payload:
                self._note(_read_answer(payload), seen)
            elif block.lstrip()[:1] in (b"{", b"[") and (found := _reported(block)) is not None:
                seen.error = error or found
            elif not sse.is_without_data(block):
                raise Garbled("not a server-sent event", block)
            if seen.error is error:
                kept.append(block)
        if seen.error:
            seen.raw = b"".join(block + b"\n\n" for block in kept)
        return seen

    def scan_whole(self, raw: bytes) -> Scan:
        """Looks through a whole answer that was not streamed."""
        _check_text(raw)
        seen = Scan(raw, done=True)
        answer = _read_answer(raw)
        self._note(answer, seen)
        if not answer.candidates and seen.error is None:
            raise Garbled("the answer has no 'candidates'", raw)
        return seen

    def _note(self, answer: _Answer, seen: Scan) -> None:
        """Adds what ``answer`` says to ``seen``."""
        if bytes(answer.error) not in _NO_ERROR:
            seen.error = seen.error or error_body(bytes(answer.error))
        elif answer.prompt_feedback is not None and answer.prompt_feedback.block_reason and not answer.candidates:
            seen.error = seen.error or _refusal(answer.prompt_feedback)
        for candidate in answer.candidates or ():
            self._note_candidate(candidate, seen)
        if answer.usage_metadata is not None:
            seen.usage = self.total(seen.usage, _usage_of(answer.usage_metadata))

    def _note_candidate(self, candidate: _Candidate, seen: Scan) -> None:
        seen.progress = seen.progress or _moves(candidate)
        seen.calls = seen.calls or _calls(candidate) > 0
        reason = candidate.finish_reason or _UNSPECIFIED
        if reason in _FAILED:
            message = f"the model gave up ({reason}): {candidate.finish_message or 'its call was not well-formed'}"
            seen.error = seen.error or _error(GIVEN_UP, message)
        elif reason != _UNSPECIFIED and seen.error is None:
            seen.finish = _finish(reason, calls=_calls(candidate))
            seen.finished |= {candidate.index or 0}

    def total(self, before: Usage | None, now: Usage) -> Usage:
        """Each event counts the whole answer so far; one may leave out what another told."""
        if before is None:
            return now
        prompt, read = max(before.prompt, now.prompt), max(before.cache_read, now.cache_read)
        return Usage(
            input=prompt - read,
            cache_read=read,
            output=max(before.output, now.output),
            reasoning=max(before.reasoning, now.reasoning),
        )

    def reader(self) -> GeminiReader:
        return GeminiReader(self)

    def start(self, answer: _Answer) -> Start:
        return Start(answer.response_id or "", answer.model_version or "", self._created(answer.create_time or ""))

    def _created(self, written: str) -> int:
        """``written`` is like 2026-12-01T10:20:30.123456Z."""
        try:
            made = datetime.datetime.fromisoformat(written[:19])
        except ValueError:
            return int(self._clock())
        return int(made.replace(tzinfo=datetime.UTC).timestamp())

    def parse_whole(self, raw: bytes) -> Iterator[Event]:
        """The events of an answer that was not streamed."""
        return GeminiReader(self).events(_read_answer(raw))


class GeminiReader:
    """Reads one answer's events, in order."""

    def __init__(self, codec: Gemini) -> None:
        self._codec = codec
        self._id = ""
        self._started = False
        self._calls: Counter[int] = Counter()  # of each candidate
        self._open: set[int] = set()  # candidates without a finish reason yet
        self._usage: Usage | None = None

    def read(self, raw: bytes) -> Iterator[Event]:
        for block in sse.blocks(raw):
            if payload := sse.data(block):
                yield from self.events(_read_answer(payload))

    def events(self, answer: _Answer) -> Iterator[Event]:
        """Usage comes with the last finish reason: until then it grows with each event."""
        if not self._started:
            self._started, self._id = True, answer.response_id or ""
            yield self._codec.start(answer)
        if answer.usage_metadata is not None:
            self._usage = self._codec.total(self._usage, _usage_of(answer.usage_metadata))
        finished = False
        for candidate in answer.candidates or ():
            index = candidate.index or 0
            self._open.add(index)
            for part in _parts(candidate):
                yield from self._part(part, index)
            if (reason := candidate.finish_reason or _UNSPECIFIED) != _UNSPECIFIED:
                finished = True
                self._open.discard(index)
                yield Finish(_finish(reason, calls=self._calls[index]), index)
        if finished and not self._open and self._usage is not None:
            yield self._usage

    def _part(self, part: _Part, index: int) -> Iterator[Event]:
        if part.text:
            yield Reasoning(part.text, index) if part.thought else Text(part.text, index)
        if (call := part.function_call) is not None:
            slot = self._calls[index]
            self._calls[index] += 1
            yield ToolCall(
                slot=slot,
                arguments=_arguments(call),
                id=call.id or self._made_id(index, slot),
                name=call.name or "",
                index=index,
            )

    def _made_id(self, index: int, slot: int) -> str:
        """OpenAI's callers need an id, and Google gives none by this version of its API: it is the same whenever the answer is read again."""
        return "_".join(filter(None, ("call", self._id, str(index) if index else "", str(slot))))
