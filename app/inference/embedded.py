"""The embedded model: an OpenAI-compatible server that the app itself started and whose address is known once the model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import aiohttp

from app.inference.dialects import LLAMA_CPP, Images
from app.inference.openai_compatible import OpenAICompatible
from app.logic.answer import Answer, Call, Endpoint, Failure, Kind

# The catalog's embedded models read text only, and their chat templates have no tools: llama.cpp would leave the tools out without a
# word, even where a call is required (run 2026-11-24).
DIALECT = replace(LLAMA_CPP, images=Images.REFUSE, tools=False)


class Engine(Protocol):
    """A model server that the app runs."""

    @property
    def base_url(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    name: str
    model: str
    engine: Engine
    http: aiohttp.ClientSession
    endpoints: frozenset[Endpoint] = frozenset(Endpoint)

    async def open(self, call: Call, deadline: float) -> Answer:
        base_url = self.engine.base_url
        if base_url is None:
            message = f"backend '{self.name}' is loading its model"
            raise Failure(Kind.BUSY, message, status=503, retry_after_s=1, waking=True)
        server = OpenAICompatible(
            name=self.name,
            base_url=base_url,
            model=self.model,
            http=self.http,
            headers=lambda: self.engine.headers,
            dialect=DIALECT,
        )
        return await server.open(call, deadline)

    async def ready(self) -> bool:
        return self.engine.base_url is not None

    async def aclose(self) -> None:
        """Nothing of its own to close: the app stops the engine, the session is shared."""
