"""A router over scripted backends, and a caller."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.logic import price, routes
from app.logic.answer import Call, Endpoint
from app.logic.backend_state import Member
from app.logic.record import Record
from app.logic.reply import Reply
from app.logic.router import Router
from app.logic.selection import Ability
from app.logic.transcript import Transcript
from tests.logic.backends import ScriptedBackend

LIMITS = "{first_token_s: 0.05, between_tokens_s: 0.05, total_s: 0.3, wake_s: 0.3}"


def router(
    *backends: ScriptedBackend,
    limits: str = LIMITS,
    more: str = "retries: 0",
    abilities: Mapping[str, Ability] | None = None,
    max_running: int = 64,
    scale_to_zero: bool = False,
    last_resorts: tuple[ScriptedBackend, ...] = (),
) -> Router:
    """One model, `chat`; ``more``: further keys of its route, as YAML."""
    everybody = (*backends, *last_resorts)
    named = ", ".join(f"{backend.name}: {{adapter: scripted}}" for backend in everybody)
    uses = ", ".join(f"{{use: {backend.name}}}" for backend in backends)
    text = (
        f"version: 1\nbackends: {{{named}}}\n"
        f"models: {{chat: {{backends: [{uses}], limits: {limits}, {more}}}}}\n"
        "default_model: chat\n"
    )
    members = {
        backend.name: Member(
            backend=backend,
            rates=price.rates(Decimal(2), Decimal(10)),
            circuit_key=backend.name,
            ability=(abilities or {}).get(backend.name, Ability(continuation="final_message")),
            max_running=max_running,
            scale_to_zero=scale_to_zero and backend is backends[0],
        )
        for backend in everybody
    }
    return Router(routes.parse(text, "test"), members, random.Random(1))


def call(model: str = "", endpoint: Endpoint = Endpoint.CHAT, *, stream: bool = True, **fields: Any) -> Call:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return Call(endpoint=endpoint, model=model, body=body, stream=stream)


def record() -> Record:
    return Record(request_id="r1", started_at=time.monotonic())


async def joined(reply: Reply) -> str:
    """The text that the caller saw. Closes the reply whatever happens."""
    seen = Transcript()
    try:
        async for batch in reply.batches():
            seen.add(batch)
    finally:
        await reply.aclose()
    return seen.read().text
