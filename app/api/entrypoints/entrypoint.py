"""What a platform decides for the app: where it listens, who gets that far, and which paths are the platform's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.settings import SettingsError

_ROUTE = re.compile(r"/[^\s{}?#]*")  # braces would make it a pattern


class Callers(StrEnum):
    """Who gets as far as the listener."""

    MACHINE = "this machine's own programs and browsers"
    PLATFORM = "those whom the platform has let in"
    ANYBODY = "anybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """``chosen_by``: what the operator has set, to be so reached. ``setting``: the variable that said ``port``.

    ``fronted``: the platform's own front calls, by names of its choice.

    ``drain_s``: seconds that running answers get to finish after SIGTERM. ``health`` and ``predict`` are the platform's own paths, empty
    where it has none; they need no key, for the platform has none to send.
    """

    chosen_by: str
    host: str
    port: int
    setting: str
    callers: Callers
    fronted: bool
    drain_s: float
    health: str = ""
    predict: str = ""

    @property
    def keyless(self) -> frozenset[str]:
        return frozenset({self.health, self.predict} - {""})


def port_of(environment: Mapping[str, str], setting: str) -> int:
    """The port in the variable ``setting``, which is there. Raises SettingsError."""
    said = environment[setting]
    if not (said.isascii() and said.isdecimal() and int(said) < 2**16):
        raise SettingsError(f"{setting}='{said}' cannot be used: a port is a number up to 65535")
    return int(said)


def route_of(environment: Mapping[str, str], setting: str) -> str:
    """The path in the variable ``setting``, empty where there is none. Raises SettingsError."""
    said = environment.get(setting, "")
    if said and not _ROUTE.fullmatch(said):
        raise SettingsError(f"{setting}='{said}' cannot be used: a path is written as in /predict")
    return said
