"""One answer of one version, as it came over the wire: text, end, error, tokens, dollars, times. Kept in the cache as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Times are milliseconds from the request's first byte; ``first_token_ms`` only where the answer was streamed.

    ``failure`` says why this is no answer of the version that was asked; an error answer has one too. ``usd`` is exact, None where
    no price is known. ``asked_at`` is in Unix seconds. ``backend``: the first that answered; ``rescues``: how often one went on with what another
    had begun.
    """

    status: int = 0
    text: str = ""
    tool_calls: tuple[Mapping[str, str], ...] = ()  # name and arguments, as the model wrote them
    refusal: str = ""
    finish: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""
    rescued: str = ""
    backend: str = ""
    attempts: int = 1
    rescues: int = 0
    pieces: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    usd: str | None = None
    first_token_ms: float | None = None
    total_ms: float = 0.0
    revision: str = ""
    model: str = ""
    asked_at: float = 0.0

    @property
    def lost(self) -> bool:
        """Whether the server is to blame, not the request: a repeated run asks again."""
        return (bool(self.failure) and not 400 <= self.status < 500) or self.status == 429

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Answer:
        return Answer(**{**values, "tool_calls": tuple(values["tool_calls"])})
