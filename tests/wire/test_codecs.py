"""The codecs by property: nothing is lost, doubled or reordered, however events are written, split or changed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire import sse
from app.wire.anthropic import Anthropic
from app.wire.codecs import READ, WRITTEN, Codec, Scanned
from app.wire.events import MAX_TOKENS, Event, Finish, Garbled, Reasoning, Refusal, Start, Text, ToolCall, Usage, Wire
from app.wire.openai_chat import OpenAIChat
from app.wire.openai_completions import OpenAICompletions
from app.wire.openai_embeddings import OpenAIEmbeddings
from app.wire.openai_reading import FAILED

START = Start("id-1", "model-1", 1700000000)
CHAT: list[Codec] = [OpenAIChat(), Anthropic(clock=lambda: START.created)]
each = pytest.mark.parametrize("codec", CHAT, ids=lambda codec: codec.wire)

counts = st.integers(0, 10**9)
usages = st.builds(Usage, input=counts, cache_read=counts, cache_write=counts, output=counts, reasoning=counts)
pieces = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
moves = st.lists(st.one_of(st.builds(Text, pieces), st.builds(Reasoning, pieces)), max_size=6)
names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
finishes = st.sampled_from(["stop", "length", "tool_calls"])


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """One choice: content, then tool calls, then the end."""
    events: list[Event] = [START, *draw(moves)]
    for slot in range(draw(st.integers(0, 3))):
        events.append(ToolCall(slot, id=f"call_{slot}", name=draw(names)))
        events += [ToolCall(slot, piece) for piece in ('{"a":', f"{draw(counts)}", "}")]
    return [*events, Finish(draw(finishes)), draw(usages)]


def merged(events: Sequence[Event]) -> list[Event]:
    """The same answer with neighbours of one kind put together: how text is split into events says nothing."""
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        match event, last:
            case (Text(text), Text(before)):
                result[-1] = Text(before + text)
            case (Reasoning(text), Reasoning(before)):
                result[-1] = Reasoning(before + text)
            case (ToolCall(slot, more, ""), ToolCall(same, before, identity, name)) if slot == same:
                result[-1] = ToolCall(slot, before + more, identity, name)
            case _:
                result.append(event)
    return result


def spread(events: Sequence[Event]) -> list[Event]:
    """With reasoning, text and tools apart: a whole answer does not tell how they alternated."""
    text = "".join(event.text for event in events if isinstance(event, Text))
    reasoning = "".join(event.text for event in events if isinstance(event, Reasoning))
    rest = [event for event in events if not isinstance(event, Text | Reasoning)]
    return [Text(text), Reasoning(reasoning), *rest]


@each
@given(events=answers())
def test_a_stream_is_read_as_it_was_written(codec: Codec, events: list[Event]) -> None:
    """Events, rendered and read again, are the same events."""
    writer = codec.writer(include_usage=True)
    raw = writer.render(events) + writer.end()
    assert merged(list(codec.reader().read(raw))) == merged(events)


@each
@given(events=answers())
def test_a_whole_answer_is_read_as_it_was_written(codec: Codec, events: list[Event]) -> None:
    """Without how text and reasoning alternated."""
    read = list(codec.parse_whole(codec.render_whole(events)))
    assert merged(spread(read)) == merged(spread(events))


@each
@given(events=answers(), data=st.data())
def test_however_a_stream_is_split_the_same_goes_on(codec: Codec, events: list[Event], data: st.DataObject) -> None:
    """Any reads give the same bytes, the same count and the same end."""
    writer = codec.writer(include_usage=True)
    raw = writer.render(events) + writer.end()
    raw = raw.replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n"])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    cutter = sse.Cutter()
    parts = [cutter.feed(raw[a:b]) for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert b"".join(parts) == raw
    assert (cutter.held, cutter.rest()) == (0, b"")
    usage: Usage | None = None
    for part in filter(None, parts):
        seen = codec.scan(part, hide_usage=False)
        usage = codec.total(usage, seen.usage) if seen.usage else usage
    assert (usage, seen.done) == (events[-1], True)


@given(raw=st.binary(max_size=60), at=st.integers(0, 60))
def test_the_cutter_loses_no_byte(raw: bytes, at: int) -> None:
    """Whatever comes in goes out, or is held; what goes out ends with a blank line."""
    raw = raw.replace(b"\x00", b"\n").replace(b"\x01", b"\r\n")
    cutter = sse.Cutter()
    parts = [cutter.feed(raw[:at]), cutter.feed(raw[at:])]
    out = b"".join(parts)
    assert raw.startswith(out)
    assert cutter.held == len(raw) - len(out)
    assert all(part.endswith((b"\n\n", b"\n\r\n")) for part in parts if part)
    assert out == raw[: sse.whole(raw)]


@pytest.mark.parametrize("codec", READ.values(), ids=list(READ))
@given(raw=st.binary(max_size=80))
def test_nonsense_is_garbled_or_harmless(codec: Codec, raw: bytes) -> None:
    """No input makes a scan raise anything but Garbled."""
    for payload in (raw, b"data: " + raw + b"\n\n", b'data: {"choices": ' + raw + b"}\n\n"):
        with contextlib.suppress(Garbled):
            codec.scan(payload, hide_usage=True)
        with contextlib.suppress(Garbled):
            codec.scan_whole(payload)


def test_nesting_without_end_is_garbled() -> None:
    """Deeper than the decoder goes."""
    deep = b'{"choices":[{"delta":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}]}"
    with pytest.raises(Garbled):
        OpenAIChat().scan(b"data: " + deep + b"\n\n", hide_usage=True)


CHUNK = b'data: {"id":"c","choices":[{"index":0,"delta":%b,"finish_reason":null}]}\n\n'


@pytest.mark.parametrize(
    ("delta", "progress"),
    [
        (b'{"role":"assistant","content":""}', False),
        (b'{"content":null}', False),
        (b"{}", False),
        (b'{"tool_calls":[]}', False),
        (b'{"content":"a"}', True),
        (b'{"content":[{"type":"text","text":"a"}]}', True),
        (b'{"refusal":"no"}', True),
        (b'{"reasoning_content":"hm"}', True),
        (b'{"reasoning":"hm"}', True),
        (b'{"tool_calls":[{"index":0}]}', True),
    ],
)
def test_what_counts_as_progress(delta: bytes, progress: bool) -> None:
    """Content moves; a role alone does not."""
    assert OpenAIChat().scan(CHUNK % delta, hide_usage=True).progress is progress


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n', b""),
        (b'data:{"choices":[{"text":"a"}]}\n\n', b'data:{"choices":[{"text":"a"}]}\n\n'),
        (b'event: x\ndata: {"choices":[{"text":"a"}]}\n\n', b'data: {"choices":[{"text":"a"}]}\n\n'),
        (b'data: {"choices":\ndata: []}\n\n', b'data: {"choices": []}\n\n'),
        (b": comment\n\n", b": comment\n\n"),
        (b"event: ping\n\n", b""),
        (b"\n\n\ndata: [DONE]\n\n", b""),
        (b"data: [DONE] \n\n", b""),
    ],
)
def test_what_goes_on_to_a_caller(sent: bytes, kept: bytes) -> None:
    """What breaks ordinary loops over the openai client's stream does not."""
    assert OpenAIChat().scan(sent, hide_usage=True).raw == kept


