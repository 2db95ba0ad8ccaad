"""This app's own `/v1/chat`: a few of the fields of OpenAI's chat completions, and the text alone as the answer. Errors are as in OpenAI's API."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.api import bodies
from app.api.dialects.openai import Count, ErrorBody, Message, Name, OpenAI, Temperature
from app.api.errors import Fault
from app.logic.answer import Call, Endpoint
from app.logic.excerpt import excerpt
from app.wire.events import Wire


class TextbookRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`/v1/chat` has these fields and no others."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: Name = ""
    temperature: Temperature | None = None
    stream: bool | None = None
    max_tokens: Count | None = None


class ChatContent(msgspec.Struct):
    content: str


_FIELDS = frozenset(TextbookRequest.__struct_fields__)


class Chat(OpenAI):
    def read(self, body: bytes, request_id: str) -> Call:
        asked = bodies.parse(body)
        if isinstance(asked, dict) and (unknown := sorted(set(asked) - _FIELDS)):
            known = ", ".join(sorted(_FIELDS))
            raise Fault(
                400,
                f"'{excerpt(unknown[0])}' is not a field of /v1/chat, which has: {known}. /v1/chat/completions takes more.",
                param=excerpt(unknown[0]),
            )
        return self.check(asked, request_id)


CHAT = Chat(
    endpoint=Endpoint.CHAT,
    wire=Wire.CHAT,
    title="An answer to a conversation, as text",
    request=TextbookRequest,
    answer=ChatContent,
    refusal=ErrorBody,
)
