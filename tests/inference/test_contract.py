"""What every adapter promises the router, tried against a fake of its vendor on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace as replace_call

from app.inference import http
from app.logic.answer import Backend, Batch, Blame, Call, Failure, Kind
from tests.inference.contract import KEY, MODEL, SUBJECTS, WITHIN_S, backend, call, heard, opened, streamed
from tests.inference.fakes.anthropic import Anthropic
from tests.inference.fakes.server import Reply, Step, Then, serving
from tests.inference.fakes.vendor import Binary, Fault, Lack, Said, Vendor, rewrite

both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])

SIX = tuple("Hello!")
MOST_BYTES = 16 * 2**20
UNICODE = ("Grüße, ", "世界 ", "👩‍👩‍👧 ", '\u2028 \x7f \\ " ', "נ")
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("get_weather", "now")
]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
FORM = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
IMAGE = "data:image/png;base64,aGk="
SEEN = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": IMAGE}}]}]
ASKED: dict[Lack, dict[str, Any]] = {
    Lack.TOOLS: {"tools": TOOLS},
    Lack.SCHEMA: {"response_format": FORM},
    Lack.IMAGES: {"messages": SEEN},
}


ALWAYS = {"messages", "model", "stream", "stream_options"}  # in every request
# A value that is not the usual one, for each field of a request that some adapter admits.
ADMITTED: dict[str, Any] = {
    "max_tokens": 5,
    "max_completion_tokens": 5,
    "n": 2,
    "stop": ["END"],
    "seed": 7,
    "temperature": 0.25,
    "top_p": 0.5,
    "user": "u1",
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": {"1": 5},
    "tools": TOOLS,
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "response_format": FORM,
    "reasoning_effort": "low",
    "logprobs": True,
    "top_logprobs": 2,
    "functions": [{"name": "now", "parameters": {}}],
    "function_call": "none",
    "prediction": {"type": "content", "content": "x"},
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "verbosity": "low",
    "top_k": 5,
    "top_a": 0.5,
    "min_p": 0.1,
    "typical_p": 0.5,
    "repetition_penalty": 1.1,
    "repeat_penalty": 1.1,
    "repeat_last_n": 5,
    "min_tokens": 1,
    "length_penalty": 0.5,
    "stop_token_ids": [1],
    "bad_words": ["x"],
    "skip_special_tokens": False,
    "truncate_prompt_tokens": 5,
    "include_stop_str_in_output": True,
    "include_reasoning": False,
    "thinking_token_budget": 5,
    "continue_final_message": True,
    "add_generation_prompt": False,
    "reasoning_format": "parsed",
    "thinking": {"type": "enabled"},
    "safe_prompt": True,
    "reasoning": {"effort": "low"},
}
# Fields that say something only beside others.
BESIDE: dict[str, dict[str, Any]] = {
    "tool_choice": {"tools": TOOLS},
    "parallel_tool_calls": {"tools": TOOLS},
    "function_call": {"functions": ADMITTED["functions"]},
    "top_logprobs": {"logprobs": True},
}


def needs(lack: Lack) -> Callable[[Test], Test]:
    """Marks a promise that is not asked of a vendor whose wire has no such thing."""

    def mark(test: Test) -> Test:
        NEEDS[test.__name__] = lack
        return test

    return mark


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every promise is asked of every vendor; what depends on the wire, once for each way that the vendor declares."""
    able = [vendor for vendor in SUBJECTS if NEEDS.get(metafunc.function.__name__) not in vendor.lacks]
    for name, ways in PER_WIRE.items():
        if name in metafunc.fixturenames:
            cases = [(vendor, *way) for vendor in able for way in ways(vendor)]
            ids = [f"{vendor.adapter}-{way}" for vendor, way, *_ in cases]
            metafunc.parametrize(("vendor", name), [(vendor, way[-1]) for vendor, *way in cases], ids=ids)
            return
    metafunc.parametrize("vendor", able, ids=[vendor.adapter for vendor in able])


Test = TypeVar("Test", bound=Callable[..., Any])
NEEDS: dict[str, Lack] = {}
PER_WIRE: dict[str, Callable[[Vendor], list[tuple[Any, ...]]]] = {
    "garbage": lambda vendor: list(enumerate(vendor.garbage)),
    "change": lambda vendor: list(vendor.rewritten.items()),
    "lack": lambda vendor: [(lack, lack) for lack in sorted(vendor.lacks & ASKED.keys())],
}


def reply(vendor: Vendor, said: Said, *, stream: bool) -> Reply:
    return streamed(vendor, *vendor.stream(said)) if stream else vendor.whole(said)


async def answered(vendor: Vendor, said: Said, *, stream: bool, **fields: Any) -> Any:
    """The request as it arrived, in neutral words, and the answer as it was heard."""
    async with backend(vendor, reply(vendor, said, stream=stream)) as (subject, fake):
        answer = await heard(await opened(subject, call(stream=stream, **fields)), stream=stream)
    [received] = fake.received
    return vendor.asked(received), answer


