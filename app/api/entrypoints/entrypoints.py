"""The one list of entry points: which platform is met how. A new one is a file beside this, its row here and its name in the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.api.entrypoints import lambda_, server, vertex
from app.api.entrypoints.entrypoint import EntryPoint
from app.settings import Settings

ENTRYPOINTS: dict[str, Callable[[Settings, Mapping[str, str]], EntryPoint]] = {
    "server": server.read,
    "vertex": vertex.read,
    "lambda": lambda_.read,
}


def read(settings: Settings, environment: Mapping[str, str]) -> EntryPoint:
    """The entry point that the settings name, as its platform wants it. Raises SettingsError."""
    return ENTRYPOINTS[settings.entrypoint](settings, environment)
