"""What a connection tells of what its caller is still sending: a request's body, or the messages of a WebSocket."""

from __future__ import annotations

from typing import Protocol

from starlette.types import Scope

from app.logic.admission.body_bytes import Share

ARRIVING = "trimaran.arriving"  # in a scope: the Arriving of its request
INCOMING = "trimaran.incoming"  # in a scope: the Incoming of its WebSocket


class Arriving(Protocol):
    @property
    def more_body(self) -> bool:
        """Whether the end of the body has not come yet, read or not."""
        ...


class Incoming(Protocol):
    def admit(self, share: Share, max_bytes: int) -> None:
        """The caller is known: its messages may have ``max_bytes``, and what has arrived of them counts in ``share`` until they are taken."""
        ...


def is_arriving(scope: Scope) -> bool:
    """Whether the connection must be closed after the answer, because the body was not waited for. A server that is not ours does not say."""
    arriving: Arriving | None = scope.get(ARRIVING)
    return arriving is not None and arriving.more_body