async def failed(vendor: Vendor, *steps: Step | Reply, stream: bool = True) -> tuple[list[Batch], Failure]:
    """What came before a failure, and the failure."""
    replies = [step for step in steps if isinstance(step, Reply)] or [
        streamed(vendor, *(s for s in steps if not isinstance(s, Reply)))
    ]
    batches: list[Batch] = []
    async with backend(vendor, *replies) as (subject, _):
        with pytest.raises(Failure) as raised:
            await _collect(subject, call(stream=stream), batches)
    return batches, raised.value


async def _collect(subject: Backend, asked: Call, batches: list[Batch]) -> None:
    """A comprehension would lose what came before the failure."""
    async with asyncio.timeout(WITHIN_S):
        async for batch in await opened(subject, asked):
            batches.append(batch)  # noqa: PERF401


@both
async def test_an_answer_arrives_as_it_was_said(vendor: Vendor, stream: bool) -> None:
    """Text, finish reason and usage are the vendor's; the request names the pinned model and carries the key."""
    asked, answer = await answered(vendor, Said(text=("Hel", "lo")), stream=stream, max_tokens=50)
    assert (answer.text, answer.finish, answer.end.reason) == ("Hello", "stop", "stop")
    assert (asked.model, asked.stream, asked.text, asked.max_tokens) == (MODEL, stream, "hi", 50)
    assert asked.key == KEY


@both
async def test_usage_is_disjoint(vendor: Vendor, stream: bool) -> None:
    """Cached tokens are not counted as input again, reasoning not as output again."""
    _, answer = await answered(vendor, Said(text=("x",)), stream=stream, include_usage=True)
    assert answer.end.usage == vendor.usage
    assert answer.usage == vendor.usage


@both
async def test_usage_that_was_not_reported_is_not_invented(vendor: Vendor, stream: bool) -> None:
    """Without a count there is none: zero would be a claim."""
    _, answer = await answered(vendor, Said(text=("x",), usage=None), stream=stream)
    assert answer.end.usage is None


@both
@pytest.mark.parametrize(("finish", "text"), [("length", "x"), ("content_filter", "")])
async def test_finish_reasons_are_openais(vendor: Vendor, stream: bool, finish: str, text: str) -> None:
    """Whatever the vendor calls it, the end's reason is one that an OpenAI client knows."""
    _, answer = await answered(vendor, Said(text=(text,), finish=finish), stream=stream)
    assert (answer.finish, answer.end.reason) == (finish, finish)


@both
async def test_characters_survive(vendor: Vendor, stream: bool) -> None:
    """No character is lost, doubled or changed."""
    _, answer = await answered(vendor, Said(text=UNICODE), stream=stream)
    assert answer.text == "".join(UNICODE)


@both
@needs(Lack.REASONING)
async def test_reasoning_is_kept_apart(vendor: Vendor, stream: bool) -> None:
    """What the model thinks is not what it says."""
    _, answer = await answered(vendor, Said(reasoning=("hm", "m"), text=("ok",)), stream=stream)
    assert (answer.reasoning, answer.text) == ("hmm", "ok")


@both
@needs(Lack.TOOLS)
async def test_tools_are_called(vendor: Vendor, stream: bool) -> None:
    """Two calls, one without arguments: ids, names and JSON arguments arrive, and the tools reached the vendor."""
    said = Said(
        tools=(("get_weather", ('{"city":', '"Paris"}')), ("now", ())), finish="tool_calls", text=("Let me see.",)
    )
    asked, answer = await answered(vendor, said, stream=stream, tools=TOOLS, tool_choice="required")
    assert (asked.tools, asked.tool_choice) == (("get_weather", "now"), "required")
    assert [tool[:2] for tool in answer.tools] == [["call_0", "get_weather"], ["call_1", "now"]]
    assert answer.tools[0][2] in ('{"city":"Paris"}', '{"city": "Paris"}')
    assert answer.finish == "tool_calls"


@needs(Lack.TOOLS)
async def test_tool_results_go_back(vendor: Vendor) -> None:
    """The second turn of a tool conversation carries the call and its result."""
    used = {"id": "call_0", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": None, "tool_calls": [used]},
        {"role": "tool", "tool_call_id": "call_0", "content": "noon"},
    ]
    asked, _ = await answered(vendor, Said(text=("Noon.",)), stream=True, messages=messages, tools=TOOLS)
    assert (asked.system, asked.text) == ("Be brief.", "What time is it?")
    assert asked.tool_results == {"call_0": "noon"}