def test_the_usage_event_goes_on_where_it_was_asked_for() -> None:
    """The caller's own ``include_usage``."""
    sent = b'data: {"choices":[],"usage":{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":2}}}\n\n'
    seen = OpenAIChat().scan(sent, hide_usage=False)
    assert (seen.raw, seen.usage) == (sent, Usage(input=3, cache_read=2))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"choices":[{"index":"0","delta":{"content":"a"},"finish_reason":"stop"}]}',
        b'{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"usage":[]}',
        b'{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1.5}}',
        b'{"choices":[{"index":null,"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":"1"}}',
    ],
)
def test_a_shape_that_a_vendor_changed_is_understood_as_far_as_possible(payload: bytes) -> None:
    """One odd field does not hide the content or the end."""
    seen = OpenAIChat().scan(b"data: " + payload + b"\n\n", hide_usage=True)
    assert (seen.progress, seen.finish) == (True, "stop")


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"choices":[]}', b"<html>", b'{"choices":[{}'])
def test_a_body_without_an_answer_is_garbled(body: bytes) -> None:
    """JSON alone is no answer."""
    scanned: list[Scanned] = [*CHAT, OpenAIEmbeddings()]
    for codec in scanned:
        with pytest.raises(Garbled):
            codec.scan_whole(body)


def test_anthropics_last_count_completes_the_first() -> None:
    """Its first event counts the input, its last one the output; no token is counted twice."""
    first = (
        b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1,'
        b'"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_1h_input_tokens":4}}}}\n\n'
    )
    last = (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":'
        b'{"output_tokens":8,"cache_creation_input_tokens":9,"output_tokens_details":{"thinking_tokens":8}}}\n\n'
    )
    expected = Usage(input=5, cache_write=5, cache_write_1h=4, output=0, reasoning=8)
    codec = Anthropic()
    assert codec.scan(first + last, hide_usage=True).usage == expected
    one, two = (codec.scan(raw, hide_usage=True).usage for raw in (first, last))
    assert one is not None
    assert two is not None
    assert codec.total(one, two) == expected


def test_an_event_that_anthropic_adds_later_goes_by() -> None:
    """Its versioning allows new events and new fields."""
    sent = b'event: x\ndata: {"type":"x","delta":7}\n\nevent: x\ndata: {"type":"content_block_start","content_block":[]}\n\n'
    seen = Anthropic().scan(sent, hide_usage=True)
    assert (seen.raw, seen.progress) == (sent, False)


def test_a_refusal_has_its_explanation() -> None:
    """Anthropic's stop details are OpenAI's refusal."""
    sent = (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"refusal",'
        b'"stop_details":{"type":"refusal","category":null,"explanation":"No."}}}\n\n'
    )
    assert list(Anthropic().reader().read(sent)) == [Refusal("No."), Finish("content_filter")]


ODD = [5, "x", ["y"], {"z": 1}, True, None]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "field", ["index", "content", "refusal", "finish_reason", "tool_calls", "part", "choices", "created"]
)
def test_a_field_of_another_type_spoils_no_other(field: str, whole: bool) -> None:
    """An odd answer is the vendor's fault and is read as far as it can be; it must not look like a defect of ours."""
    part = "message" if whole else "delta"
    for odd in ODD:
        call = {"id": odd, "function": {"name": odd, "arguments": odd}, "index": odd}
        said: dict[str, Any] = {"role": "assistant", "content": "ab", "refusal": None, "tool_calls": [odd, call]}
        said |= {field: odd} if field in said else {}
        choice = {"index": 0, part: odd if field == "part" else said, "finish_reason": "stop"}
        choice |= {field: odd} if field in choice else {}
        body = {"id": "c", "model": "m", "created": 1, "choices": odd if field == "choices" else [odd, choice]}
        body |= {field: odd} if field in body else {}
        raw = json.dumps(body).encode()
        codec = OpenAIChat()
        events = list(codec.parse_whole(raw) if whole else codec.reader().read(b"data: " + raw + b"\n\n"))
        for written in (WRITTEN[Wire.CHAT], WRITTEN[Wire.OPENAI_CHAT], WRITTEN[Wire.OPENAI_COMPLETIONS]):
            written.render_whole(events)
            written.writer(include_usage=True).render(events)
        if field in ("index", "refusal", "finish_reason", "tool_calls", "created"):
            assert "".join(event.text for event in events if isinstance(event, Text)) == "ab"


@pytest.mark.parametrize("codec", [OpenAIChat(), OpenAICompletions()], ids=["chat", "completions"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"object":"error","message":"CUDA out of memory","type":"InternalServerError","code":500}',
        b'{"detail":"CUDA out of memory"}',
        b'{"error":"CUDA out of memory"}',
        b'{"error":{"message":"CUDA out of memory"},"choices":[]}',
        b'{"code":"InternalError","message":"CUDA out of memory"}',
        b'{"choices":null,"error_type":"InternalServerError","error_message":"CUDA out of memory"}',
    ],
    ids=["flat", "detail", "text", "beside choices", "without a name", "DeepInfra"],
)
def test_an_error_is_one_in_whatever_shape(codec: Scanned, body: bytes) -> None:
    """In a stream and as a whole answer; in a stream it does not go on to the caller."""
    for seen in (codec.scan(b"data: " + body + b"\n\n", hide_usage=False), codec.scan_whole(body)):
        assert b"CUDA out of memory" in (seen.error or b"")
    assert codec.scan(b"data: " + body + b"\n\n", hide_usage=False).raw == b""


