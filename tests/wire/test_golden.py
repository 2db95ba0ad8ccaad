"""What callers read when a backend speaks another wire: whole transcripts, rewritten by `./trimaran goldens`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from app.wire.anthropic import Anthropic
from app.wire.bedrock import Bedrock
from app.wire.codecs import WRITTEN, Read
from app.wire.events import Wire
from app.wire.gemini import Gemini
from app.wire.openai_chat import OpenAIChat
from tests.inference.fakes.anthropic import Anthropic as AnthropicFake
from tests.inference.fakes.bedrock import Bedrock as BedrockFake
from tests.inference.fakes.gemini import Gemini as GeminiFake
from tests.inference.fakes.openai import OpenAI as OpenAIFake
from tests.inference.fakes.server import Reply
from tests.inference.fakes.vendor import Lack, Said, Vendor
from tests.inference.lines.fake import Lines

SAID = {
    "text": Said(text=("Hel", "lo, 世界", "!")),
    "reasoning": Said(reasoning=("Let me ", "think."), text=("42",)),
    "tools": Said(
        text=("Let me see.",), tools=(("weather", ('{"city":', '"Paris"}')), ("now", ())), finish="tool_calls"
    ),
    "cut_short": Said(text=("So far",), finish="length", usage=None),
}
NEEDS = {"reasoning": Lack.REASONING, "tools": Lack.TOOLS}
SPOKEN: dict[str, tuple[Read, Vendor]] = {
    "anthropic": (Anthropic(clock=lambda: 1700000000.5), AnthropicFake()),
    "bedrock": (Bedrock(clock=lambda: 1700000000.5, new_id=lambda: "chatcmpl-1"), BedrockFake()),
    "gemini": (Gemini(), GeminiFake()),
    "openai": (OpenAIChat(), OpenAIFake()),
}
WANTED = {
    "anthropic": [Wire.OPENAI_CHAT, Wire.OPENAI_COMPLETIONS, Wire.CHAT],
    "bedrock": [Wire.OPENAI_CHAT, Wire.ANTHROPIC, Wire.CHAT],
    "gemini": [Wire.OPENAI_CHAT, Wire.ANTHROPIC, Wire.CHAT],
    "openai": [Wire.ANTHROPIC, Wire.CHAT],
}


def cases(spoken: str, vendor: Vendor, wanted: Iterable[Wire]) -> list[tuple[str, Wire, str]]:
    """What is shown of a wire in each other one; what it lacks, its vendor cannot say."""
    return [(spoken, wire, said) for wire in wanted for said in SAID if NEEDS.get(said) not in vendor.lacks]


CASES = [case for spoken, (_, vendor) in SPOKEN.items() for case in cases(spoken, vendor, WANTED[spoken])]
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


def test_what_a_wire_lacks_has_no_transcript() -> None:
    """A fake that cannot say it would say something else."""
    assert {said for _, _, said in cases("lines", Lines(), [Wire.CHAT])} == {"text", "cut_short"}


def _body(reply: Reply) -> bytes:
    return b"".join(step for step in reply.steps if isinstance(step, bytes))