@both
async def test_a_conversation_reaches_the_vendor(vendor: Vendor, stream: bool) -> None:
    """The system prompt, every turn in its order, and the temperature."""
    turns = (("user", "Name a city."), ("assistant", "Paris."), ("user", "Another one."))
    messages = [{"role": role, "content": text} for role, text in (("system", "Be brief."), *turns)]
    asked, _ = await answered(vendor, Said(text=("Rome.",)), stream=stream, messages=messages, temperature=0.25)
    assert (asked.system, asked.turns, asked.temperature) == ("Be brief.", turns, 0.25)


async def test_every_field_that_is_admitted_changes_the_request(vendor: Vendor) -> None:
    """What is neither sent on, nor named to the caller as left out, nor refused by name would be believed."""
    ignored: list[str] = []
    async with backend(vendor, vendor.whole(Said(text=("x",)))) as (subject, fake):
        for field, value in ADMITTED.items():
            beside = BESIDE.get(field, {})
            try:
                for given in (beside, {**beside, field: value}):
                    answer = await opened(subject, call(stream=False, **given))
                    await heard(answer, stream=False)
            except Failure as failure:
                if failure.kind is Kind.BAD_REQUEST and failure.param in {field, *beside}:
                    continue
                raise
            without, with_it = (received.body for received in fake.received[-2:])
            if without == with_it and field not in answer.ignored:
                ignored.append(field)
    assert ignored == [], (
        f"adapter '{vendor.adapter}' takes {', '.join(ignored)} and does not send it: map or refuse it"
    )


HINTED: dict[str, Any] = {
    "store": True,
    "metadata": {"a": "b"},
    "user": "u1",
    "safety_identifier": "s",
    "prompt_cache_key": "k",
    "seed": 7,
    "verbosity": "low",
    "service_tier": "auto",
}


@pytest.mark.parametrize("field", HINTED)
async def test_a_hint_never_stops_an_answer(vendor: Vendor, field: str) -> None:
    """A backend that does not know it answers without it, and the caller is told; what would keep the conversation goes nowhere."""
    sent = reply(vendor, Said(text=("x",)), stream=True)
    async with backend(vendor, sent) as (subject, fake):
        answer = await opened(subject, call(**{field: HINTED[field]}))
        await heard(answer)
    body = json.dumps(fake.received[0].body)
    assert (field in answer.ignored) or json.dumps(HINTED[field]) in body
    if field in ("store", "metadata", "service_tier"):
        assert answer.ignored == {field}
        assert field not in fake.received[0].body


async def test_what_changes_the_answer_is_dropped_where_the_route_says_so(vendor: Vendor) -> None:
    """`unsupported: drop`: a field that this backend does not take is left out, and named."""
    sent = reply(vendor, Said(text=("x",)), stream=True)
    async with backend(vendor, sent) as (subject, fake):
        with pytest.raises(Failure):
            await opened(subject, call(no_such_field=1))
        answer = await opened(subject, replace_call(call(no_such_field=1), drops_unsupported=True))
        await heard(answer)
    assert answer.ignored == {"no_such_field"}
    assert "no_such_field" not in fake.received[-1].body


CONTROL = {"type": "ephemeral", "ttl": "1h"}
OF_ANTHROPIC: list[dict[str, Any]] = [
    {"role": "system", "content": "s", "cache_control": CONTROL},
    {"role": "user", "content": [{"type": "text", "text": "u", "cache_control": CONTROL}]},
    {
        "role": "assistant",
        "content": [{"type": "redacted_thinking", "data": "zz"}, {"type": "text", "text": "a"}],
        "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}],
    },
    {"role": "user", "content": "more"},
]


async def test_what_only_anthropic_knows_reaches_it_alone(vendor: Vendor) -> None:
    """Cache marks, thoughts and their signatures: passed on to Claude, left out for others, who would refuse or misread them, and named."""
    asked = call(
        messages=OF_ANTHROPIC, tools=[TOOLS[0] | {"cache_control": CONTROL}] if Lack.TOOLS not in vendor.lacks else None
    )
    async with backend(vendor, reply(vendor, Said(text=("x",)), stream=True)) as (subject, fake):
        answer = await opened(subject, asked)
        await heard(answer)
    body = json.dumps(fake.received[0].body)
    if isinstance(vendor, Anthropic):
        assert (body.count('"ephemeral"'), '"sig"' in body, '"zz"' in body, answer.ignored) == (
            3,
            True,
            True,
            frozenset(),
        )
    else:
        assert not any(word in body for word in ("ephemeral", "sig", "zz", "cache_control", "thinking"))
        assert {"cache_control", "thinking_blocks", "redacted_thinking"} <= answer.ignored


async def test_stop_words_reach_the_vendor(vendor: Vendor) -> None:
    """A stop word alone is a list of one."""
    asked, _ = await answered(vendor, Said(text=("x",)), stream=True, stop="END")
    assert asked.stop == ("END",)


