"""Whether a cut answer may go on at another backend, what that backend is asked, and how its answer becomes the rest of the first. Pure.

Never spliced: tool calls, answers in a schema, several choices, logprobs, reasoning or a refusal that was shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from app.logic.answer import Batch, Call, Endpoint
from app.logic.routes import Continuation
from app.logic.seam import Seam
from app.logic.transcript import Said, Transcript
from app.wire.codecs import READ, WRITTEN
from app.wire.events import End, Event, Finish, Reasoning, Refusal, Text, ToolCall, Usage, Wire

MAX_RESCUES = 2


def is_structured(call: Call) -> bool:
    """Whether the answer is of a shape that cannot be joined from two halves."""
    body = call.body
    form = (body.get("response_format") or {}).get("type", "text")
    return bool(body.get("tools")) or form != "text" or (body.get("n") or 1) > 1 or bool(body.get("logprobs"))


def may_go_on(call: Call, transcript: Transcript) -> bool:
    """Whether the text seen so far can be taken up by another backend."""
    if not call.stream or call.endpoint is Endpoint.EMBEDDINGS or not transcript.is_whole:
        return False
    if transcript.wire not in WRITTEN:
        return False
    body = call.body
    form = (body.get("response_format") or {}).get("type", "text")
    if form != "text" or (body.get("n") or 1) > 1 or body.get("logprobs") or body.get("echo"):
        return False
    return transcript.read().is_text_only


def continued(call: Call, said: Said, continuation: Continuation, *, used: int, go_on: str) -> Call | None:
    """The request that asks for the rest; None when the model cannot be asked for it.

    ``used``: tokens that the answer has had so far. ``go_on``: what an `instruct` model is asked.
    """
    if continuation == "none":
        return None
    prefill = Seam(said.text).prefill
    body: dict[str, Any] = {**call.body, **_tokens_left(call.body, used)}
    if call.endpoint is Endpoint.COMPLETIONS:
        if not isinstance(body["prompt"], str):
            return None
        return replace(call, body=body | {"prompt": body["prompt"] + prefill})
    last: dict[str, Any] = {"role": "assistant", "content": prefill}
    messages = [*body["messages"], last]
    match continuation:
        case "final_message":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        case "prefix":
            last["prefix"] = True
        case "instruct":
            messages.append({"role": "user", "content": go_on})
    return replace(call, body=body | {"messages": messages})


def is_spent(call: Call, used: int) -> bool:
    """Whether the caller's token limit was reached before the cut: then the answer is complete as it is."""
    return any(left <= 0 for left in _tokens_left(call.body, used).values())


def _tokens_left(body: Mapping[str, Any], used: int) -> dict[str, int]:
    return {name: body[name] - used for name in ("max_tokens", "max_completion_tokens") if body.get(name)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the caller has of an answer that broke off: what it says, the first prompt as far as it is known, and the tokens of the answer."""

    said: Said
    prompt: Usage | None
    output: int


class Splice:
    """Turns the batches of the backend that goes on into the rest of the first backend's answer, in the first one's wire.

    Every event of the rest reaches the caller, text without what was there already. Raises StartedOver.
    """

    def __init__(self, call: Call, before: Before, wire: Wire, spoken: Wire, continuation: Continuation) -> None:
        self._before = before
        self._wire = wire
        self._reader = READ[spoken].reader()
        self._writer = WRITTEN[wire].writer(include_usage=call.include_usage)
        self._writer.render(
            before.said.events
        )  # the same state as the writer of what the caller has: its id, its open block
        self._seam = Seam(before.said.text, stop=_stops(call.body), asked=continuation == "instruct")
        self._finish = ""

    @property
    def is_over(self) -> bool:
        """A stop string was completed behind the seam: what the backend still says is not wanted."""
        return self._seam.stopped

    def join(self, batch: Batch) -> Batch:
        """The rest of the answer that ``batch`` brings; may be without bytes."""
        raw = self._writer.render(self._rest(batch.raw))
        if batch.end is None:
            return Batch(raw, self._wire, progress=batch.progress)
        last = self._last(batch.end)
        return Batch(raw + last.raw, self._wire, progress=True, end=last.end)

    def _rest(self, raw: bytes) -> Iterator[Event]:
        """The events of ``raw`` that the caller gets. What is no text comes after all text before it, so that is held back no longer."""
        for event in self._reader.read(raw):
            match event:
                case Text():
                    yield from _text(self._seam.feed(event.text))
                case Finish():
                    self._finish = event.reason
                case Reasoning() | Refusal() | ToolCall() if not self.is_over:
                    yield from _text(self._seam.finish())
                    yield event

    def _last(self, end: End) -> Batch:
        """The end, with what was held back, one finish reason and the usage of the joined answer."""
        rest = list(_text(self._seam.finish()))
        reason = "stop" if self._seam.stopped else self._finish or end.reason
        usage = joined_usage(self._before, end.usage)
        events: list[Event] = [*rest, Finish(reason)]
        if usage is not None:
            events.append(usage)
        raw = self._writer.render(events) + self._writer.end().removesuffix(WRITTEN[self._wire].end_mark)
        return Batch(raw, self._wire, progress=True, end=End(reason, usage))

    def stop(self) -> Batch:
        """The end of an answer whose stop string came."""
        return self._last(End("stop"))


def spent(call: Call, before: Before, wire: Wire) -> Batch:
    """The end of an answer whose token limit was reached before the cut."""
    writer = WRITTEN[wire].writer(include_usage=call.include_usage)
    writer.render(before.said.events)
    raw = writer.render([Finish("length")]) + writer.end().removesuffix(WRITTEN[wire].end_mark)
    usage = dataclasses.replace(before.prompt, output=before.output, reasoning=0) if before.prompt else None
    return Batch(raw, wire, end=End("length", usage))


def joined_usage(before: Before, rest: Usage | None) -> Usage | None:
    """What the caller sees: the first prompt and the joined output. The backend that went on read the seen text as prompt too."""
    if rest is None:
        return None
    if before.prompt is not None:
        return dataclasses.replace(before.prompt, output=before.output + rest.output, reasoning=rest.reasoning)
    cached = min(rest.cache_read, max(0, rest.prompt - before.output))
    return Usage(
        input=max(0, rest.prompt - before.output - cached),
        cache_read=cached,
        output=before.output + rest.output,
        reasoning=rest.reasoning,
    )


def _text(text: str) -> Iterator[Text]:
    if text:
        yield Text(text)


def _stops(body: Mapping[str, Any]) -> list[str]:
    stop = body.get("stop") or ()
    return [stop] if isinstance(stop, str) else list(stop)
