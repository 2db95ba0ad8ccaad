"""An adapter for a provider whose streams are lines of JSON: nothing in it says how events are framed."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import aiohttp
import msgspec

from app.inference import fields, http, openai_errors
from app.inference.adapter import Adapter, Surroundings, base_url, credential, model
from app.logic.answer import Answer, Backend, Call, Endpoint
from app.logic.routes import BackendSpec
from app.logic.selection import Ability
from tests.inference.lines.wire import CODEC

FIELDS = frozenset({"messages", "max_tokens", "stop", "model", "stream", "stream_options", "temperature"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesBackend:
    name: str
    base_url: str
    model: str
    http: aiohttp.ClientSession
    key: str
    endpoints: frozenset[Endpoint] = frozenset({Endpoint.CHAT})

    def __repr__(self) -> str:
        return f"LinesBackend({self.name})"

    async def open(self, call: Call, deadline: float) -> Answer:
        body, ignored = fields.admitted(call, FIELDS, self.name)
        if fields.check_parts(body["messages"], self.name):
            raise fields.refused(self.name, "messages", "its models see no images")
        stop = body.get("stop")
        words = [stop] if isinstance(stop, str) else stop
        options = {"num_predict": body.get("max_tokens"), "stop": words, "temperature": body.get("temperature")}
        asked = {"model": self.model, "stream": call.stream, "messages": body["messages"], "options": options}
        return await http.open_answer(
            self.http,
            f"{self.base_url}/api/chat",
            msgspec.json.encode(asked),
            {"authorization": f"Bearer {self.key}"},
            call=call,
            codec=CODEC,
            name=self.name,
            map_error=functools.partial(openai_errors.map_error, self.name),
            secret=self.key,
            ignored=ignored,
        )

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """The session is shared: nothing to close."""


def _build(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    key = credential(name, spec, around.environment)
    return LinesBackend(name=name, base_url=base_url(name, spec), model=model(name, spec), http=around.http, key=key)


ADAPTER = Adapter(build=_build, provider="lines", ability=lambda spec: Ability(tools=False, images=False, schema=False))
