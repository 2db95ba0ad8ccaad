"""What an adapter is: a row that says all that is known of a provider beside its wire, and what its builder may use.

A row stands in the adapter's own file; ``adapters`` lists it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import aiohttp

from app.inference.identity.identity import Identity
from app.inference.images import ImageFetcher
from app.logic.answer import Backend
from app.logic.routes import BackendSpec, RoutesError
from app.logic.selection import Ability
from app.secret_file import SecretFileError, secret_of

_HOST = re.compile(
    r"[\w.-]+|[0-9a-f:.]+(?:%[\w.-]+)?", re.I
)  # names and both kinds of addresses; Docker's have underscores


class OwnServer(Protocol):
    """A model server that the app runs. ``base_url`` is None while it does not answer; ``waits_for`` then says what is under way."""

    @property
    def base_url(self) -> str | None: ...
    @property
    def key(self) -> str: ...
    @property
    def waits_for(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an adapter may use. ``engines``: the app's own, by backend; ``environment``: where credentials stand, by the names that `key_env` gives.

    ``identities``: those of the machine, by what tells two apart: all backends share one, and it outlives a change of the routes.
    """

    http: aiohttp.ClientSession
    engines: Mapping[str, OwnServer]
    environment: Mapping[str, str]
    images: ImageFetcher = field(default_factory=ImageFetcher)
    identities: dict[tuple[str, ...], Identity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """``build`` makes the backend of a routes file's entry, by its name; it raises RoutesError.

    ``provider``: the value of `gen_ai.provider.name` in telemetry. ``ability``: what the entry's model can do, as far as the routes file
    does not say. ``base_url``: where the provider answers, empty where the routes file must say it. ``price_key``: the address by which
    genai-prices knows who sells the models, empty where nobody is known to; ``sold_as``: what it calls the entry's; ``is_free``: they run on
    this machine. ``reads``: the keys of an entry, beside those that every backend has, that are not refused.
    """

    build: Callable[[str, BackendSpec, Surroundings], Backend]
    provider: str
    ability: Callable[[BackendSpec], Ability]
    base_url: str = ""
    price_key: str = ""
    sold_as: Callable[[BackendSpec], str] = lambda spec: spec.model
    is_free: bool = False
    reads: frozenset[str] = frozenset({"base_url", "key_env"})


def credential(name: str, spec: BackendSpec, environment: Mapping[str, str], *, default: str = "") -> str:
    """The key in the variable that `key_env` or else ``default`` names, or in the file that the same name with `_FILE` names; empty when
    neither names one. Raises RoutesError when it is not there.
    """
    variable = spec.key_env or default
    if not variable:
        return ""
    try:
        key = secret_of(variable, environment)
    except SecretFileError as error:
        raise RoutesError(f"backend '{name}': {error}") from None
    if not key:
        raise RoutesError(
            f"backend '{name}': its key is missing: set the environment variable {variable}, or {variable}_FILE to a file with it"
        )
    if not (key.isascii() and key.isprintable()):
        raise RoutesError(f"backend '{name}': the key in {variable} has characters that no header can carry")
    return key


def base_url(name: str, spec: BackendSpec, *, default: str = "", example: str = "http://127.0.0.1:8001/v1") -> str:
    """The address that the routes file or else ``default`` gives, without a slash at its end. Raises RoutesError."""
    given = spec.base_url or default
    if not given:
        raise RoutesError(f"backend '{name}': adapter {spec.adapter} needs base_url, such as {example}")
    parts = _parts(given)
    if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise RoutesError(f"backend '{name}': base_url must be like https://host/v1")
    if parts.username or parts.password:
        raise RoutesError(
            f"backend '{name}': base_url holds a credential: put it in a variable and name that in key_env"
        )
    return given.rstrip("/")


def _parts(address: str) -> SplitResult | None:
    """None where it is no address: ``urlsplit`` takes blanks, and looks at a port only when asked."""
    if any(char.isspace() or not char.isprintable() for char in address):
        return None
    try:
        parts = urlsplit(address)
        is_address = parts.port != 0 and bool(_HOST.fullmatch(parts.hostname or ""))
    except ValueError:
        return None
    return parts if is_address else None


def model(name: str, spec: BackendSpec) -> str:
    """The provider's name for the model. Raises RoutesError when the routes file gives none."""
    if not spec.model:
        raise RoutesError(f"backend '{name}': model is missing: the name that the provider has for it")
    return spec.model
