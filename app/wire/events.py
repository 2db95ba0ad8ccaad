"""What a model's answer is made of, in words that no vendor owns: the values that every wire format is read into and written from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Wire(StrEnum):
    """A wire format: the bytes that a caller or a backend speaks."""

    CHAT = "chat"  # this app's own /v1/chat
    OPENAI_CHAT = "openai_chat"
    OPENAI_COMPLETIONS = "openai_completions"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    ANTHROPIC = "anthropic"
    BEDROCK = "bedrock"
    GEMINI = "gemini"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one attempt, disjoint: no token is counted in two fields, whatever the vendor's own counts include.

    ``cache_write`` is for entries that live 5 minutes, ``cache_write_1h`` for those of one hour, which cost more.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt(self) -> int:
        """All tokens read, cached or not: what OpenAI calls ``prompt_tokens``."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h

    @property
    def completion(self) -> int:
        """All tokens written, reasoning too: what OpenAI calls ``completion_tokens``."""
        return self.output + self.reasoning


MAX_TOKENS = (
    10**9
)  # of one answer: what a backend counts beyond it is no count, and would break sums and their transport


def counted(**tokens: int) -> Usage:
    """What a backend counted, as far as it can be meant."""
    if min(tokens.values()) < 0 or max(tokens.values()) > MAX_TOKENS:
        tokens = {name: min(max(0, count), MAX_TOKENS) for name, count in tokens.items()}
    return Usage(**tokens)


@dataclass(frozen=True, slots=True)
class End:
    """A complete answer's end. ``reason`` is one of OpenAI's finish reasons; ``usage`` is None where the backend reported none."""

    reason: str
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The answer's identity, as the backend gave it. ``created`` is in seconds since 1970."""

    id: str
    model: str
    created: int


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A part of a tool call: ``id`` and ``name`` come with the first part, ``arguments`` is a piece of JSON text."""

    slot: int
    arguments: str = ""
    id: str = ""
    name: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    reason: str
    index: int = 0


Event = Start | Text | Reasoning | Refusal | ToolCall | Finish | Usage


@dataclass(slots=True)
class Scan:
    """What a codec saw in some whole events, and the bytes that may go on.

    ``progress``: content moved (a ping or a role alone is no progress). ``done``: the wire's own end mark was there; it is taken out of
    ``raw``, because the end is sent only once the answer is known to be complete. ``error``: what the backend reported in place of content, as
    the body of an error answer; it is taken out of ``raw`` too.
    ``finish``: the last finish reason, in OpenAI's words; ``finished``: the choices that have one. ``calls``: tools are called, in a wire that
    has no finish reason for that: its "stop" is one for calls, then.
    """

    raw: bytes
    progress: bool = False
    finish: str | None = None
    usage: Usage | None = None
    done: bool = False
    error: bytes | None = None
    finished: frozenset[int] = frozenset()
    calls: bool = False


def error_body(error: bytes) -> bytes:
    """The body of an error answer around an error object, as OpenAI's and Anthropic's servers send it."""
    return b'{"error":' + error + b"}"


class Garbled(ValueError):
    """Bytes that are not what the wire format promises. ``found``: where they begin; whoever shows some of it takes out credentials first."""

    def __init__(self, what: str, found: bytes = b"") -> None:
        super().__init__(what)
        self.found = found
