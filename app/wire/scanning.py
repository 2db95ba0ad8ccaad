"""Scanning one answer: events that differ from one that was understood only in their text are let through without being parsed again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.wire.codecs import Scanned
from app.wire.events import Garbled, Scan
from app.wire.halves import Halves

_LESSONS = 3  # a vendor whose every event has something else in it (OpenAI's `obfuscation`) is not studied for ever
_KEY_BYTES = 16  # splitting 100 events takes 5 µs by so short a text, and 22 by all that stands between theirs
# The text of an event, with something in it: the first event often has a role and no text, and is like no other.
_TEXT = re.compile(rb'"(?:content|text|thinking|reasoning_content|reasoning)": ?"(?!")')
# What may stand between a JSON string's quotes. Surrogates are left to the parser, which refuses those that have no partner.
_INSIDE = re.compile(
    rb'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}))*+'
)

ScanEvents = Callable[[bytes], Scan]


class Shape(NamedTuple):
    """An event's bytes before and behind its text. With any text between them it says that content moves, and nothing else.

    ``end``: how an event ends, which ``tail`` does.
    """

    head: bytes
    tail: bytes
    end: bytes


class Run(NamedTuple):
    """Neighbouring events of one shape, some with text in them: ``raw``, which begins at ``start`` of what was searched."""

    start: int
    raw: bytes


def learn(raw: bytes, text_at: int, end: bytes, scan: ScanEvents) -> Shape | None:
    """The shape of the event whose text begins at ``text_at``; None where it says more than its text, or is written oddly."""
    inside = _INSIDE.match(raw, text_at)
    assert inside is not None  # it matches nothing, too
    before = raw.rfind(end, 0, text_at)
    start = before + len(end) if before >= 0 else 0
    shape = Shape(raw[start:text_at], raw[inside.end() : raw.find(end, inside.end()) + len(end)], end)
    return shape if _is_only_text(shape, scan) else None


def _is_only_text(shape: Shape, scan: ScanEvents) -> bool:
    """The proof, by the parser itself. Without an end to go by, there is no shape."""
    if b"\r" in shape.head or not (shape.tail.startswith(b'"') and shape.tail.endswith(shape.end)):
        return False
    event = shape.head + b"x" + shape.tail
    try:
        return scan(event) == Scan(event, progress=True)
    except Garbled:
        return False


def find(shape: Shape, raw: bytes) -> Run | None:
    """The first run of ``shape``'s events in ``raw``; None where there is none, or something in it that only a parser can judge."""
    head, tail, end = shape
    key, joint = head[-_KEY_BYTES:], tail + head
    first, *parts = raw.split(key)
    if not parts:
        return None
    *whole, last = parts
    texts = [part[: len(key) - len(joint)] for part in whole]
    text, found, _ = last.partition(tail)
    if found:
        texts.append(text)  # else the last event with this head says more than its text
    start = len(first) + len(key) - len(head)
    run = b"".join((head, joint.join(texts), tail))
    is_whole = raw.startswith(run, start) and (start == 0 or raw.endswith(end, 0, start))
    return Run(start, run) if is_whole and _are_texts(texts) else None


def _are_texts(texts: Sequence[bytes]) -> bool:
    """Whether each can stand between a JSON string's quotes, so that it ends no event and begins none; and not all are empty."""
    joined = b" ".join(
        texts
    )  # a blank ends no escape: a text that breaks off in one does not become whole by its neighbour
    return len(joined) >= len(texts) > 0 and _INSIDE.fullmatch(joined) is not None


class Scanner:
    """Scans one answer's whole events, read by read, as ``codec`` does (1.2 to 2.5 µs an event; a run of 100 takes 15 µs)."""

    def __init__(self, codec: Scanned, *, hide_usage: bool) -> None:
        self._codec = codec
        self._end = codec.framing.end
        self._hide_usage = hide_usage
        self._shape: Shape | None = None
        self._lessons = _LESSONS
        self._halves = Halves()

    def scan(self, raw: bytes) -> Scan:
        """What ``raw`` says. Raises Garbled."""
        run = self._run(raw) if not self._halves.held and _is_utf8(raw) else None
        if run is None:
            return self._parsed(raw)
        passed = Scan(run.raw, progress=True)
        before, behind = raw[: run.start], raw[run.start + len(run.raw) :]
        if not (before or behind):
            return passed
        return self._joined([self._parsed(before), passed, self._parsed(behind)])

    def _run(self, raw: bytes) -> Run | None:
        run = find(self._shape, raw) if self._shape else None
        if run is None and self._lessons and (text := _TEXT.search(raw)):
            self._lessons -= 1
            self._shape = learn(raw, text.end(), self._end, self._parsed)
            run = find(self._shape, raw) if self._shape else None
        return run

    def scan_whole(self, raw: bytes) -> Scan:
        """What a whole answer says that was not streamed. Raises Garbled."""
        try:
            return self._codec.scan_whole(raw)
        except Garbled:
            if not Halves.are_in(raw):
                raise
        return self._codec.scan_whole(self._halves.joined(raw, whole=True))

    def _parsed(self, raw: bytes) -> Scan:
        try:
            return self._codec.scan(raw, hide_usage=self._hide_usage)
        except Garbled:
            if not Halves.are_in(raw):
                raise
        return self._codec.scan(self._halves.joined(raw), hide_usage=self._hide_usage)

    def _joined(self, parts: Sequence[Scan]) -> Scan:
        """What neighbouring parts say together."""
        whole = Scan(b"".join(part.raw for part in parts))
        for part in parts:
            whole.progress |= part.progress
            whole.done |= part.done
            whole.calls |= part.calls
            if whole.error is None:  # an error ends an answer: what comes behind it finishes nothing
                whole.finish = part.finish or whole.finish
                whole.finished |= part.finished
            whole.error = part.error or whole.error
            if part.usage is not None:
                whole.usage = self._codec.total(whole.usage, part.usage)
        return whole


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
