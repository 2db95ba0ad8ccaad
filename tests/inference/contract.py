"""The subjects of the contract suite: every adapter with a fake of its vendor. A new adapter is one line in SUBJECTS.

The example of docs/adding-an-adapter.md is one of them, and so is a wire that frames its events by lines: neither is in the app.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.inference import adapters, http
from app.inference.adapter import Adapter, Surroundings
from app.logic.answer import Answer, Backend, Call, Endpoint
from app.logic.routes import BackendSpec
from app.wire.codecs import READ, Read
from app.wire.events import End, Event, Finish, Reasoning, Text, ToolCall, Usage, Wire
from tests.inference import page
from tests.inference.fakes.anthropic import Anthropic
from tests.inference.fakes.azure import AIInference, AzureOpenAI
from tests.inference.fakes.bedrock import Bedrock
from tests.inference.fakes.claude_on_vertex import ClaudeOnVertex
from tests.inference.fakes.gemini import Gemini
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.openai_on_vertex import OpenAIOnVertex
from tests.inference.fakes.server import Fake, Received, Reply, Step, as_stream, serving
from tests.inference.fakes.vendor import Vendor
from tests.inference.lines.adapter import ADAPTER as LINES
from tests.inference.lines.fake import Lines
from tests.inference.lines.wire import CODEC, WIRE

KEY = "sk-test-0123456789"
MODEL = "vendor-model-1"
SUBJECTS: list[Vendor] = [
    OpenAI("openai"),
    OpenAI("openai_compatible"),
    OpenAI("vllm"),
    OpenAI("tgi"),
    Anthropic(),
    AzureOpenAI(),
    AzureOpenAI("foundry"),
    AIInference(),
    Bedrock(),
    Gemini(),
    ClaudeOnVertex(),
    OpenAIOnVertex(),
    Lines(),
    page.fake(),
]
ADAPTERS: Mapping[str, Adapter] = {**adapters.ADAPTERS, "lines": LINES, **page.adapters()}
CODECS: Mapping[Wire, Read] = {**READ, WIRE: CODEC}
WITHIN_S = 60.0  # a real model on a busy machine takes 20; what waits for ever fails


def call(*, stream: bool = True, include_usage: bool = False, text: str = "hi", **fields: Any) -> Call:
    body = {"messages": [{"role": "user", "content": text}], "model": "public", **fields}
    return Call(endpoint=Endpoint.CHAT, model="public", body=body, stream=stream, include_usage=include_usage)


@contextlib.asynccontextmanager
async def backend(vendor: Vendor, *replies: Reply | Callable[[Received], Reply]) -> AsyncIterator[tuple[Backend, Fake]]:
    """The adapter as a routes file would build it, in front of a fake that answers by script."""
    async with serving(*replies) as fake, http.session() as session:
        entry = {"adapter": vendor.adapter, "model": MODEL, "base_url": fake.url + vendor.base_path, **vendor.entry}
        around = Surroundings(
            http=session,
            engines={},
            environment=vendor.environment(KEY),
            identities=dict(vendor.identities(KEY)),
        )
        spec = BackendSpec.model_validate(entry)
        yield ADAPTERS[vendor.adapter].build("subject", spec, around), fake


def streamed(vendor: Vendor, *steps: Step) -> Reply:
    return as_stream(*steps, content_type=vendor.stream_type)


async def opened(subject: Backend, asked: Call) -> Answer:
    async with asyncio.timeout(WITHIN_S):
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
    async with asyncio.timeout(WITHIN_S):
        batches = [batch async for batch in answer]
        await answer.aclose()
    raw = [batch.raw for batch in batches if batch.raw]
    codec = CODECS[answer.wire]
    reader = codec.reader()
    result = Heard(end=batches[-1].end, raw=b"".join(raw))
    for part in raw:
        for event in reader.read(part) if stream else codec.parse_whole(part):
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
