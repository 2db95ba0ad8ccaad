"""Who the app is towards a backend: what a request carries so that it is let in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Shown:
    """``secret``: the value, wherever in ``headers`` it stands, that no message may quote; empty where there is none."""

    headers: Mapping[str, str]
    secret: str = field(default="", repr=False)


class Identity(Protocol):
    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        """What a POST of ``body`` to ``url`` with ``headers`` carries on top. Raises Failure(MISCONFIGURED) where there is no credential."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Bearer:
    """A key of the app's own, asked for each request, so that it can change; none is none."""

    key: Callable[[], str]

    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        del url, headers, body
        key = self.key()
        return Shown({"authorization": f"Bearer {key}"} if key else {}, key)

    async def aclose(self) -> None:
        """Nothing is held."""
