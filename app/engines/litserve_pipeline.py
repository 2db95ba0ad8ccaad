"""What a pipeline under LitServe is given, and what it may yield for each request of its batch: for whoever writes one (docs/engines.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from fastapi import HTTPException
from litserve.specs.openai import ChatMessage
from pydantic import BaseModel, ConfigDict, Field

Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The settings, as ``self.given`` in ``setup``. ``weights``: their folder, None where there is none and the hub may be asked.

    ``max_model_len``: the most tokens of question and answer together; None: as many as the model takes.
    """

    model: str
    revision: str
    weights: Path | None
    max_model_len: int | None


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    include_usage: bool = False


class ChatRequest(BaseModel):
    """What ``decode_request`` gets. Any other field is refused: what is read and then ignored would be believed."""

    model_config = ConfigDict(extra="forbid")

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop: str | list[str] | None = None
    seed: int | None = None
    n: Literal[1] | None = None
    user: str | None = None

    @property
    def question(self) -> str:
        """The text of the user's last message. Raises HTTPException where there is none."""
        for message in reversed(self.messages):
            if message.role == "user":
                return text_of(message)
        raise HTTPException(400, {"message": "there is no message of the user", "param": "messages"})

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [each for each in given if each]


def text_of(message: ChatMessage) -> str:
    """Its parts in one, where the content is a list of them. Raises HTTPException where one is no text."""
    content = message.content
    if content is None or isinstance(content, str):
        return content or ""
    if any(part.type != "text" for part in content):
        raise HTTPException(400, {"message": "the model reads text only", "param": "messages"})
    return "".join(part.text for part in content)


class Usage(NamedTuple):
    prompt_tokens: int
    completion_tokens: int


class Piece(NamedTuple):
    """More of one answer. ``finish`` stands on its last piece; ``usage`` is None where the pipeline does not count."""

    text: str
    finish: Finish | None = None
    usage: Usage | None = None


def piece(yielded: Any) -> Piece:
    """What a pipeline yielded for one request: a text, LitServe's dict with `content` and counts, or None where that answer is over.

    Raises TypeError.
    """
    match yielded:
        case None:
            return Piece("", "stop")
        case str():
            return Piece(yielded)
        case {"content": str(text)}:
            return Piece(text, _finish(yielded.get("finish_reason")), _counted(yielded))
    raise TypeError(f"predict yielded {yielded!r} for a request: it must be a text, a dict with 'content', or None")


def _finish(said: Any) -> Finish | None:
    if said not in (None, *get_args(Finish)):
        raise TypeError(f"predict yielded the finish_reason {said!r}: it must be 'stop', 'length' or None")
    finish: Finish | None = said
    return finish


def _counted(yielded: Mapping[str, Any]) -> Usage | None:
    if "completion_tokens" not in yielded:
        return None
    counts = (yielded.get("prompt_tokens", 0), yielded["completion_tokens"])
    if any(type(count) is not int or count < 0 for count in counts):
        raise TypeError(
            f"predict yielded {counts[0]!r} and {counts[1]!r} as counts of tokens: they must be whole numbers"
        )
    return Usage(*counts)
