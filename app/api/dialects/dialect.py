"""What a dialect owes its callers: how a request is read, and how an error, a heartbeat and a stream's end are written, in one form of API."""

from __future__ import annotations

from typing import Protocol

import msgspec

from app.api.errors import Fault
from app.logic.answer import Call, Endpoint
from app.wire.events import Wire


class Dialect(Protocol):
    """One path's. ``endpoint``: what is asked of the backends; ``wire``: how answers are written.

    ``stream_type``: the content type of a stream; ``heartbeat``: what is sent in a silent one, and left out by clients.
    ``title`` and the shapes describe the path in the OpenAPI document.
    """

    @property
    def endpoint(self) -> Endpoint: ...
    @property
    def wire(self) -> Wire: ...
    @property
    def stream_type(self) -> bytes: ...
    @property
    def heartbeat(self) -> bytes: ...
    @property
    def title(self) -> str: ...
    @property
    def request(self) -> type[msgspec.Struct]: ...
    @property
    def answer(self) -> type[msgspec.Struct]: ...
    @property
    def refusal(self) -> type[msgspec.Struct]: ...
    def read(self, body: bytes, request_id: str) -> Call:
        """The call that a request's body asks for. Raises Fault with the field that is wrong."""
        ...

    def error(self, fault: Fault) -> bytes:
        """The body of an error answer."""
        ...

    def error_event(self, fault: Fault) -> bytes:
        """What ends a stream whose answer is not complete."""
        ...

    def end(self, summary: bytes) -> bytes:
        """What stands before the wire's end mark: the ``summary`` of what is known only now, one line of JSON, where clients leave it out."""
        ...
