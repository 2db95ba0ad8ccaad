"""Who the app is towards a backend: what a request carries so that it is let in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.logic.answer import Failure

# With 403 instead, AWS says that a session's token has ended: the type of its error, in small letters
# (docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html, checked 2026-12-01).
ENDED = frozenset({"expiredtokenexception", "expiredtoken"})


@dataclass(frozen=True, slots=True)
class Shown:
    """``secret`` and ``other_secret``: the values, wherever in ``headers`` they stand, that no message may quote; empty where there is none.

    ``ended`` is told that the backend takes them no more, though their time is not over.
    """

    headers: Mapping[str, str] = field(repr=False)
    secret: str = field(default="", repr=False)
    other_secret: str = field(default="", repr=False)
    ended: Callable[[], None] | None = None

    def heard(self, failure: Failure) -> None:
        """What came of the request that carried them: 401, or AWS's own word, says that they are taken no more."""
        if self.ended is not None and (failure.reported.status == 401 or failure.code.lower() in ENDED):
            self.ended()


class Identity(Protocol):
    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        """What a POST of ``body`` to ``url`` with ``headers`` carries on top. Raises Failure(MISCONFIGURED) where there is no credential."""
        ...

    async def aclose(self) -> None: ...


class Around(Protocol):
    """What of an adapter's surroundings an identity is made from: ``identities`` are those that backends share."""

    @property
    def environment(self) -> Mapping[str, str]: ...
    @property
    def identities(self) -> dict[tuple[str, ...], Identity]: ...


@dataclass(frozen=True, slots=True)
class Bearer:
    """A key of the app's own, asked for each request, so that it can change; none is none."""

    key: Callable[[], str] = field(repr=False)

    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        del url, headers, body
        key = self.key()
        return Shown({"authorization": f"Bearer {key}"} if key else {}, key)

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class KeyIn:
    """A key of the app's own in a header of the backend's, such as Azure's `api-key`."""

    header: str
    key: str = field(repr=False)

    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        del url, headers, body
        return Shown({self.header: self.key}, self.key)

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Both:
    """The machine's identity and a key beside it: what stands before a server asks for the one, the server for the other."""

    machine: Identity
    key: Identity

    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        key = await self.key.show(url, headers, body)
        # A signature is over what else is sent.
        machine = await self.machine.show(url, {**headers, **key.headers}, body)
        return Shown({**key.headers, **machine.headers}, machine.secret, key.secret, machine.ended)

    async def aclose(self) -> None:
        await self.machine.aclose()
        await self.key.aclose()
