"""An answer that breaks off goes on at another backend: one unbroken answer for the caller, or a clean failure where it cannot be joined."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logic.answer import Batch, Call, Failure, Kind
from app.logic.record import Measured
from app.logic.rescue import Before, spent
from app.logic.routes import Continuation
from app.logic.selection import Ability
from app.logic.transcript import Said, Transcript
from app.wire.codecs import READ
from app.wire.events import End, Finish, Refusal, Start, Text, ToolCall, Usage, Wire
from tests.logic.backends import ScriptedBackend, Step, chunk, end, finish, role, text
from tests.logic.routing import call, joined, record, router

CUT = Failure(Kind.CUT, "cut")
WORDS = ["The ", "sea ", "is ", "wide ", "and ", "deep."]
WHOLE = "".join(WORDS)


def cut_after(words: int) -> list[Step]:
    return [role(), *(text(word) for word in WORDS[:words]), CUT]


def goes_on(asked: Call) -> list[Step]:
    """A faithful model: whatever it is given of the sentence, it writes the rest."""
    last = asked.body["messages"][-1]
    given = last["content"] if last["role"] == "assistant" else ""
    assert WHOLE.startswith(given)
    return [role(), *(text(letter) for letter in WHOLE[len(given) :]), finish(), end(Usage(input=20, output=5))]


def chunks(batches: list[Batch]) -> list[dict[str, Any]]:
    lines = b"".join(batch.raw for batch in batches).split(b"\n\n")
    return [json.loads(line.removeprefix(b"data: ")) for line in lines if line]


@pytest.mark.parametrize("words", range(1, len(WORDS)))
async def test_the_caller_sees_one_answer(words: int) -> None:
    """Wherever it was cut: the whole text, one id, one role, one finish reason, one end."""
    broken, healthy = ScriptedBackend(name="a", steps=cut_after(words)), ScriptedBackend(name="b", steps=goes_on)
    reply = await router(broken, healthy).open(call(), record())
    batches = [batch async for batch in reply.batches()]
    await reply.aclose()
    seen = chunks(batches)
    deltas = [part["choices"][0]["delta"] for part in seen]
    assert "".join(delta.get("content", "") for delta in deltas) == WHOLE
    assert {part["id"] for part in seen} == {"chatcmpl-1"}
    assert [delta["role"] for delta in deltas if "role" in delta] == ["assistant"]
    assert [part["choices"][0]["finish_reason"] for part in seen].count("stop") == 1
    assert [batch.end is not None for batch in batches].count(True) == 1
    assert reply.record.rescues == ["final_message"]


@given(st.data())
async def test_two_cuts_are_survived(data: st.DataObject) -> None:
    """Cut anywhere, and anywhere again: not one character is lost or doubled."""
    first = data.draw(st.integers(1, len(WHOLE) - 2))
    second = data.draw(st.integers(1, len(WHOLE)))

    def cut_again(asked: Call) -> list[Step]:
        rest = goes_on(asked)
        return [*rest[: 1 + second], CUT] if second + 1 < len(rest) - 2 else rest

    backends = (
        ScriptedBackend(name="a", steps=[role(), *(text(letter) for letter in WHOLE[:first]), CUT]),
        ScriptedBackend(name="b", steps=cut_again),
        ScriptedBackend(name="c", steps=goes_on),
    )
    assert await joined(await router(*backends).open(call(), record())) == WHOLE


@pytest.mark.parametrize("fault", [CUT, Failure(Kind.GARBLED, "?"), 5.0], ids=["cut", "garbled", "stalled"])
async def test_each_way_to_break_off_is_rescued(fault: Step) -> None:
    """A cut, garbled bytes and silence are the same to the caller: the answer goes on."""
    broken = ScriptedBackend(name="a", steps=[role(), text("The sea"), fault])
    reply = await router(broken, ScriptedBackend(name="b", steps=goes_on)).open(call(), record())
    assert await joined(reply) == WHOLE


async def test_usage_is_truthful() -> None:
    """The caller sees the first prompt and the joined output; the record has each attempt with its own count."""
    seen = record()
    broken, healthy = ScriptedBackend(name="a", steps=cut_after(2)), ScriptedBackend(name="b", steps=goes_on)
    reply = await router(broken, healthy).open(call(), seen)
    batches = [batch async for batch in reply.batches()]
    await reply.aclose()
    assert batches[-1].end == End("stop", Usage(input=18, output=7))
    assert [attempt.measured for attempt in seen.attempts] == [Measured.ESTIMATED, Measured.REPORTED]
    assert seen.attempts[1].usage == Usage(input=20, output=5)


async def test_the_backend_that_goes_on_gets_the_rest_of_the_limit() -> None:
    """Ten tokens were allowed and two were shown: eight are left."""
    healthy = ScriptedBackend(name="b", steps=goes_on)
    await joined(
        await router(ScriptedBackend(name="a", steps=cut_after(2)), healthy).open(call(max_tokens=10), record())
    )
    asked = healthy.calls[0].body
    assert (asked["max_tokens"], asked["continue_final_message"], asked["add_generation_prompt"]) == (8, True, False)
    assert asked["messages"][-1] == {"role": "assistant", "content": "The sea"}


async def test_an_answer_at_its_limit_needs_no_rescue() -> None:
    """All allowed tokens were shown before the cut: the answer is complete, and ends for that reason."""
    healthy = ScriptedBackend(name="b", steps=goes_on)
    reply = await router(ScriptedBackend(name="a", steps=cut_after(2)), healthy).open(call(max_tokens=2), record())
    batches = [batch async for batch in reply.batches()]
    await reply.aclose()
    assert batches[-1].end is not None
    assert batches[-1].end.reason == "length"
    assert healthy.calls == []


async def test_a_stop_string_may_lie_across_the_seam() -> None:
    """Neither backend sees the whole of it; the answer ends there, and the backend that went on is let go."""
    healthy = ScriptedBackend(name="b", steps=lambda _: [text("DONE and more"), 5.0])
    broken = ScriptedBackend(name="a", steps=[text("result: ###"), CUT])
    reply = await router(broken, healthy).open(call(stop=["###DONE"]), record())
    assert await joined(reply) == "result: ###"
    assert reply.record.finish == "stop"
    assert healthy.answers[0].closed


TOOL = chunk({"tool_calls": [{"index": 0, "id": "t1", "function": {"name": "f", "arguments": "{"}}]})
THOUGHT = chunk({"reasoning_content": "hm"})


@pytest.mark.parametrize(
    ("shown", "fields"),
    [
        (TOOL, {"tools": [{"type": "function"}]}),
        (THOUGHT, {}),
        (text("{").raw, {"response_format": {"type": "json_schema"}}),
        (text("x").raw, {"n": 2}),
        (text("x").raw, {"logprobs": True}),
    ],
    ids=["tool call", "reasoning", "schema", "choices", "logprobs"],
)
async def test_what_cannot_be_joined_is_not(shown: bytes, fields: dict[str, Any]) -> None:
    """Half a tool call, half a JSON document and half a thought are never spliced: the caller gets the failure."""
    healthy = ScriptedBackend(name="b", steps=goes_on)
    broken = ScriptedBackend(name="a", steps=[Batch(shown, Wire.OPENAI_CHAT, progress=True), CUT])
    reply = await router(broken, healthy).open(call(**fields), record())
    with pytest.raises(Failure) as caught:
        await joined(reply)
    assert caught.value.kind is Kind.CUT
    assert healthy.calls == []


async def test_a_held_answer_is_made_anew() -> None:
    """With hold_structured nothing of a tool call is shown before its end, so another backend can give the whole."""
    whole = [Batch(TOOL, Wire.OPENAI_CHAT, progress=True), finish("tool_calls"), end()]
    broken = ScriptedBackend(name="a", steps=[Batch(TOOL, Wire.OPENAI_CHAT, progress=True), CUT])
    held = router(broken, ScriptedBackend(name="b", steps=whole), more="hold_structured: true")
    reply = await held.open(call(tools=[{"type": "function"}]), record())
    batches = [batch async for batch in reply.batches()]
    await reply.aclose()
    assert [batch.raw for batch in batches] == [step.raw for step in whole]


async def test_nobody_who_can_go_on_means_a_clean_failure() -> None:
    """A model that starts a new turn instead is not asked: its answer would be another one."""
    healthy = ScriptedBackend(name="b", steps=goes_on)
    none = {"a": Ability(), "b": Ability()}
    reply = await router(ScriptedBackend(name="a", steps=cut_after(2)), healthy, abilities=none).open(call(), record())
    with pytest.raises(Failure, match="cut"):
        await joined(reply)
    assert healthy.calls == []


async def test_asked_to_go_on_a_repetition_is_taken_out() -> None:
    """`instruct` is the last choice, and what it repeats of the seen text is not shown twice."""
    seen = "The sea is wide and"
    asked = ScriptedBackend(name="b", steps=[text(" sea is wide and deep."), finish(), end()])
    backends = ScriptedBackend(name="a", steps=[text(seen), CUT]), asked
    instruct = {"a": Ability(), "b": Ability(continuation="instruct")}
    assert await joined(await router(*backends, abilities=instruct).open(call(), record())) == WHOLE
    assert asked.calls[0].body["messages"][-1]["role"] == "user"


async def test_at_most_two_rescues() -> None:
    """A third cut ends the answer: something is wrong with more than one backend."""
    always = [ScriptedBackend(name=name, steps=lambda asked: [*goes_on(asked)[:3], CUT]) for name in "abcd"]
    reply = await router(*always).open(call(), record())
    with pytest.raises(Failure):
        await joined(reply)
    assert [len(backend.calls) for backend in always] == [1, 1, 1, 0]


async def test_a_backend_that_breaks_off_again_is_not_asked_a_third_time() -> None:
    """Alone it gets one chance to go on; beside a healthy one that goes on instead."""
    always = ScriptedBackend(name="a", steps=lambda asked: [*goes_on(asked)[:3], CUT])
    reply = await router(always).open(call(), record())
    with pytest.raises(Failure):
        await joined(reply)
    assert len(always.calls) == 2


async def test_a_caller_who_left_is_not_rescued() -> None:
    """Its connection was closed by us, not by the backend."""
    healthy = ScriptedBackend(name="b", steps=goes_on)
    reply = await router(ScriptedBackend(name="a", steps=[text("x"), 5.0]), healthy).open(call(), record())
    stream = reply.batches()
    await anext(stream)
    reply.abort()
    with pytest.raises(Failure):
        await anext(stream)
    await reply.aclose()
    assert healthy.calls == []


@pytest.mark.parametrize("wire", [Wire.OPENAI_CHAT, Wire.ANTHROPIC])
def test_an_answer_that_had_all_its_tokens_says_so_in_every_wire(wire: Wire) -> None:
    """It broke off behind its last token: what is still due is the finish reason, and no end mark yet."""
    events = (Start("a", "m", 1), Text("so far"))
    said = Said(events=events, text="so far", words="so far", pieces=2, usage=None, is_text_only=True)
    batch = spent(call(max_tokens=2), Before(said=said, prompt=None, output=2), wire)
    assert Finish("length") in list(READ[wire].reader().read(batch.raw))
    assert (b"[DONE]" in batch.raw, b"message_stop" in batch.raw) == (False, False)


def tool_chunk(**part: object) -> Batch:
    return Batch(chunk({"tool_calls": [{"index": 0, **part}]}), Wire.OPENAI_CHAT, progress=True)


CALLS_TOOL = [
    tool_chunk(id="call_1", type="function", function={"name": "look_up", "arguments": ""}),
    tool_chunk(function={"arguments": '{"what": '}),
    tool_chunk(function={"arguments": '"sea"}'}),
    finish("tool_calls"),
    Batch(b"", Wire.OPENAI_CHAT, end=End("tool_calls", Usage(input=20, output=9))),
]


@pytest.mark.parametrize("continuation", ["final_message", "instruct"])
async def test_tool_calls_of_the_backend_that_goes_on_reach_the_caller(continuation: Continuation) -> None:
    """Text, a cut, and then a call: name, id and arguments are handed on whole, behind all the text before them."""
    backends = (
        ScriptedBackend(name="a", steps=[text("I will look it"), CUT]),
        ScriptedBackend(name="b", steps=[text(" up."), *CALLS_TOOL]),
    )
    able = dict.fromkeys("ab", Ability(continuation=continuation))
    reply = await router(*backends, abilities=able).open(call(tools=[{"type": "function"}]), record())
    seen = Transcript()
    async for batch in reply.batches():
        seen.add(batch)
    await reply.aclose()
    events = seen.read().events
    assert seen.read().text == "I will look it up."
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert ([(made.id, made.name) for made in calls if made.id], "".join(made.arguments for made in calls)) == (
        [("call_1", "look_up")],
        '{"what": "sea"}',
    )
    assert [event.reason for event in events if isinstance(event, Finish)] == ["tool_calls"]
    assert events.index(calls[0]) > max(at for at, event in enumerate(events) if isinstance(event, Text))


async def test_a_refusal_of_the_backend_that_goes_on_reaches_the_caller() -> None:
    """It is part of the answer, whatever it says."""
    refusal = Batch(chunk({"refusal": "I will not go on."}), Wire.OPENAI_CHAT, progress=True)
    backends = (
        ScriptedBackend(name="a", steps=[text("The sea"), CUT]),
        ScriptedBackend(name="b", steps=[refusal, finish(), end()]),
    )
    reply = await router(*backends).open(call(), record())
    seen = Transcript()
    async for batch in reply.batches():
        seen.add(batch)
    await reply.aclose()
    assert Refusal("I will not go on.") in seen.read().events


async def test_a_held_answer_may_take_its_time() -> None:
    """What is held until its end goes on for longer than the limit between two pieces: each piece starts that anew."""
    steps: list[Step] = [part for call_part in CALLS_TOOL[:3] for part in (0.04, call_part)]
    slow = ScriptedBackend(name="a", steps=[*steps, *CALLS_TOOL[3:]])
    limits = "{first_token_s: 5, between_tokens_s: 0.07, total_s: 30}"
    held = router(slow, limits=limits, more="hold_structured: true, retries: 0")
    reply = await held.open(call(tools=[{"type": "function"}]), record())
    assert [batch.end.reason async for batch in reply.batches() if batch.end] == ["tool_calls"]
    await reply.aclose()


async def test_an_answer_that_is_started_over_is_no_success() -> None:
    """The next backend goes on instead; with none left the answer ends as cut, and no circuit hears of it: the backend works."""
    seen = "The sea is wide, and nobody who stands at its shore can see"
    again = [text("The sea is wide, nobody at its shore can see the other side."), finish(), end()]
    broken = ScriptedBackend(name="a", steps=[text(seen), CUT])
    abilities = {"a": Ability(), "b": Ability(continuation="instruct"), "c": Ability(continuation="instruct")}
    over = ScriptedBackend(name="b", steps=again)
    faithful = ScriptedBackend(name="c", steps=[text(" what lies behind it."), finish(), end()])
    asked = router(broken, over, faithful, abilities=abilities)
    assert await joined(await asked.open(call(), record())) == seen + " what lies behind it."
    assert asked.states["b"].breaker.circuit.failures == 0
    noted = record()
    with pytest.raises(Failure) as caught:
        await joined(await router(broken, over, abilities=abilities).open(call(), noted))
    assert caught.value.kind is Kind.CUT
    assert "started its answer over" in noted.attempts[1].reason
    assert len(over.calls) == 2


async def test_tokens_are_those_that_the_models_reported() -> None:
    """One piece of text may be many tokens: the limit that is left, and what the caller is told, go by the count of the backend that broke off."""
    noted = record()
    broken = ScriptedBackend(name="a", steps=cut_after(2), usage_so_far=Usage(input=11, output=325))
    healthy = ScriptedBackend(name="b", steps=[text("."), finish(), end(Usage(input=340, output=200))])
    reply = await router(broken, healthy).open(call(max_tokens=600), noted)
    await joined(reply)
    assert healthy.calls[0].body["max_tokens"] == 275
    assert noted.usage == Usage(input=11, output=525)


async def test_what_is_asked_can_be_said_in_another_language() -> None:
    """The route has the words."""
    asked = ScriptedBackend(name="b", steps=[text(" ist weit."), finish(), end()])
    backends = ScriptedBackend(name="a", steps=[text("Das Meer"), CUT]), asked
    instruct = {"a": Ability(), "b": Ability(continuation="instruct")}
    german = router(*backends, abilities=instruct, more="retries: 0, go_on: Schreibe weiter.")
    assert await joined(await german.open(call(), record())) == "Das Meer ist weit."
    assert asked.calls[0].body["messages"][-1] == {"role": "user", "content": "Schreibe weiter."}
