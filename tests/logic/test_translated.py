"""A backend whose wire nothing writes: its answers go on like any other's when they break off, and are what they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.logic.answer import Batch, Call, Failure, Kind
from app.wire.events import End, Usage, Wire
from tests.inference.fakes.bedrock import event
from tests.logic.backends import ScriptedAnswer, ScriptedBackend, Step
from tests.logic.routing import call, joined, record, router
from tests.logic.test_rescue import CUT, WHOLE, WORDS, chunks, goes_on

USAGE = Usage(input=23, cache_read=7, output=11, reasoning=4)
COUNTS = {
    "promptTokenCount": 30,
    "cachedContentTokenCount": 7,
    "candidatesTokenCount": 11,
    "thoughtsTokenCount": 4,
}


def said(text: str, finish: str = "", **more: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": [{"text": text}]}} | ({"finishReason": finish} if finish else {})
    return {
        "candidates": [candidate],
        "responseId": "r1",
        "modelVersion": "gemini",
        "createTime": "2026-12-01T10:20:30Z",
    } | more


def batch(value: dict[str, Any], end: End | None = None, *, whole: bool = False) -> Batch:
    raw = json.dumps(value).encode()
    return Batch(raw if whole else b"data: " + raw + b"\n\n", Wire.GEMINI, progress=True, end=end)


class GeminiAnswer(ScriptedAnswer):
    @property
    def wire(self) -> Wire:
        return Wire.GEMINI


@dataclass(kw_only=True)
class GeminiBackend(ScriptedBackend):
    name: str = "gemini"
    opened: list[GeminiAnswer] = field(default_factory=list)

    async def open(self, call: Call, deadline: float) -> GeminiAnswer:
        answer = await super().open(call, deadline)
        self.opened.append(GeminiAnswer(answer._steps, self.usage_so_far))
        return self.opened[-1]


def streamed(words: Sequence[str]) -> list[Step]:
    return [*(batch(said(word)) for word in words), batch(said("", "STOP", usageMetadata=COUNTS), End("stop", USAGE))]


@pytest.mark.parametrize("words", range(1, len(WORDS)))
async def test_an_answer_that_broke_off_is_taken_up(words: int) -> None:
    """By a backend of another wire: one id, one end, every word once."""
    broken = GeminiBackend(steps=[*(batch(said(word)) for word in WORDS[:words]), CUT])
    reply = await router(broken, ScriptedBackend(name="b", steps=goes_on)).open(call(), record())
    seen = chunks([part async for part in reply.batches()])
    await reply.aclose()

    assert "".join(part["choices"][0]["delta"].get("content", "") for part in seen) == WHOLE
    assert {part["id"] for part in seen} == {"r1"}
    assert reply.record.rescues == ["final_message"]
    assert broken.opened[0].closed


async def test_it_takes_up_anothers() -> None:
    """The other way round."""
    broken = ScriptedBackend(name="b", steps=[*goes_on(call())[:8], CUT])

    def rest(asked: Call) -> list[Step]:
        given = asked.body["messages"][-1]["content"]
        return streamed(list(WHOLE[len(given) :]))

    assert await joined(await router(broken, GeminiBackend(steps=rest)).open(call(), record())) == WHOLE


@pytest.mark.parametrize("asked", [True, False])
async def test_a_stream_is_openais(asked: bool) -> None:
    """With the chunk of usage for those who asked for it; the count that is accounted is the backend's own."""
    one = Call(endpoint=call().endpoint, model="", body=call().body, stream=True, include_usage=asked)
    reply = await router(GeminiBackend(steps=streamed(WORDS))).open(one, record())
    assert reply.wire is Wire.OPENAI_CHAT
    seen = chunks([part async for part in reply.batches()])
    await reply.aclose()

    assert [part["usage"]["prompt_tokens"] for part in seen if not part["choices"]] == [30] * asked
    assert reply.record.attempts[-1].usage == USAGE


async def test_a_whole_answer_is_one() -> None:
    """However the backend is asked for it."""
    value = said(WHOLE, "STOP", usageMetadata=COUNTS)

    def steps(asked: Call) -> list[Step]:
        return streamed(WORDS) if asked.stream else [batch(value, End("stop", USAGE), whole=True)]

    reply = await router(GeminiBackend(steps=steps)).open(call(stream=False), record())
    body = json.loads(reply.whole())
    await reply.aclose()

    assert reply.wire is Wire.OPENAI_CHAT
    assert body["choices"][0]["message"]["content"] == WHOLE
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 7


async def test_a_failure_is_passed_on() -> None:
    """With nobody to go on, as it is."""
    reply = await router(GeminiBackend(steps=[batch(said("a")), CUT])).open(call(), record())
    with pytest.raises(Failure) as raised:
        await joined(reply)
    assert raised.value.kind is Kind.CUT


class BedrockAnswer(ScriptedAnswer):
    @property
    def wire(self) -> Wire:
        return Wire.BEDROCK


@dataclass(kw_only=True)
class BedrockBackend(ScriptedBackend):
    name: str = "bedrock"

    async def open(self, call: Call, deadline: float) -> BedrockAnswer:
        return BedrockAnswer((await super().open(call, deadline))._steps)


CALLED = event("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "x"}}})
ODD_CALL = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"name": "x", "input": 5}}})
ODD_WHOLE: dict[str, Any] = {"output": 5}


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_cannot_be_read_is_the_next_backends(stream: bool) -> None:
    """Although a look over it found nothing: it is garbled, like one in which that is seen at once."""
    raw = CALLED + ODD_CALL if stream else json.dumps(ODD_WHOLE).encode()
    odd = BedrockBackend(steps=[Batch(raw, Wire.BEDROCK, progress=True, end=None if stream else End("stop"))])
    whole = {"id": "b", "model": "m", "created": 1, "choices": [{"index": 0, "message": {"role": "assistant", "content": WHOLE}, "finish_reason": "stop"}]}  # fmt: skip
    good = [Batch(json.dumps(whole).encode(), Wire.OPENAI_CHAT, progress=True, end=End("stop"))]
    reply = await router(odd, ScriptedBackend(name="b", steps=goes_on if stream else good)).open(
        call(stream=stream), record()
    )
    said = await joined(reply) if stream else json.loads(reply.whole())["choices"][0]["message"]["content"]
    await reply.aclose()

    assert said == WHOLE
    assert [attempt.failure for attempt in reply.record.attempts] == [Kind.GARBLED, None]
