"""The subjects of the contract suite: every adapter with a fake of its vendor. A new adapter is one line in SUBJECTS."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from app.inference import http
from app.inference.adapters import ADAPTERS, Surroundings
from app.logic.answer import Answer, Backend, Call, Endpoint
from app.logic.routes import BackendSpec
from app.wire.codecs import READ
from app.wire.events import End, Event, Finish, Reasoning, Text, ToolCall, Usage
from tests.inference.fakes.anthropic import Anthropic
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Fake, Received, Reply, serving
from tests.inference.fakes.vendor import Vendor

KEY = "sk-test-0123456789"
MODEL = "vendor-model-1"
SUBJECTS: list[Vendor] = [
    OpenAI("openai"),
    OpenAI("openai_compatible"),
    OpenAI("vllm"),
    OpenAI("tgi"),
    Anthropic(),
]


def call(*, stream: bool = True, include_usage: bool = False, text: str = "hi", **fields: Any) -> Call:
    body = {"messages": [{"role": "user", "content": text}], "model": "public", **fields}
    return Call(endpoint=Endpoint.CHAT, model="public", body=body, stream=stream, include_usage=include_usage)


@contextlib.asynccontextmanager
async def backend(vendor: Vendor, *replies: Reply | Callable[[Received], Reply]) -> AsyncIterator[tuple[Backend, Fake]]:
    """The adapter as a routes file would build it, in front of a fake that answers by script."""
    async with serving(*replies) as fake, http.session() as session:
        spec = BackendSpec(adapter=vendor.adapter, model=MODEL, base_url=fake.url + vendor.base_path, key_env="KEY")
        around = Surroundings(http=session, engines={}, environment={"KEY": KEY})
        yield ADAPTERS[vendor.adapter]("subject", spec, around), fake


async def opened(subject: Backend, asked: Call) -> Answer:
    return await subject.open(asked, time.monotonic() + 30)


@dataclass
class Heard:
    """An answer read to its end, in words that no vendor owns."""

    text: str = ""
    reasoning: str = ""
    tools: list[list[str]] = field(default_factory=list)  # id, name, arguments
    finish: str = ""
    usage: Usage | None = None
    end: End | None = None
    raw: bytes = b""


async def heard(answer: Answer, *, stream: bool = True) -> Heard:
    """Reads ``answer`` to its end. Raises Failure."""
    batches = [batch async for batch in answer]
    await answer.aclose()
    raw = [batch.raw for batch in batches if batch.raw]
    codec = READ[answer.wire]
    reader = codec.reader()
    events = [event for part in raw for event in reader.read(part)] if stream else codec.parse_whole(b"".join(raw))
    result = Heard(end=batches[-1].end, raw=b"".join(raw))
    for event in events:
        _add(result, event)
    return result


def _add(result: Heard, event: Event) -> None:
    match event:
        case Text():
            result.text += event.text
        case Reasoning():
            result.reasoning += event.text
        case Finish():
            result.finish = event.reason
        case Usage():
            result.usage = event
        case ToolCall() if event.id:
            result.tools.append([event.id, event.name, event.arguments])
        case ToolCall():
            result.tools[event.slot][2] += event.arguments
