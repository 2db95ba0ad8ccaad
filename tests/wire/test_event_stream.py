"""AWS's event stream by property, with botocore's own reader as the judge: however it is split, each message is whole, checked and read once."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from app.wire.bedrock import Bedrock
from app.wire.event_stream import Cutter, message, messages
from app.wire.events import Event, Finish, Garbled, Reasoning, Text, ToolCall, Usage
from tests.inference.fakes.bedrock import Bedrock as Fake
from tests.inference.fakes.bedrock import corrupted, event
from tests.inference.fakes.vendor import Said

ALL = Said(
    reasoning=("h", "m"),
    text=("Grüße, ", "世界"),
    tools=(("weather", ('{"city":', '"Paris"}')), ("now", ())),
    finish="tool_calls",
    usage=Usage(input=20, cache_read=7, cache_write=3, cache_write_1h=2, output=11),
)
CODEC = Bedrock(clock=lambda: 1700000000, new_id=lambda: "chatcmpl-1")
STREAM = b"".join(Fake().stream(ALL))
# Headers of every kind that the protocol has, as botocore decodes them: only text is of use here.
ODD = b"\x01a\x00\x01b\x01\x01c\x02\x07\x01d\x03\x00\x07\x01e\x04\x00\x00\x00\x07\x01f\x05" + b"\x00" * 8
ODD += b"\x01g\x06\x00\x02xy\x01h\x07\x00\x02xy\x01i\x08" + b"\x00" * 8 + b"\x01j\x09" + b"\x00" * 16

headers = st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4)
sent = st.lists(st.tuples(headers, st.binary(max_size=60)), max_size=5)


def prelude(total: int, size: int) -> bytes:
    """The lengths of a message and of its headers, with the checksum that makes them believed."""
    lengths = struct.pack(">II", total, size)
    return lengths + struct.pack(">I", zlib.crc32(lengths))


def with_headers(raw: bytes) -> bytes:
    """An event with ``raw`` in the place of its headers."""
    made = prelude(len(raw) + 18, len(raw)) + raw + b"{}"
    return made + struct.pack(">I", zlib.crc32(made))


def cut(raw: bytes, at: Sequence[int]) -> tuple[list[bytes], Cutter]:
    cutter = Cutter()
    cuts = sorted(at)
    parts = [cutter.feed(raw[a:b]) for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    return parts, cutter


@given(given=sent)
def test_botocore_reads_what_is_written_and_we_read_the_same(given: list[tuple[dict[str, str], bytes]]) -> None:
    """Headers and payloads, whatever is in them."""
    raw = b"".join(message(*each) for each in given)
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    assert [(each.headers, each.payload) for each in buffer] == given
    assert [(dict(each.headers), each.payload) for each in messages(raw)] == given
    assert b"".join(each.raw for each in messages(raw)) == raw


@given(given=sent, at=st.lists(st.integers(0, 600), max_size=8))
def test_however_a_stream_is_split_whole_messages_come_out(
    given: list[tuple[dict[str, str], bytes]], at: list[int]
) -> None:
    """Every byte once and in order; what is held is less than a message."""
    raw = b"".join(message(*each) for each in given)
    parts, cutter = cut(raw, [min(each, len(raw)) for each in at])
    assert b"".join(parts) == raw
    assert (cutter.held, cutter.rest()) == (0, b"")
    assert sum(len(list(messages(part))) for part in parts) == len(given)


def test_a_stream_split_at_any_byte_is_the_same_answer() -> None:
    """The same events, and what goes out before the split is whole."""
    expected = list(CODEC.reader().read(STREAM))
    for at in range(len(STREAM)):
        parts, cutter = cut(STREAM, [at])
        reader = CODEC.reader()
        assert [each for part in parts for each in reader.read(part)] == expected
        assert cutter.held == 0


def test_one_byte_at_a_time() -> None:
    """The bytes of a message are joined twice at most, however small the reads are."""
    parts, cutter = cut(STREAM, range(1, len(STREAM)))
    assert b"".join(parts) == STREAM
    assert len([part for part in parts if part]) == len(Fake().stream(ALL))
    assert cutter.held == 0


@given(at=st.integers(0, len(STREAM) - 1), bit=st.integers(0, 7), split=st.integers(0, len(STREAM)))
def test_one_bit_that_turned_over_is_found(at: int, bit: int, split: int) -> None:
    """Wherever it is: the message is garbled, or, where its length can no longer be told, never whole."""
    turned = STREAM[:at] + bytes([STREAM[at] ^ (1 << bit)]) + STREAM[at + 1 :]
    parts, cutter = cut(turned, [split])
    with pytest.raises(Garbled):
        _read_all([*parts, b"".join(cutter._parts)])


def _read_all(parts: Sequence[bytes]) -> None:
    for part in parts:
        list(messages(part))


@given(raw=st.binary(max_size=200), split=st.integers(0, 200))
def test_rubbish_is_garbled_and_nothing_else(raw: bytes, split: int) -> None:
    """No other error, no loop without an end, no byte lost."""
    parts, cutter = cut(raw, [min(split, len(raw))])
    assert b"".join(parts) + b"".join(cutter._parts) == raw
    for part in filter(None, parts):
        with pytest.raises(Garbled):
            CODEC.scan(part, hide_usage=False)


@given(
    kind=st.text(max_size=20), payload=st.one_of(st.binary(max_size=60), st.sampled_from([b"{}", b"[]", b"null", b"7"]))
)
def test_any_payload_is_read_or_garbled(kind: str, payload: bytes) -> None:
    """A whole message with anything in it."""
    raw = message({":event-type": kind, ":message-type": "event"}, payload)
    try:
        seen = CODEC.scan(raw, hide_usage=False)
        read = list(CODEC.reader().read(raw))
    except Garbled:
        return
    assert (seen.raw, payload[:1]) == (raw, b"{")
    assert len(read) <= 2


def test_a_message_that_cannot_be_that_long_is_not_waited_for() -> None:
    """Lengths beyond the protocol's, with a checksum that is right: it goes out at once, and is garbled."""
    for total, size in ((2**31, 0), (20, 2**20), (15, 0), (40, 30)):
        cutter, impossible = Cutter(), prelude(total, size)
        assert cutter.feed(impossible) == impossible
        assert cutter.feed(b"more") == b"more"
        assert cutter.held == 0
        with pytest.raises(Garbled):
            list(messages(impossible))