@needs(Lack.SCHEMA)
async def test_a_schema_reaches_the_vendor(vendor: Vendor) -> None:
    """It is the caller's own."""
    asked, _ = await answered(vendor, Said(text=('{"a":1}',)), stream=True, response_format=FORM)
    assert asked.schema == SCHEMA


@needs(Lack.IMAGES)
async def test_an_image_by_data_url_goes_on(vendor: Vendor) -> None:
    """A data: URL needs no fetching."""
    asked, _ = await answered(vendor, Said(text=("a cat",)), stream=True, messages=SEEN)
    assert asked.images == (IMAGE,)


async def test_what_the_wire_lacks_is_refused_by_name(vendor: Vendor, lack: Lack) -> None:
    """Left out silently it would be believed; another backend may have it."""
    [(field, value)] = ASKED[lack].items()
    fields: dict[str, Any] = {field: value}
    async with backend(vendor, reply(vendor, Said(text=("x",)), stream=True)) as (subject, fake):
        with pytest.raises(Failure, match="'subject'") as raised:
            await opened(subject, call(**fields))
    assert (raised.value.kind, raised.value.param, raised.value.blame) == (Kind.BAD_REQUEST, field, Blame.BACKEND)
    assert fake.received == []


@pytest.mark.parametrize("field", ["chat_template", "guided_regex", "service_tier", "id_slot", "no_such_field"])
async def test_a_field_that_is_not_on_the_list_is_refused(vendor: Vendor, field: str) -> None:
    """It does not reach the vendor, and the failure names it and the backend."""
    fields: dict[str, Any] = {field: "priority"}
    async with backend(vendor, reply(vendor, Said(text=("x",)), stream=True)) as (subject, fake):
        with pytest.raises(Failure, match="'subject'") as raised:
            await opened(subject, call(**fields))
    assert (raised.value.kind, raised.value.param, fake.received) == (Kind.BAD_REQUEST, field, [])


@both
@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (Fault.WRONG_KEY, Kind.MISCONFIGURED, None),
        (Fault.NO_ACCESS, Kind.MISCONFIGURED, None),
        (Fault.NO_MODEL, Kind.MISCONFIGURED, None),
        (Fault.NO_MONEY, Kind.MISCONFIGURED, None),
        (Fault.RATE_LIMITED, Kind.BUSY, 429),
        (Fault.OVERLOADED, Kind.BUSY, 503),
        (Fault.BROKEN, Kind.UNREACHABLE, 502),
        (Fault.BAD_REQUEST, Kind.BAD_REQUEST, 400),
        (Fault.TOO_LONG, Kind.CONTEXT_TOO_LONG, 400),
        (Fault.REFUSED, Kind.REFUSED_BY_POLICY, 400),
    ],
)
async def test_each_fault_has_its_kind(
    vendor: Vendor, stream: bool, fault: Fault, kind: Kind, status: int | None
) -> None:
    """The vendor's errors in the router's words."""
    async with backend(vendor, vendor.fault(fault)) as (subject, _):
        with pytest.raises(Failure) as raised:
            await opened(subject, call(stream=stream))
    assert raised.value.kind is kind
    assert raised.value.status in (status, None)
    assert KEY not in repr(subject)


@both
@pytest.mark.parametrize("escaped", [False, True], ids=["plain", "escaped"])
@pytest.mark.parametrize("status", [None, 200], ids=["its_status", "status_200"])
@pytest.mark.parametrize("fault", [Fault.BAD_REQUEST, Fault.RATE_LIMITED, Fault.WRONG_KEY])
async def test_a_key_that_the_vendor_quotes_is_shown_to_nobody(
    vendor: Vendor, stream: bool, fault: Fault, status: int | None, escaped: bool
) -> None:
    """Whatever header it travels in, and whatever is wrong."""
    said = vendor.fault(fault, KEY)
    sent = b"".join(step for step in said.steps if isinstance(step, bytes))
    assert KEY.encode() in sent, f"the fake of '{vendor.adapter}' must quote the key that fault() is given"
    if escaped:
        sent = sent.replace(KEY.encode(), f"\\u{ord(KEY[0]):04x}{KEY[1:]}".encode())
    _, failure = await failed(vendor, replace(said, status=status or said.status, steps=[sent]), stream=stream)
    assert KEY not in f"{failure.message} {failure} {failure!r}"


@pytest.mark.parametrize("after", [0, 4], ids=["first", "after_content"])
async def test_a_key_that_an_event_quotes_is_shown_to_nobody(vendor: Vendor, after: int) -> None:
    """An error in a stream, before content and behind it."""
    event = vendor.error_event(Fault.BAD_REQUEST, KEY)
    assert KEY.encode() in event, f"the fake of '{vendor.adapter}' must quote the key that error_event() is given"
    _, failure = await failed(vendor, *vendor.stream(Said(text=SIX))[:after], event)
    assert KEY not in f"{failure.message} {failure} {failure!r}"


