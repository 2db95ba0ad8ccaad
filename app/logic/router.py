"""Which backends answer for a public model, and what all requests share: their state, the queue, the retry budget."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from app.logic import estimate
from app.logic.answer import Call, Failure, Kind
from app.logic.backend_state import BackendState, Breaker, Member
from app.logic.cache import CACHE, AnswerCache, CacheBackend
from app.logic.excerpt import excerpt
from app.logic.price import FREE
from app.logic.queue import Queue
from app.logic.record import Record
from app.logic.reply import Reply
from app.logic.retry import RetryBudget
from app.logic.routes import ModelRoute, Routes, nearest
from app.logic.selection import Needs, order
from app.logic.verdicts import Verdicts

__all__ = ["Reply", "Router", "Target", "UnknownModel"]


class UnknownModel(LookupError):
    """The caller named a model that no route has; the text lists those that there are."""


@dataclass(frozen=True, slots=True)
class Target:
    """A public model and the backends that answer for it, as the routes file lists them; ``last_resorts`` when all are down.

    ``needs_matter``: what a request needs can change the order in which they are asked. To guess at its tokens costs time.
    """

    route: ModelRoute
    states: tuple[BackendState, ...]
    last_resorts: tuple[BackendState, ...]
    needs_matter: bool


class Router:
    """Knows the routes and their backends; holds what requests share."""

    def __init__(self, routes: Routes, members: Mapping[str, Member], chance: random.Random | None = None) -> None:
        self.queue = Queue()
        self.budget = RetryBudget()
        self.cache = AnswerCache()
        self.verdicts = Verdicts()
        self.breakers: dict[str, Breaker] = {}
        self._chance = chance or random.Random()
        self._states: dict[str, BackendState] = {}
        self.replace(routes, members)

    def replace(self, routes: Routes, members: Mapping[str, Member]) -> None:
        """From now on requests go by these routes; those that run finish by theirs. Circuits and latencies are kept."""
        before = self._states
        self._states = {name: self._state(member, before.get(name)) for name, member in members.items()}
        cache = Member(backend=CacheBackend(cache=self.cache), rates=FREE, circuit_key=CACHE, max_running=2**31)
        resorts = {**self._states, CACHE: BackendState(cache, Breaker(), self.queue.freed)}
        self.targets = {name: self._target(route, resorts) for name, route in routes.models.items()}
        self.routes = routes

    def _target(self, route: ModelRoute, resorts: Mapping[str, BackendState]) -> Target:
        states = tuple(self._states[use.use] for use in route.backends)
        last_resorts = tuple(resorts[name] for name in route.when_down if name != "503")
        limited = any(state.member.ability.is_limited for state in states)
        return Target(route, states, last_resorts, needs_matter=limited or route.strategy == "cheapest")

    def _state(self, member: Member, before: BackendState | None) -> BackendState:
        state = BackendState(member, self.breakers.setdefault(member.circuit_key, Breaker()), self.queue.freed)
        if before is not None and before.member.circuit_key == member.circuit_key:
            state.latency_s = before.latency_s
        return state

    def target(self, model: str) -> tuple[str, Target]:
        """The public name and its target; an empty name means the default model. Raises UnknownModel."""
        name = model or self.routes.default_model
        target = self.targets.get(name)
        if target is None:
            what = (
                f"model '{excerpt(model)}' is not known."
                if model
                else "the request names no model and the routes have no default_model."
            )
            raise UnknownModel(f"{what}{nearest(name, self.targets)}")
        return name, target

    async def open(self, call: Call, record: Record) -> Reply:
        """The answer of the first backend that shows content; each try is noted in ``record``.

        Raises the Failure that says most when none shows any, UnknownModel before any attempt.
        """
        name, target = self.target(call.model)
        call = _prepared(call, name, target.route)
        able = [state for state in target.states if call.endpoint in state.member.backend.endpoints]
        if not able:
            raise Failure(Kind.BAD_REQUEST, f"model '{name}' has no backend that offers {call.endpoint}", param="model")
        reply = Reply(self, call, record, target.route, self._ordered(call, target, able))
        await reply.open(target.last_resorts)
        return reply

    def _ordered(self, call: Call, target: Target, states: Sequence[BackendState]) -> Sequence[BackendState]:
        route = target.route
        if len(states) == 1 or (route.strategy == "failover" and route.sticky == "none" and not target.needs_matter):
            return states  # nothing to choose by
        weights = {use.use: use.weight for use in route.backends}
        needs = estimate.needs(call) if target.needs_matter else Needs()
        candidates = [state.candidate(weights[state.name], needs) for state in states]
        session = session_of(call) if route.sticky == "session" else ""
        by_name = {state.name: state for state in states}
        return [by_name[found.name] for found in order(route, candidates, needs, session, self._chance)]

    def draw(self) -> float:
        return self._chance.random()

    def running(self) -> int:
        return sum(state.running for state in self._states.values())

    @property
    def states(self) -> Mapping[str, BackendState]:
        return self._states

    async def ready(self) -> bool:
        """Whether every backend that loads a model of its own has loaded it."""
        return all([await state.member.backend.ready() for state in self._states.values()])

    async def aclose(self) -> None:
        for state in self._states.values():
            await state.member.backend.aclose()


def session_of(call: Call) -> str:
    """What the requests of one conversation have in common: the caller's own id for it, else how it began."""
    body = call.body
    named = call.session or body.get("prompt_cache_key") or body.get("user")
    if named:
        return str(named)
    messages = body.get("messages") or [body.get("prompt", "")]
    first = next(
        (i for i, message in enumerate(messages) if isinstance(message, dict) and message["role"] == "user"), 0
    )
    return hashlib.sha256(msgspec.json.encode(messages[: first + 1], order="sorted")).hexdigest()


def _prepared(call: Call, name: str, route: ModelRoute) -> Call:
    """The call with the operator's system prompt in front of the caller's messages."""
    body: Mapping[str, Any] = call.body
    if route.system_prompt and body.get("messages"):
        body = {**body, "messages": [{"role": "system", "content": route.system_prompt}, *body["messages"]]}
    return replace(call, model=name, body=body, connect_s=route.limits.connect_s)
