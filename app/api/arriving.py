"""Whether a request's body is still on its way when its answer begins: the connection is then closed after the answer."""

from __future__ import annotations

from typing import Protocol

from starlette.types import Scope

ARRIVING = "trimaran.arriving"  # in a scope: the Arriving of its request


class Arriving(Protocol):
    @property
    def more_body(self) -> bool:
        """Whether the end of the body has not come yet, read or not."""
        ...


def is_arriving(scope: Scope) -> bool:
    """False under a server that is not ours, which does not say."""
    arriving: Arriving | None = scope.get(ARRIVING)
    return arriving is not None and arriving.more_body