@pytest.mark.parametrize("beginning", [b"", b"x" * 65], ids=["at_once", "at_the_cut"])
@both
async def test_a_key_in_what_is_no_answer_is_shown_to_nobody(vendor: Vendor, stream: bool, beginning: bytes) -> None:
    """A page with status 200, of which the message shows the beginning: not even a part of the key."""
    page = Reply(content_type="text/html", steps=[beginning + KEY.encode() + b" is on the wrong plan"])
    _, failure = await failed(vendor, page, stream=stream)
    assert KEY[:8] not in failure.message


async def test_a_key_in_garbage_is_shown_to_nobody(vendor: Vendor) -> None:
    """An event that cannot be read is quoted without the key."""
    garbage = vendor.garbage[0].replace(b"nonsense", KEY.encode())
    assert KEY.encode() in garbage, f"the first garbage of the fake of '{vendor.adapter}' must have the word nonsense"
    _, failure = await failed(vendor, garbage)
    assert failure.kind is Kind.GARBLED
    assert KEY not in f"{failure.message} {failure} {failure!r}"


async def test_retry_after_is_told(vendor: Vendor) -> None:
    """How long the vendor wants to be left alone."""
    fault = vendor.fault(Fault.RATE_LIMITED)
    _, failure = await failed(vendor, Reply(status=fault.status, steps=fault.steps, headers={"retry-after": "7"}))
    assert failure.retry_after_s == 7


@both
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Kind.GARBLED),
        (400, Kind.MISCONFIGURED),
        (413, Kind.BAD_REQUEST),
        (302, Kind.MISCONFIGURED),
        (502, Kind.UNREACHABLE),
        (529, Kind.BUSY),
    ],
)
async def test_a_proxys_page_is_no_answer(vendor: Vendor, stream: bool, status: int, kind: Kind) -> None:
    """HTML in place of JSON, whatever the status."""
    page = Reply(status=status, content_type="text/html", steps=[b"<html>", b"Bad Gateway</html>"])
    _, failure = await failed(vendor, page, stream=stream)
    assert failure.kind is kind


async def test_an_error_before_content_keeps_its_kind(vendor: Vendor) -> None:
    """A 200 whose first event is an error is that error: another backend can still answer."""
    _, failure = await failed(vendor, vendor.stream(Said())[0], vendor.error_event(Fault.OVERLOADED))
    assert (failure.kind, failure.status) == (Kind.BUSY, 503)


async def test_an_error_after_content_is_a_cut(vendor: Vendor) -> None:
    """The answer that had begun is not complete."""
    events = vendor.stream(Said(text=SIX))
    batches, failure = await failed(vendor, b"".join(events[:4]), 0.05, vendor.error_event(Fault.BROKEN))
    assert any(batch.progress for batch in batches)
    assert (failure.kind, failure.billed) == (Kind.CUT, "maybe")


@pytest.mark.parametrize("end", [Then.EOF, Then.RESET])
async def test_an_answer_without_an_end_is_a_cut(vendor: Vendor, end: Then) -> None:
    """Closed or reset in the middle: what came before is delivered, then the failure."""
    events = vendor.stream(Said(text=SIX))
    batches, failure = await failed(vendor, *events[:4], 0.05, end)
    assert any(batch.progress for batch in batches)
    assert failure.kind is Kind.CUT


async def test_a_body_that_ends_properly_but_too_early_is_a_cut(vendor: Vendor) -> None:
    """A clean end of the body is no end of the answer."""
    _, failure = await failed(vendor, *vendor.stream(Said(text=SIX))[:4])
    assert failure.kind is Kind.CUT


@pytest.mark.parametrize("cut_at", [-1, -2, -25])
async def test_an_event_that_breaks_off_is_a_cut(vendor: Vendor, cut_at: int) -> None:
    """Half an event never goes out."""
    events = vendor.stream(Said(text=SIX))
    whole = b"".join(events[:5])
    batches, failure = await failed(vendor, whole + events[5].rstrip()[:cut_at])
    assert failure.kind is Kind.CUT
    assert b"".join(batch.raw for batch in batches) == whole


@needs(Lack.END_MARK)
async def test_a_finish_reason_without_an_end_mark_is_complete(vendor: Vendor) -> None:
    """Some servers forget the end mark."""
    async with backend(vendor, streamed(vendor, *vendor.stream(Said(text=("x",)))[:-1])) as (subject, _):
        answer = await heard(await opened(subject, call()))
    assert (answer.text, answer.end and answer.end.reason) == ("x", "stop")


