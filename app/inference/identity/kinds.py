"""Which identity a backend's `auth` asks for: what each kind needs of the routes file, and the file that has it, imported when it is used."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Protocol, cast

from app.inference.identity.identity import Around, Bearer, Both, Identity, KeyIn
from app.logic.excerpt import excerpt
from app.logic.routes import BackendSpec, RoutesError


class _Make(Protocol):
    def __call__(self, name: str, *, around: Around, **needs: str) -> Identity: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """``make``: the function, in its file of this folder. ``needs``: the key of `auth` that it needs, with its form and an example.

    ``region``: whether it takes one. ``is_beside``: whether it leaves `authorization` to a key; else a key goes as `x-api-key`.
    """

    file: str
    make: str
    needs: str
    form: str
    example: str
    region: bool = False
    is_beside: bool = False


_KINDS = {
    # As X-Serverless-Authorization, which Cloud Run checks before Authorization, and leaves that to the server
    # (docs.cloud.google.com/run/docs/authenticating/service-to-service, checked 2026-12-01).
    "gcp_id_token": _Kind(
        file="google",
        make="id_token",
        needs="audience",
        # A service's address, or the client of an app behind Identity-Aware Proxy.
        form=r"https?://[^\s?#]+|[a-z0-9-]+\.apps\.googleusercontent\.com",
        example="https://service-abc.run.app",
        is_beside=True,
    ),
    "aws_sigv4": _Kind(file="aws", make="signed", needs="service", form=r"[a-z0-9-]+", example="lambda", region=True),
    "entra": _Kind(file="entra", make="token", needs="scope", form=r".+", example="api://APP-ID/.default"),
}
_SETTINGS = ("audience", "service", "scope")


def of(name: str, spec: BackendSpec, around: Around, *, key: str = "", scope: str = "") -> Identity:
    """What ``spec.auth`` says, beside ``key`` where there is one. ``scope``: of Entra's tokens, where `auth` has none. Raises RoutesError."""
    auth = spec.auth
    if auth is None:
        raise RoutesError(f"backend '{name}': auth is missing")
    kind = _KINDS[auth.kind]
    for setting in _SETTINGS:
        if getattr(auth, setting) and setting != kind.needs:
            raise RoutesError(f"backend '{name}': auth of kind {auth.kind} has no use for '{setting}': leave it out")
    given = getattr(auth, kind.needs) or (scope if kind.needs == "scope" else "")
    if not given:
        raise RoutesError(
            f"backend '{name}': auth of kind {auth.kind} needs '{kind.needs}', such as {kind.example}: add it under 'auth'"
        )
    if not re.fullmatch(kind.form, given):
        raise RoutesError(f"backend '{name}': auth.{kind.needs} '{excerpt(given)}' must be like {kind.example}")
    needs = {kind.needs: given} | ({"region": spec.region} if kind.region else {})  # none: the one that AWS names
    make = cast(_Make, getattr(importlib.import_module(f"{__package__}.{kind.file}"), kind.make))
    machine = make(name, around=around, **needs)
    if not key:
        return machine
    return Both(machine, Bearer(lambda: key) if kind.is_beside else KeyIn("x-api-key", key))