@pytest.mark.parametrize("data", [b'{"message":"CUDA out of memory","code":500}', b"CUDA out of memory"])
@pytest.mark.parametrize("name", [b"event: error\n", b"event:error\n"])
def test_an_event_called_error_is_one(name: bytes, data: bytes) -> None:
    """Whatever its data is. One of another name is none for that."""
    raw = name + b"data: " + data + b"\n\n"
    seen = OpenAIChat().scan(raw, hide_usage=False)
    assert (seen.error, seen.raw) == (data, b"")
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"message":"hi"}\n\n'
    seen = OpenAIChat().scan(b"event: message\n" + chunk, hide_usage=False)
    assert (seen.error, seen.progress, seen.raw) == (None, True, chunk)


@pytest.mark.parametrize("reason", sorted(FAILED))
def test_some_finish_reasons_are_failures(reason: str) -> None:
    """An answer that a server gave up is not complete; one whose limit was reached is."""
    choice = b'{"choices":[{"index":0,"delta":{},"message":{"content":"a"},"finish_reason":"%s"}]}'
    failed, cut = choice % reason.encode(), choice % b"length"
    codec = OpenAIChat()
    for seen in (codec.scan(b"data: " + failed + b"\n\n", hide_usage=False), codec.scan_whole(failed)):
        assert (seen.finish, reason.encode() in (seen.error or b"")) == (None, True)
    for seen in (codec.scan(b"data: " + cut + b"\n\n", hide_usage=False), codec.scan_whole(cut)):
        assert (seen.finish, seen.error) == ("length", None)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 115,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            Usage(input=10, output=5, reasoning=100),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 105,
                "total_tokens": 115,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            Usage(input=10, output=5, reasoning=100),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2},
            Usage(input=2, cache_read=8, output=5),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 8}, Usage(input=2, cache_read=8, output=5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "cached_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 8},
            },
            Usage(input=2, cache_read=8, output=5),
        ),
        (
            {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623},
            Usage(input=20, output=198, reasoning=405),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_creation_tokens": 30},
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
            },
            Usage(input=10, cache_read=60, cache_write=30, output=5),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 0},
                "cache_read_input_tokens": 90,
            },
            Usage(input=10, cache_read=90, output=5),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {
                    "cache_creation_tokens": 80,
                    "cache_creation_token_details": {"ephemeral_1h_input_tokens": 70},
                },
            },
            Usage(input=20, cache_write=10, cache_write_1h=70, output=5),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18, "reasoning_tokens": 6},
            Usage(input=10, output=2, reasoning=6),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 0}, Usage(input=10, output=5)),
        ({"prompt_tokens": None, "completion_tokens": 5, "total_tokens": 15}, Usage(output=5)),
    ],
    ids=[
        "reasoning beside (xAI)",
        "reasoning within",
        "DeepSeek",
        "Moonshot",
        "twice",
        "reasoning in the total alone (Gemini)",
        "LiteLLM",
        "read beside zeros (LiteLLM)",
        "written for an hour (LiteLLM)",
        "reasoning without details",
        "no total",
        "no prompt",
    ],
)
def test_every_vendors_spelling_of_usage_is_counted_once(reported: dict[str, Any], usage: Usage) -> None:
    """Whatever a count includes, and under whatever name: no token is lost, or counted in two fields."""
    raw = b"data: " + json.dumps({"choices": [], "usage": reported}).encode() + b"\n\n"
    assert OpenAIChat().scan(raw, hide_usage=False).usage == usage


