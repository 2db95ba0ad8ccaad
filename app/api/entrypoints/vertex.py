"""Vertex AI: a container of one's own behind an endpoint, which asks each caller for `aiplatform.endpoints.predict` before it calls here.

What it sets and sends: "Custom container requirements for inference" in Vertex AI's documentation (checked 2026-12-01).
"""

from __future__ import annotations

from collections.abc import Mapping

from app.api.entrypoints.entrypoint import Callers, EntryPoint, port_of, route_of
from app.settings import Settings, SettingsError

_SET_BY_PLATFORM = ("AIP_HTTP_PORT", "AIP_HEALTH_ROUTE")


def read(settings: Settings, environment: Mapping[str, str]) -> EntryPoint:
    """No key is asked for, so an app that is not on Vertex AI after all must not start. Raises SettingsError."""
    for setting in _SET_BY_PLATFORM:
        if not environment.get(setting):
            raise SettingsError(
                f"TRIMARAN_ENTRYPOINT=vertex and {setting} is not set, as it is in every container that Vertex AI starts.\n"
                "hint: TRIMARAN_ENTRYPOINT=server elsewhere"
            )
    return EntryPoint(
        chosen_by="TRIMARAN_ENTRYPOINT=vertex",
        host="0.0.0.0",
        port=port_of(environment, "AIP_HTTP_PORT"),
        setting="AIP_HTTP_PORT",
        callers=Callers.PLATFORM,
        fronted=True,
        drain_s=settings.drain_s,
        health=route_of(environment, "AIP_HEALTH_ROUTE"),
        predict=route_of(environment, "AIP_PREDICT_ROUTE"),
    )
