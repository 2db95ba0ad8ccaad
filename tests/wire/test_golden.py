"""What callers read when a backend speaks another wire: whole transcripts, rewritten by `./trimaran goldens`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.wire.anthropic import Anthropic
from app.wire.codecs import WRITTEN, Codec
from app.wire.events import Wire
from app.wire.openai_chat import OpenAIChat
from tests.inference.fakes.anthropic import Anthropic as AnthropicFake
from tests.inference.fakes.openai import OpenAI as OpenAIFake
from tests.inference.fakes.server import Reply
from tests.inference.fakes.vendor import Said

SAID = {
    "text": Said(text=("Hel", "lo, 世界", "!")),
    "reasoning": Said(reasoning=("Let me ", "think."), text=("42",)),
    "tools": Said(
        text=("Let me see.",), tools=(("weather", ('{"city":', '"Paris"}')), ("now", ())), finish="tool_calls"
    ),
    "cut_short": Said(text=("So far",), finish="length", usage=None),
}
SPOKEN: dict[str, tuple[Codec, AnthropicFake | OpenAIFake]] = {
    "anthropic": (Anthropic(clock=lambda: 1700000000.5), AnthropicFake()),
    "openai": (OpenAIChat(), OpenAIFake()),
}
WANTED = {
    "anthropic": [Wire.OPENAI_CHAT, Wire.OPENAI_COMPLETIONS, Wire.CHAT],
    "openai": [Wire.ANTHROPIC, Wire.CHAT],
}
CASES = [(spoken, wanted, said) for spoken in SPOKEN for wanted in WANTED[spoken] for said in SAID]
each = pytest.mark.parametrize(("spoken", "wanted", "said"), CASES, ids=["-".join(case) for case in CASES])


@each
def test_stream(spoken: str, wanted: Wire, said: str, transcript: Callable[[str, bytes], None]) -> None:
    """Event by event, as the backend sent them."""
    codec, fake = SPOKEN[spoken]
    reader, writer = codec.reader(), WRITTEN[wanted].writer(include_usage=True)
    written = b"".join(writer.render(reader.read(event)) for event in fake.stream(SAID[said]))
    transcript(f"{spoken}-to-{wanted}-{said}.sse", written + writer.end())


@each
def test_whole(spoken: str, wanted: Wire, said: str, transcript: Callable[[str, bytes], None]) -> None:
    """One JSON body."""
    codec, fake = SPOKEN[spoken]
    written = WRITTEN[wanted].render_whole(codec.parse_whole(_body(fake.whole(SAID[said]))))
    transcript(f"{spoken}-to-{wanted}-{said}.json", written + b"\n")


def _body(reply: Reply) -> bytes:
    return b"".join(step for step in reply.steps if isinstance(step, bytes))