@pytest.mark.parametrize(
    "last", [{"completion_tokens_details": {"reasoning_tokens": 4}}, {"prompt_tokens": 0, "completion_tokens": 0}, {}]
)
@pytest.mark.parametrize("reads", [1, 2])
def test_a_last_count_without_totals_zeroes_nothing(last: dict[str, Any], reads: int) -> None:
    """Some servers send the details in a chunk of their own."""
    codec = OpenAIChat()
    chunks = [
        b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
        for usage in ({"prompt_tokens": 10, "completion_tokens": 9}, last)
    ]
    usage: Usage | None = None
    for raw in [b"".join(chunks)] if reads == 1 else chunks:
        seen = codec.scan(raw, hide_usage=False)
        usage = codec.total(usage, seen.usage) if seen.usage else usage
    thought = 4 if "completion_tokens_details" in last else 0
    assert usage == Usage(input=10, output=9 - thought, reasoning=thought)


@pytest.mark.parametrize("none", [b'""', b"{}", b"[]", b"false", b"null"])
def test_an_error_that_is_none_is_none(none: bytes) -> None:
    """Some servers write the field into each chunk."""
    chunk = b'{"error":%s,"detail":%s,"choices":[{"index":0,"delta":{"content":"a"}}]}' % (none, none)
    seen = OpenAIChat().scan(b"data: " + chunk + b"\n\n", hide_usage=False)
    assert (seen.error, seen.progress) == (None, True)
    usage = b'data: {"choices":[],"detail":%s,"usage":{"prompt_tokens":1}}\n\n' % none
    assert OpenAIChat().scan(usage, hide_usage=False).error is None


