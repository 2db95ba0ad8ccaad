"""Backends in memory, scripted step by step: what the router's decisions are tested against. They speak OpenAI's chunks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.logic.answer import Batch, Call, Endpoint, Failure, Kind
from app.wire.events import End, Usage, Wire

Step = Batch | Failure | float  # a batch to yield, a failure to raise, seconds to wait


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def text(content: str) -> Batch:
    return Batch(chunk({"content": content}), Wire.OPENAI_CHAT, progress=True)


def role() -> Batch:
    return Batch(chunk({"role": "assistant", "content": ""}), Wire.OPENAI_CHAT)


def finish(reason: str = "stop") -> Batch:
    return Batch(chunk({}, reason), Wire.OPENAI_CHAT)


def end(usage: Usage | None = None) -> Batch:
    return Batch(b"", Wire.OPENAI_CHAT, end=End("stop", usage))


class ScriptedAnswer:
    """Plays its steps; a wait ends with a failure when the answer is aborted."""

    def __init__(self, steps: Sequence[Step], usage: Usage | None = None) -> None:
        self._steps = steps
        self._aborted = asyncio.Event()
        self.usage = usage
        self.ignored: frozenset[str] = frozenset()
        self.closed = False

    @property
    def wire(self) -> Wire:
        return Wire.OPENAI_CHAT

    @property
    def aborted(self) -> bool:
        return self._aborted.is_set()

    async def __aiter__(self) -> AsyncIterator[Batch]:
        for step in self._steps:
            if isinstance(step, Failure):
                raise step
            if isinstance(step, Batch):
                yield step
                continue
            try:
                await asyncio.wait_for(self._aborted.wait(), step)
            except TimeoutError:
                continue
            raise Failure(Kind.CUT, "the connection was closed")

    def abort(self) -> None:
        self._aborted.set()

    async def aclose(self) -> None:
        self.closed = True


@dataclass(kw_only=True)
class ScriptedBackend:
    """Plays ``steps``, or what they give for a call; a failure in ``refuses`` is raised instead, as often as it is there."""

    name: str
    steps: Sequence[Step] | Callable[[Call], Sequence[Step]] = ()
    refuses: list[Failure] = field(default_factory=list)
    always_refuses: Failure | None = None
    open_s: float = 0.0
    is_ready: bool = True
    model: str = "scripted-1"
    usage_so_far: Usage | None = None
    endpoints: frozenset[Endpoint] = frozenset(Endpoint)
    calls: list[Call] = field(default_factory=list)
    answers: list[ScriptedAnswer] = field(default_factory=list)

    async def open(self, call: Call, deadline: float) -> ScriptedAnswer:
        del deadline
        self.calls.append(call)
        await asyncio.sleep(self.open_s)
        if self.refuses:
            raise self.refuses.pop(0)
        if self.always_refuses is not None:
            raise self.always_refuses
        steps = self.steps(call) if callable(self.steps) else self.steps
        self.answers.append(ScriptedAnswer(steps, self.usage_so_far))
        return self.answers[-1]

    async def ready(self) -> bool:
        return self.is_ready

    async def aclose(self) -> None:
        """Holds nothing."""
