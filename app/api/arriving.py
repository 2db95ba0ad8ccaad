"""What a connection tells of what its caller is still sending: a request's body, or the messages of a WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.types import Scope

from app.logic.admission.body_bytes import Share

ARRIVING = "trimaran.arriving"  # in a scope: a weak reference to the Arriving of its request, which refers to the scope
INCOMING = "trimaran.incoming"  # in a scope: the Incoming of its WebSocket, until it is over


class Arriving(Protocol):
    @property
    def more_body(self) -> bool:
        """Whether the end of the body has not come yet, read or not."""
        ...


class Incoming(Protocol):
    def admit(self, share: Share, max_bytes: int) -> None:
        """The caller is known: its messages may have ``max_bytes``, and what has arrived of them counts in ``share`` until they are taken."""
        ...


def has_arrived(scope: Scope) -> bool:
    """Whether all of the body is here, read or not. A server that is not ours does not say."""
    return _more_body(scope) is False


def is_arriving(scope: Scope) -> bool:
    """Whether the connection must be closed after the answer, because the body was not waited for. A server that is not ours does not say."""
    return _more_body(scope) is True


def _more_body(scope: Scope) -> bool | None:
    """None where nobody says."""
    reference: Callable[[], Arriving | None] | None = scope.get(ARRIVING)
    arriving = None if reference is None else reference()
    return None if arriving is None else arriving.more_body