@pytest.mark.parametrize("codec", [OpenAIChat(), Anthropic()], ids=["openai", "anthropic"])
def test_an_error_before_the_end_is_one_however_they_are_read(codec: Scanned) -> None:
    """In one read or in two: what comes behind an error finishes nothing."""
    error, end = (
        (b'data: {"error":{"message":"x"}}\n\n', b'data: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n')
        if isinstance(codec, OpenAIChat)
        else (
            b'data: {"type":"error","error":{"type":"api_error"}}\n\n',
            b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n',
        )
    )
    seen = codec.scan(error + end, hide_usage=False)
    assert (seen.finish, seen.error is None) == (None, False)
    seen = codec.scan(end + error, hide_usage=False)
    assert (seen.finish, seen.error is None) == ("stop", False)


@pytest.mark.parametrize("count", ["1" + "0" * 400, "1" + "0" * 30, "-100"])
def test_counts_that_cannot_be_meant_break_nothing(count: str) -> None:
    """Nor a sum, nor a counter that must only grow."""
    shapes = (
        b'{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":COUNT}}',
        b'{"prompt_tokens":COUNT,"completion_tokens":COUNT}',
    )
    whole = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":USAGE}\n\n'
    for shape in shapes:
        raw = whole.replace(b"USAGE", shape.replace(b"COUNT", count.encode()))
        seen = OpenAIChat().scan(raw, hide_usage=False)
        assert seen.finish == "stop"
        if seen.usage is not None:
            assert 0 <= seen.usage.prompt <= 3 * MAX_TOKENS


