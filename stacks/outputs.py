"""What every stack exports, the same on every target and nothing secret, so that cost, promotion and status need no cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi import Input


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where metrics are read or the traffic split is set: `kind` picks the code that knows how, `ref` is its address."""

    kind: str
    ref: Mapping[str, Input[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """A deployed stack as the rest of the kit sees it; `auth` is what a caller sends besides the app's key."""

    target: str
    environment: str
    region: str
    url: Input[str]
    test_url: Input[str]
    test_headers: Mapping[str, str] = field(default_factory=lambda: {"x-revision": "green"})
    image: str
    models: Sequence[str]
    revision: str
    stable_revision: str
    auth: str
    metrics: Reference
    traffic: Reference
    api_key_ref: str
    schema: int = 1


def export(outputs: Outputs) -> None:
    """Make each field an output of the running stack."""
    import pulumi

    for each in fields(outputs):
        value = getattr(outputs, each.name)
        if isinstance(value, Reference):
            value = {"kind": value.kind, "ref": dict(value.ref)}
        pulumi.export(each.name, value)