def test_headers_of_every_kind_are_read_past() -> None:
    """Only text is kept; what breaks off in the middle of a header is garbled."""
    raw = with_headers(ODD)
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    [theirs], [ours] = list(buffer), list(messages(raw))
    assert set(theirs.headers) == set("abcdefghij")
    assert dict(ours.headers) == {"h": "xy"}
    for odd in (ODD[:-1], ODD + b"\x01k\x63", ODD + b"\x01k"):
        with pytest.raises(Garbled, match="headers"):
            list(messages(with_headers(odd)))


def read(*events: bytes) -> list[Event]:
    return list(CODEC.reader().read(b"".join(events)))[1:]


def test_all_that_an_answer_has_is_read() -> None:
    """Thoughts, text, two calls, the end and the counts; a signature is for the model alone."""
    assert read(STREAM) == [
        Reasoning("h"),
        Reasoning("m"),
        Text("Grüße, "),
        Text("世界"),
        ToolCall(0, "", "call_0", "weather"),
        ToolCall(0, '{"city":'),
        ToolCall(0, '"Paris"}'),
        ToolCall(1, "", "call_1", "now"),
        ToolCall(1, "{}"),
        Finish("tool_calls"),
        ALL.usage,
    ]
    seen = CODEC.scan(STREAM, hide_usage=True)
    assert (seen.progress, seen.finish, seen.usage, seen.done, seen.error) == (
        True,
        "tool_calls",
        ALL.usage,
        True,
        None,
    )
    assert seen.raw == STREAM


def test_a_whole_answer_says_the_same() -> None:
    """Apart from how it came in pieces."""
    [raw] = Fake().whole(ALL).steps
    assert isinstance(raw, bytes)
    assert list(CODEC.parse_whole(raw))[1:] == [
        Reasoning("hm"),
        Text("Grüße, 世界"),
        ToolCall(0, '{"city":"Paris"}', "call_0", "weather"),
        ToolCall(1, "{}", "call_1", "now"),
        Finish("tool_calls"),
        ALL.usage,
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("one_that_is_new", "stop"),
    ],
)
def test_stop_reasons_are_openais(reason: str, expected: str) -> None:
    """All that botocore's model has, and one that it has not."""
    seen = CODEC.scan(event("messageStop", {"stopReason": reason}), hide_usage=False)
    assert (seen.finish, seen.finished, seen.done) == (expected, frozenset({0}), False)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"delta": {"text": ""}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"reasoningContent": {"signature": "c2ln"}}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"reasoningContent": {"redactedContent": "enp6"}}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"citation": {"title": "t"}}, "contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"text": 7}, "contentBlockIndex": 0}),
        ("contentBlockStop", {"contentBlockIndex": 3}),
        ("aNewEvent", {"delta": {"text": "x"}}),
    ],
)
def test_what_shows_no_content_is_no_progress(kind: str, value: dict[str, Any]) -> None:
    """It goes on, and says nothing."""
    raw = event(kind, value)
    seen = CODEC.scan(raw, hide_usage=False)
    assert (seen.raw, seen.progress, seen.finish, seen.done, seen.error) == (raw, False, None, False, None)
    assert read(raw) == []


def test_an_exception_is_taken_out_and_ends_what_comes_behind_it() -> None:
    """As the body of an error answer, with its type and its words."""
    first, second = event("messageStart", {"role": "assistant"}), event("messageStop", {"stopReason": "end_turn"})
    broken = event("modelStreamErrorException", {"message": "boom", "originalStatusCode": 500}, "exception")
    seen = CODEC.scan(first + broken + second, hide_usage=False)
    assert seen.raw == first + second
    assert seen.error == b'{"message":"boom","originalStatusCode":500,"__type":"modelStreamErrorException"}'
    assert seen.finish is None
    unreadable = message({":message-type": "exception", ":exception-type": "x"}, b"\xff")
    assert CODEC.scan(unreadable, hide_usage=False).error == b'{"__type":"x"}'


def test_a_checksum_is_told_without_what_stands_around_it() -> None:
    """The caller is shown the beginning of what was found, not of its framing."""
    with pytest.raises(Garbled, match="checksum is wrong") as raised:
        CODEC.scan(corrupted(event("messageStart", {"role": "assistant"}), -5), hide_usage=False)
    assert raised.value.found.startswith(b'{"role"')