def test_the_older_function_call_is_content() -> None:
    """One call without an id: arguments move the answer on, and are never spliced."""
    raw = b'data: {"choices":[{"index":0,"delta":{"function_call":{"name":"f","arguments":"{"}}}]}\n\n'
    assert OpenAIChat().scan(raw, hide_usage=False).progress
    assert ToolCall(0, "{", name="f") in list(OpenAIChat().reader().read(raw))


@pytest.mark.parametrize("said", ["content_filter: PROHIBITED_CONTENT", "content_filter"])
def test_a_filters_reason_is_openais(said: str) -> None:
    """Gemini says behind a colon what it found: to the log and to other wires it is a filter like any."""
    choice = {"index": 0, "delta": {}, "message": {"content": ""}, "finish_reason": said}
    raw = json.dumps({"choices": [choice]}).encode()
    codec = OpenAIChat()
    assert codec.scan_whole(raw).finish == "content_filter"
    assert Finish("content_filter") in list(codec.parse_whole(raw))


def test_gemini_calls_a_call_that_it_kept_back_finished() -> None:
    """Nothing came of it, so another try may help."""
    choice = b'{"choices":[{"index":0,"delta":{},"finish_reason":"function_call_filter: MALFORMED_FUNCTION_CALL"}]}'
    seen = OpenAIChat().scan(b"data: " + choice + b"\n\n", hide_usage=False)
    assert (seen.finish, seen.error) == (None, b'{"error":{"message": "it gave up: function_call_filter"}}')


def block(index: int | None, kind: str, part: str, **fields: Any) -> list[dict[str, Any]]:
    """A content block of Anthropic's wire with one part, as servers that imitate it write it: null where a field has no use."""
    nothing = dict.fromkeys(("id", "name", "text", "thinking", "signature", "input"))
    delta = {"text": None, "thinking": None, "partial_json": None, part: fields.pop(part)}
    return [
        {"type": "content_block_start", "index": index, "content_block": nothing | {"type": kind, **fields}},
        {"type": "content_block_delta", "index": index, "delta": {"type": f"{part}_delta", **delta}},
        {"type": "content_block_stop", "index": index},
    ]


@pytest.mark.parametrize("index", [0, None])
def test_null_is_no_text_and_no_argument(index: int | None) -> None:
    """Of a server that speaks Anthropic's wire: no block is lost for a field that it has no use for."""
    reader, codec = Anthropic().reader(), Anthropic()
    for wanted, events in (
        (Text("Hello"), block(index, "text", "text", text="Hello")),
        (Reasoning("Hm"), block(index, "thinking", "thinking", thinking="Hm")),
        (ToolCall(0, '{"a":1}'), block(index, "tool_use", "partial_json", id="t", name="f", partial_json='{"a":1}')),
    ):
        raw = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
        assert codec.scan(raw, hide_usage=False).progress
        said = list(reader.read(raw))
        assert wanted in said
        assert not any(isinstance(event, ToolCall) and "null" in event.arguments for event in said)


def test_a_whole_message_may_have_nulls() -> None:
    """The same, not streamed: a call without arguments has an empty object of them."""
    nothing = dict.fromkeys(("id", "name", "text", "thinking", "input"))
    content = [nothing | {"type": "text", "text": "Hello"}, nothing | {"type": "tool_use", "id": "t", "name": "f"}]
    raw = json.dumps({"id": "m", "type": "message", "model": "c", "content": content}).encode()
    assert list(Anthropic().parse_whole(raw))[1:] == [Text("Hello"), ToolCall(0, "{}", "t", "f")]


def test_what_anthropic_wrote_into_the_cache_may_grow() -> None:
    """Each event has the whole count so far; the last does not tell an hour's apart again."""
    codec = Anthropic()
    first = Usage(input=25, cache_write=10, cache_write_1h=40, output=1)
    assert codec.total(first, Usage(cache_write=50, output=15)) == Usage(
        input=25, cache_write=10, cache_write_1h=40, output=15
    )
    assert codec.total(first, Usage(cache_write=90, output=15)).cache_write == 50
