"""The scan that skips the parser sees what the parser sees: for any stream, any text in it and any way in which it is read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.wire.anthropic import Anthropic
from app.wire.codecs import Codec, Scanned
from app.wire.events import Event, Garbled, Scan, Usage
from app.wire.halves import Halves
from app.wire.openai_chat import OpenAIChat
from app.wire.scanning import Scanner
from tests.inference.lines.wire import CODEC, Lines
from tests.wire.test_codecs import answers, each

EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
FINISH = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
ERROR = b'data: {"error":{"message":"%b"}}\n\n'
DONE = b"data: [DONE]\n\n"
LINES = [
    b'{"message": {"content": "a"}, "done": false}\n',
    b'{"message": {"content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}\n',
    b'{"error": {"message": "a"}}\n',
    b"\n",
]

# Texts that try to end the string early, to hide an event in themselves, or to become something else beside their neighbours.
ODD = [
    b"",
    b" ",
    b"\\n",
    b'\\"',
    b"\\",
    b"\\\\",
    b"\\u00e9",
    b"\\ud83d",
    b"\\ude00",
    b"\\u00",
    b"\n",
    b"\n\n",
    b"\r\n\r\n",
    b"\x00",
    "ä€😀".encode(),
    b"\xff",
    b'"',
    b'"},"finish_reason":"stop"}]}\n\ndata: {"id":"c","choices":[{"index":0,"delta":{"content":"',
    b'"},"finish_reason":null}]}\n\n',
    EVENT % b"a",
    b'","content":"',
    b'","refusal":"no","x":"',
]
texts = st.one_of(
    st.sampled_from(ODD), st.binary(max_size=6), st.text(max_size=6).map(lambda text: text.encode(errors="replace"))
)
events = st.one_of(
    st.builds(lambda text: EVENT % text, texts),
    st.builds(lambda text: EVENT % text, texts),
    st.builds(lambda text: FINISH % text, texts),
    st.builds(lambda text: ERROR % text, texts),
    st.sampled_from(
        [USAGE, DONE, b": ping\n\n", b"\n", EVENT.replace(b"\n", b"\r\n") % b"a", EVENT.replace(b'":', b'": ') % b"a"]
    ),
)


_LINES = re.compile(rb"(?:\r?\n){2,}")  # how many line breaks part two events says nothing


def seen_by(scan: Any, reads: list[bytes]) -> list[Scan | str]:
    """What ``scan`` says of each read, to the first that it cannot read."""
    seen: list[Scan | str] = []
    for raw in reads:
        try:
            said = scan(raw)
            seen.append(replace(said, raw=_LINES.sub(b"\n\n", said.raw).lstrip(b"\n")))
        except Garbled as error:
            return [*seen, str(error)]
    return seen


def compare(codec: Scanned, reads: list[bytes], *, hide_usage: bool = True) -> None:
    halves = Halves()

    def plainly(raw: bytes) -> Scan:
        try:
            return codec.scan(raw, hide_usage=hide_usage)
        except Garbled:
            if not Halves.are_in(raw):
                raise
        return codec.scan(halves.joined(raw), hide_usage=hide_usage)

    expected = seen_by(plainly, reads)
    assert seen_by(Scanner(codec, hide_usage=hide_usage).scan, reads) == expected


@given(reads=st.lists(st.lists(events, max_size=6).map(b"".join), max_size=6), hide_usage=st.booleans())
@example(reads=[EVENT % b"a" * 3 + FINISH % b"" + USAGE + DONE], hide_usage=True)
@example(reads=[EVENT % b"a", EVENT % b"b\\" + EVENT % b'"'], hide_usage=True)
@example(reads=[EVENT % b"a", EVENT % b"\\ud83d" + EVENT % b"\\ude00"], hide_usage=True)
@example(reads=[EVENT % b"a", EVENT % b"" + EVENT % b""], hide_usage=True)
def test_nothing_is_seen_differently(reads: list[bytes], hide_usage: bool) -> None:
    """Whatever a text or a neighbour says, no content, finish reason, usage, error or end mark is missed or made up."""
    compare(OpenAIChat(), reads, hide_usage=hide_usage)


@each
@given(answer=answers(), data=st.data())
def test_any_answer_read_in_any_way_is_seen_alike(codec: Codec, answer: list[Event], data: st.DataObject) -> None:
    """Both wires, as their own writers write them."""
    writer = codec.writer(include_usage=True)
    blocks = [block + b"\n\n" for block in (writer.render(answer) + writer.end()).split(b"\n\n") if block]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(blocks)), max_size=5)))
    reads = [b"".join(blocks[a:b]) for a, b in zip([0, *cuts], [*cuts, len(blocks)], strict=True)]
    compare(codec, reads)


class Counting(OpenAIChat):
    """Counts the events that are parsed."""

    def __init__(self) -> None:
        self.parsed = 0

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan:
        self.parsed += raw.count(b"\n\n")
        return super().scan(raw, hide_usage=hide_usage)


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    chunk = {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


@pytest.mark.parametrize("last", [event({}, "stop"), event({"content": ""}, "stop")])
@pytest.mark.parametrize("first", [{"role": "assistant", "content": ""}, {"role": "assistant", "content": None}])
def test_a_run_of_text_is_not_parsed(first: dict[str, Any], last: bytes) -> None:
    """Of 1,000 events only a few are: the first, the last, and one to learn what the others look like."""
    words = [event({"content": text}) for text in ("a", "\n", 'say "hi"', "ä", "\\", "}]}") * 200]
    raw = event(first) + b"".join(words) + last + USAGE + DONE
    codec = Counting()
    seen = Scanner(codec, hide_usage=True).scan(raw)
    assert seen == OpenAIChat().scan(raw, hide_usage=True)
    assert (seen.finish, seen.usage, seen.done) == ("stop", Usage(input=3, output=2), True)
    assert codec.parsed == 5


def test_events_that_always_differ_are_not_studied_for_ever() -> None:
    """OpenAI puts a text of random length into each event: after three lessons each is simply parsed."""
    codec = Counting()
    scanner = Scanner(codec, hide_usage=True)
    for number in range(100):
        assert scanner.scan(event({"content": "a"}, obfuscation="x" * number)).progress
    assert codec.parsed == 100


@pytest.mark.parametrize(
    "raw",
    [
        event({"content": "a"}, "stop"),
        event({"content": "a"}, usage={"prompt_tokens": 1}),
        event({"content": "a"}, error={"message": "broken"}),
        b'event: x\ndata: {"choices":[{"text":"a"}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"a","content":null}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":""},"x":{"text":"a"}}]}\n\n',
        b': {"content":"a"}\n\n',
    ],
)
def test_an_event_that_says_more_than_its_text_is_always_parsed(raw: bytes) -> None:
    """Its like are never let through unread."""
    codec = Counting()
    scanner = Scanner(codec, hide_usage=True)
    reads = 10
    for _ in range(reads):
        assert scanner.scan(raw) == OpenAIChat().scan(raw, hide_usage=True)
    assert codec.parsed >= reads


def test_anthropics_text_is_not_parsed_either() -> None:
    """An event of two lines has a shape as well."""
    raw = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n'
    scanner = Scanner(Anthropic(), hide_usage=True)
    scanner.scan(raw)
    assert scanner.scan(raw * 3) == Scan(raw * 3, progress=True)
    assert scanner._shape is not None


def test_a_run_of_text_is_found_by_the_framing_of_its_wire() -> None:
    """Lines of JSON have a shape as well; where a framing names no end, every event is parsed."""
    raw = b'{"message": {"content": "a"}, "done": false}\n'
    scanner = Scanner(CODEC, hide_usage=True)
    scanner.scan(raw)
    assert scanner.scan(raw * 3) == Scan(raw * 3, progress=True)
    assert scanner._shape is not None
    told = Lines()
    told.framing = replace(told.framing, end=b"")
    unshaped = Scanner(told, hide_usage=True)
    assert unshaped.scan(raw * 3) == Scan(raw * 3, progress=True)
    assert unshaped._shape is None


@given(
    parts=st.lists(st.one_of(st.sampled_from(LINES), texts.map(lambda text: LINES[0].replace(b"a", text))), max_size=8)
)
def test_nothing_is_seen_differently_in_lines(parts: list[bytes]) -> None:
    """Under another framing too."""
    compare(CODEC, [b"".join(parts[:4]), b"".join(parts[4:])])