async def test_an_end_mark_without_its_blank_line_is_an_end(vendor: Vendor) -> None:
    """Careless servers close right after the last line."""
    events = vendor.stream(Said(text=("x",)))
    async with backend(vendor, streamed(vendor, *events[:-1], events[-1].rstrip(b"\n"))) as (subject, _):
        answer = await heard(await opened(subject, call()))
    assert (answer.text, answer.end and answer.end.reason) == ("x", "stop")


async def test_nothing_behind_the_end_is_a_failure(vendor: Vendor) -> None:
    """An error, or rubbish in a later read, makes a finished answer no less complete, and does not reach the caller."""
    events = vendor.stream(Said(text=("x",)))
    finished = b"".join(events if Lack.END_MARK in vendor.lacks else events[:-1])
    error = vendor.error_event(Fault.BROKEN)
    cases: list[tuple[bytes, list[Step]]] = [(error, [finished + error])]
    cases += [(rest, [finished, 0.05, rest]) for rest in (error, *vendor.garbage)]
    for odd, steps in cases:
        async with backend(vendor, streamed(vendor, *steps)) as (subject, _):
            answer = await heard(await opened(subject, call()))
        assert (answer.text, answer.end and answer.end.reason) == ("x", "stop")
        assert odd not in answer.raw


def unended(vendor: Vendor, *text: str) -> bytes:
    """A finished stream of ``text`` without the mark that ends it."""
    return b"".join(vendor.stream(Said(text=text))[:-1])


