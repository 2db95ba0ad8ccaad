"""In which order the backends of a model are asked. Pure: chance and time are passed in."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from app.logic.price import Rates
from app.logic.routes import Continuation, ModelRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a request asks of a backend. ``tokens`` is a guess at prompt and answer together."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    tools: bool = False
    images: bool = False
    schema: bool = False

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What a (backend, model) can do. None: not known, and taken to be able."""

    continuation: Continuation = "none"
    context: int | None = None
    thinks: bool = False  # silently, for minutes
    tools: bool = True
    images: bool = True
    schema: bool = True

    @property
    def is_limited(self) -> bool:
        """Whether there are requests that it cannot meet."""
        return self.context is not None or not (self.tools and self.images and self.schema)

    def meets(self, needs: Needs) -> bool:
        room = self.context is None or needs.tokens <= self.context
        return room and self.tools >= needs.tools and self.images >= needs.images and self.schema >= needs.schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A backend as it is now. ``latency_s`` is the peak-weighted average of its first-token times; None before the first."""

    name: str
    weight: int = 1
    running: int = 0
    max_running: int = 64
    latency_s: float | None = None
    rates: Rates | None = None
    able: bool = True


def order(
    route: ModelRoute, candidates: Sequence[Candidate], needs: Needs, session: str, chance: random.Random
) -> list[Candidate]:
    """The candidates in the order in which they are asked: those that can do what the request needs first."""
    chosen = _STRATEGIES[route.strategy](candidates, needs, chance)
    if route.sticky == "session" and session:
        chosen = _sticky(candidates, session, weighted=route.strategy == "weighted", chosen=chosen)
    return sorted(chosen, key=lambda candidate: not candidate.able)


def _failover(candidates: Sequence[Candidate], needs: Needs, chance: random.Random) -> list[Candidate]:
    del needs, chance
    return list(candidates)


def _weighted(candidates: Sequence[Candidate], needs: Needs, chance: random.Random) -> list[Candidate]:
    """Drawn by weight without putting back (Efraimidis and Spirakis 2006); weight 0 is asked only when all others failed."""
    del needs
    keys = {
        candidate.name: chance.random() ** (1 / candidate.weight) if candidate.weight else -1.0
        for candidate in candidates
    }
    return sorted(candidates, key=lambda candidate: keys[candidate.name], reverse=True)


def _least_busy(candidates: Sequence[Candidate], needs: Needs, chance: random.Random) -> list[Candidate]:
    del needs
    return sorted(candidates, key=lambda candidate: (candidate.running / candidate.max_running, chance.random()))


def _lowest_latency(candidates: Sequence[Candidate], needs: Needs, chance: random.Random) -> list[Candidate]:
    """The better of two drawn at random first, so that one fast backend does not get everybody (Mitzenmacher 2001)."""
    del needs
    drawn = chance.sample(list(candidates), min(2, len(candidates)))
    first = min(drawn, key=_load)
    rest = [candidate for candidate in candidates if candidate is not first]
    return [first, *sorted(rest, key=_load)]


def _load(candidate: Candidate) -> float:
    """Expected wait: the latency seen, times those in front; one that was never asked is tried."""
    return (candidate.latency_s or 0.0) * (candidate.running + 1)


def _cheapest(candidates: Sequence[Candidate], needs: Needs, chance: random.Random) -> list[Candidate]:
    """By what this request would cost; an unknown price comes last, since it may be anything."""
    del chance

    def cost(candidate: Candidate) -> tuple[bool, int]:
        if candidate.rates is None:
            return True, 0
        rates = candidate.rates
        return False, needs.prompt_tokens * rates.input + needs.output_tokens * rates.output

    return sorted(candidates, key=cost)


_STRATEGIES = {
    "failover": _failover,
    "weighted": _weighted,
    "least_busy": _least_busy,
    "lowest_latency": _lowest_latency,
    "cheapest": _cheapest,
}


def _sticky(
    candidates: Sequence[Candidate], session: str, *, weighted: bool, chosen: Sequence[Candidate]
) -> list[Candidate]:
    """The session's own backend first (rendezvous hashing: another backend's coming or going moves only its own sessions)."""

    def score(candidate: Candidate) -> float:
        digest = hashlib.sha256(f"{session}\0{candidate.name}".encode()).digest()
        uniform = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 1)
        weight = candidate.weight if weighted else 1
        return uniform ** (1 / weight) if weight else -1.0

    own = max(candidates, key=score)
    return [own, *(candidate for candidate in chosen if candidate is not own)]
