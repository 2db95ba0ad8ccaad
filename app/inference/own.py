"""A model server that the app itself started: it speaks OpenAI's API, and its address is known once the model is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp

from app.inference.adapter import OwnServer
from app.inference.identity.identity import Bearer
from app.inference.images import ImageFetcher
from app.inference.openai_compatible import OpenAICompatible
from app.inference.variants import Variant
from app.logic.answer import Answer, Call, Endpoint, Failure, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBackend:
    name: str
    model: str
    engine: OwnServer
    http: aiohttp.ClientSession
    variant: Variant
    images: ImageFetcher = field(default_factory=ImageFetcher)

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        return self.variant.endpoints

    async def open(self, call: Call, deadline: float) -> Answer:
        base_url = self.engine.base_url
        if base_url is None:
            message = f"backend '{self.name}' is loading its model: it waits for {self.engine.waits_for}"
            raise Failure(Kind.BUSY, message, reason=message, status=503, retry_after_s=1, waking=True)
        server = OpenAICompatible(
            name=self.name,
            base_url=base_url,
            model=self.model,
            http=self.http,
            identity=Bearer(lambda: self.engine.key),
            variant=self.variant,
            images=self.images,
        )
        return await server.open(call, deadline)

    async def ready(self) -> bool:
        return self.engine.base_url is not None

    async def aclose(self) -> None:
        """Nothing of its own to close: the app stops the engine, the session is shared."""