@needs(Lack.END_MARK)
async def test_content_behind_a_finish_reason_is_content(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that write a finish reason into each chunk have not finished while content comes; how long all of it takes is no matter."""
    monkeypatch.setattr(http, "REST_S", 1.5)
    steps: list[Step] = [unended(vendor, "a"), 0.8, unended(vendor, "b"), 0.8, *vendor.stream(Said(text=("c",)))]
    async with backend(vendor, streamed(vendor, *steps)) as (subject, _):
        answer = await heard(await opened(subject, call()))
    assert (answer.text, answer.end and answer.end.reason) == ("abc", "stop")


@needs(Lack.END_MARK)
async def test_a_finish_reason_before_any_content_ends_nothing(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Translators write one into chunks that have no text: the answer is still to come. Where none comes, it was empty."""
    monkeypatch.setattr(http, "REST_S", 0.05)
    later: list[Step] = [0.3, *vendor.stream(Said(text=("x",)))]
    for rest, text in ((later, "x"), ([], "")):
        async with backend(vendor, streamed(vendor, unended(vendor), *rest)) as (subject, _):
            answer = await heard(await opened(subject, call()))
        assert (answer.text, answer.end and answer.end.reason) == (text, "stop")


HALVES = {"§": b"\\ud83d", "¶": b"\\ude00"}


def halved(vendor: Vendor, steps: Sequence[Step], *, stream: bool = True) -> list[Step]:
    """``steps`` with the two halves of a character in place of two that fakes write as they are or as an escape."""
    made: list[Step] = []
    for step in steps:
        if isinstance(step, bytes):
            for sign, half in HALVES.items():
                for old in (sign.encode(), f"\\u{ord(sign):04x}".encode()):
                    step = rewrite(vendor, step, old, half) if stream else step.replace(old, half)
        made.append(step)
    return made


@both
@pytest.mark.parametrize("between", [(), (0.02,)], ids=["one_read", "two_reads"])
async def test_a_character_cut_in_half_is_joined(vendor: Vendor, stream: bool, between: tuple[float, ...]) -> None:
    """Some servers send the two halves of an emoji in two events; as JSON neither is a character."""
    sent = reply(vendor, Said(text=("a", "b§", "¶c", "d")), stream=stream)
    steps = halved(vendor, sent.steps, stream=stream)
    apart = [part for step in steps for part in (step, *between)] if stream else steps
    async with backend(vendor, replace(sent, steps=apart)) as (subject, _):
        answer = await heard(await opened(subject, call(stream=stream)), stream=stream)
    assert answer.text == "ab😀cd"


@both
async def test_half_a_character_alone_is_no_garbage(vendor: Vendor, stream: bool) -> None:
    """A model may have broken off there: what is whole reaches the caller."""
    sent = reply(vendor, Said(text=("a§c", "d")), stream=stream)
    async with backend(vendor, replace(sent, steps=halved(vendor, sent.steps, stream=stream))) as (subject, _):
        answer = await heard(await opened(subject, call(stream=stream)), stream=stream)
    assert answer.text == "a\ufffdcd"


@needs(Lack.TOOLS)
async def test_a_character_cut_in_half_in_tool_arguments_is_joined(vendor: Vendor) -> None:
    """They are JSON within JSON: an escape of the inner text is passed on, one of the outer is joined."""
    said = Said(tools=(("look", ('{"a": "§', '¶", "b": "x"}')),), finish="tool_calls")
    async with backend(vendor, streamed(vendor, *halved(vendor, vendor.stream(said)))) as (subject, _):
        answer = await heard(await opened(subject, call(tools=TOOLS)))
    assert json.loads(answer.tools[0][2]) == {"a": "😀", "b": "x"}


@both
@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "application/octet-stream", "application/json"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte_order_mark"])
async def test_a_good_answer_is_one_under_any_content_type(
    vendor: Vendor, stream: bool, content_type: str, mark: bytes
) -> None:
    """It is known by how it begins; a byte order mark is none of it, and before what is no text there is none."""
    if mark and stream and isinstance(vendor, Binary):
        return
    sent = reply(vendor, Said(text=("Hel", "lo")), stream=stream)
    odd = replace(sent, content_type=content_type, steps=[*filter(None, [mark]), *sent.steps])
    async with backend(vendor, odd) as (subject, _):
        answer = await heard(await opened(subject, call(stream=stream)), stream=stream)
    assert (answer.text, answer.finish) == ("Hello", "stop")


async def test_nonsense_is_garbled(vendor: Vendor, garbage: bytes) -> None:
    """What is no event of the wire never reaches a caller."""
    _, failure = await failed(vendor, garbage, *vendor.stream(Said(text=("x",))))
    assert failure.kind is Kind.GARBLED


async def test_an_endless_event_is_garbled(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that does not end is not collected forever."""
    monkeypatch.setattr(http, "MAX_EVENT_BYTES", 2**20)
    endless = Reply(content_type=vendor.stream_type, steps=[vendor.unfinished], endless=b"x" * 65536)
    _, failure = await failed(vendor, endless)
    assert failure.kind is Kind.GARBLED


async def test_pings_and_the_opening_are_no_progress(vendor: Vendor) -> None:
    """Limits count content: what only keeps a connection warm does not count."""
    opening = vendor.stream(Said(text=("x",)))[0]
    async with backend(vendor, streamed(vendor, opening, vendor.ping(), vendor.ping(), Then.SILENCE)) as (
        subject,
        fake,
    ):
        answer = await opened(subject, call())
        async with asyncio.timeout(WITHIN_S):
            first = await anext(aiter(answer))
        answer.abort()
        await asyncio.wait_for(fake.closed.wait(), WITHIN_S)
    assert not first.progress


async def test_other_ways_to_write_the_same(vendor: Vendor, change: tuple[bytes, bytes]) -> None:
    """Spaces and line ends that the standards allow."""
    events = [rewrite(vendor, event, *change) for event in vendor.stream(Said(text=("Hel", "lo")))]
    async with backend(vendor, streamed(vendor, *events)) as (subject, _):
        answer = await heard(await opened(subject, call()))
    assert (answer.text, answer.finish, answer.end and answer.end.usage) == ("Hello", "stop", vendor.usage)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
async def test_events_split_at_every_byte(vendor: Vendor, line_end: bytes) -> None:
    """One byte a write: the answer is the same, and every batch holds whole events."""
    sent = rewrite(vendor, b"".join(vendor.stream(Said(text=UNICODE))), b"\n", line_end)
    async with backend(vendor, streamed(vendor, *(sent[at : at + 1] for at in range(len(sent))))) as (subject, _):
        async with asyncio.timeout(WITHIN_S):
            answer = await opened(subject, call())
            batches = [batch async for batch in answer]
            await answer.aclose()
    assert all(batch.raw.endswith(vendor.ends) for batch in batches if batch.raw)
    assert batches[-1].end is not None


async def test_the_vendor_stops_when_the_caller_leaves(vendor: Vendor) -> None:
    """Aborting closes the connection, and a waiting iteration ends with a failure."""
    events = vendor.stream(Said(text=SIX))
    async with backend(vendor, streamed(vendor, *events[:4], Then.SILENCE)) as (subject, fake):
        answer = await opened(subject, call())
        stream = aiter(answer)
        async with asyncio.timeout(WITHIN_S):
            await anext(stream)
        waiting = asyncio.ensure_future(_drain(stream))
        await asyncio.sleep(0.02)
        answer.abort()
        await asyncio.wait_for(fake.closed.wait(), WITHIN_S)
        with pytest.raises(Failure):
            await asyncio.wait_for(waiting, WITHIN_S)


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


@both
async def test_the_vendor_stops_when_the_caller_leaves_early(vendor: Vendor, stream: bool) -> None:
    """Cancelled before any byte came, streaming or not."""
    async with backend(vendor, Reply(before_head=Then.SILENCE)) as (subject, fake):
        opening = asyncio.ensure_future(opened(subject, call(stream=stream)))
        async with asyncio.timeout(WITHIN_S):
            while not fake.received and not opening.done():
                await asyncio.sleep(0.005)
        if opening.done():
            pytest.fail(f"it did not wait for the vendor: {opening.exception() or 'it answered'}")
        opening.cancel()
        await asyncio.wait_for(fake.closed.wait(), WITHIN_S)
        with pytest.raises(asyncio.CancelledError):
            await opening


async def test_a_slow_reader_costs_bounded_memory(vendor: Vendor) -> None:
    """Who does not read makes the vendor wait: only the sockets' own buffers fill."""
    events = vendor.stream(Said(text=("x" * 1000,)))
    endless = Reply(content_type=vendor.stream_type, steps=events[:2], endless=b"".join(events[2:4]))
    async with backend(vendor, endless) as (subject, fake):
        answer = await opened(subject, call())
        before = -1
        while before != fake.sent < MOST_BYTES:
            before = fake.sent
            await asyncio.sleep(0.1)
        answer.abort()
    assert fake.sent < MOST_BYTES


async def test_a_connection_is_used_again_after_a_stream(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one costs a TLS handshake. The end of the body may come a little after the end mark."""
    monkeypatch.setattr(http, "SETTLE_S", 5)
    events = streamed(vendor, *vendor.stream(Said(text=("x",))), 0.005)
    async with backend(vendor, events) as (subject, fake):
        async with asyncio.timeout(WITHIN_S):
            for _ in range(3):
                answer = await opened(subject, call())
                async for batch in answer:
                    if batch.end is not None:
                        break
                await answer.aclose()
                await asyncio.gather(*http._settling)
    assert fake.connections == 1


async def test_a_stale_connection_is_replaced_once(vendor: Vendor) -> None:
    """Reset on a connection that was used before, before any byte: sent again, on a new one."""
    good = streamed(vendor, *vendor.stream(Said(text=("x",))))
    async with backend(vendor, good, Reply(before_head=Then.RESET), good) as (subject, fake):
        await heard(await opened(subject, call()))
        answer = await heard(await opened(subject, call()))
    assert (answer.text, [received.connection for received in fake.received]) == ("x", [1, 1, 2])


async def test_a_pool_of_stale_connections_is_emptied(vendor: Vendor) -> None:
    """A server that restarted has closed them all: the request goes on to a new one, however many were there."""
    good = streamed(vendor, *vendor.stream(Said(text=("x",))))
    slow = streamed(vendor, 0.05, *vendor.stream(Said(text=("x",))))
    async with backend(vendor, *[slow] * 4, *[Reply(before_head=Then.RESET)] * 4, good) as (subject, fake):
        answers = await asyncio.gather(*(opened(subject, call()) for _ in range(4)))
        await asyncio.gather(*map(heard, answers))
        await asyncio.gather(*http._settling)
        answer = await heard(await opened(subject, call()))
    assert answer.text == "x"
    assert sorted(received.connection for received in fake.received[4:]) == [1, 2, 3, 4, 5]


async def test_a_reset_on_a_new_connection_is_not_repeated(vendor: Vendor) -> None:
    """It may have been served and billed."""
    async with backend(vendor, Reply(before_head=Then.RESET)) as (subject, fake):
        with pytest.raises(Failure) as raised:
            await opened(subject, call())
    assert (raised.value.kind, len(fake.received)) == (Kind.UNREACHABLE, 1)


async def test_nobody_listens(vendor: Vendor) -> None:
    """A refused connection is told with the address."""
    async with serving(Reply()) as gone:
        url = gone.url
    async with backend(vendor, Reply()) as (subject, _):
        moved = replace(subject, base_url=url)  # type: ignore[type-var]
        with pytest.raises(Failure, match=url) as raised:
            await opened(moved, call())
    assert raised.value.kind is Kind.UNREACHABLE


async def test_what_comes_behind_the_end_is_waited_for_once(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Usage may lag behind the finish reason, for a second in all: pings behind it hold nobody up."""
    monkeypatch.setattr(http, "REST_S", 0.3)
    if Lack.END_MARK in vendor.lacks:
        return  # its last event is its end
    *events, _ = vendor.stream(Said(text=("x",)))
    pings = [step for _ in range(10_000) for step in (vendor.ping(), 0.1)]
    async with backend(vendor, streamed(vendor, *events, *pings)) as (subject, _):
        answer = await opened(subject, call())
        ended = await heard(answer)
    assert ended.text == "x"


async def test_a_beginning_that_is_waited_for_is_closed_when_the_caller_leaves(vendor: Vendor) -> None:
    """A 200 of another content type, and then nothing: the connection does not outlive the request."""
    odd = Reply(content_type="text/plain", steps=[b"d", Then.SILENCE])
    async with backend(vendor, odd) as (subject, fake):
        opening = asyncio.ensure_future(opened(subject, call()))
        async with asyncio.timeout(WITHIN_S):
            while not fake.received:  # an adapter may have to get its credentials first
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        opening.cancel()
        await asyncio.wait_for(fake.closed.wait(), WITHIN_S)
