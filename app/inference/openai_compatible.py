"""Any backend that speaks OpenAI's API: OpenAI itself, vLLM, TGI, llama.cpp, LitServe, Groq, Together, the Hugging Face router.

What tells them apart is data: a row of ``variants``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from app.inference import fields, http
from app.inference.identity.identity import Bearer, Identity
from app.inference.images import ImageFetcher
from app.inference.openai_errors import map_error
from app.inference.variants import VARIANTS, Images, Variant, allowed
from app.logic.admission.body_bytes import Share
from app.logic.answer import Answer, Call, Endpoint
from app.wire.codecs import SCANNED
from app.wire.events import Wire

_PATHS = {
    Endpoint.CHAT: ("/chat/completions", Wire.OPENAI_CHAT),
    Endpoint.COMPLETIONS: ("/completions", Wire.OPENAI_COMPLETIONS),
    Endpoint.EMBEDDINGS: ("/embeddings", Wire.OPENAI_EMBEDDINGS),
}


NOBODY = Bearer(lambda: "")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAICompatible:
    """``base_url`` includes ``/v1``. ``identity`` is asked for each call, so that a credential can change while the app runs."""

    name: str
    base_url: str
    model: str
    http: aiohttp.ClientSession
    identity: Identity = NOBODY
    variant: Variant = VARIANTS["openai_compatible"]
    images: ImageFetcher = field(default_factory=ImageFetcher)

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        return self.variant.endpoints

    async def open(self, call: Call, deadline: float) -> Answer:
        with call.share.beside() as held:  # until the backend has the request
            variant = self.variant
            body, ignored = fields.admitted(
                call,
                allowed(variant, call.endpoint),
                self.name,
                max_choices=variant.max_choices,
                caches=variant.caches,
            )
            body = self._map_request(call, body)
            if "messages" in body:
                body["messages"] = await self._map_messages(body["messages"], deadline, held)
            return await self._send(call, body, ignored)

    async def _send(self, call: Call, body: dict[str, Any], ignored: frozenset[str]) -> Answer:
        path, wire = _PATHS[call.endpoint]
        url, sent = URL(self.base_url + path + self.variant.query), msgspec.json.encode(body)
        headers = {**self.variant.headers, "x-request-id": call.request_id} if call.request_id else self.variant.headers
        return await http.open_as(
            self.identity,
            self.http,
            url,
            sent,
            headers,
            call=call,
            codec=SCANNED[wire],
            name=self.name,
            map_error=functools.partial(map_error, self.name),
            ignored=ignored,
        )

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """Nothing of its own to close: the session is shared."""

    def _map_request(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        variant = self.variant
        body["model"] = self.model
        for ours, theirs in variant.renamed.items():
            if ours in body:
                body[theirs] = body.pop(ours)
        if call.endpoint is Endpoint.EMBEDDINGS:
            return body
        body["stream"] = call.stream
        if call.endpoint is Endpoint.CHAT and variant.max_tokens:
            _name_limit(body, variant.max_tokens)
        options = body.pop("stream_options", None) or {}
        if call.stream and variant.usage_option:
            body["stream_options"] = {**options, "include_usage": True}
        return body

    async def _map_messages(self, messages: list[dict[str, Any]], deadline: float, held: Share) -> list[dict[str, Any]]:
        if not self.variant.knows_developer:
            messages = [
                {**message, "role": "system"} if message["role"] == "developer" else message for message in messages
            ]
        if not fields.check_parts(messages, self.name):
            return messages
        if self.variant.images is Images.REFUSE:
            raise fields.refused(self.name, "messages", f"its model '{self.model}' sees no images")
        if self.variant.images is Images.INLINE:
            return await self.images.inline(messages, deadline, held)
        return messages


def _name_limit(body: dict[str, Any], name: str) -> None:
    """Gives the limit of tokens the name that the server knows; the newer one wins where a caller wrote both."""
    given = [body.pop(key, None) for key in ("max_completion_tokens", "max_tokens")]
    if limit := given[0] or given[1]:
        body[name] = limit
