"""A server of one's own: a container service, Kubernetes, this machine. TRIMARAN_HOST and TRIMARAN_PORT say where it listens."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.entrypoints.entrypoint import Callers, EntryPoint
from app.settings import Settings


def read(settings: Settings, environment: Mapping[str, str]) -> EntryPoint:
    del environment
    return EntryPoint(
        chosen_by=f"TRIMARAN_HOST={settings.host}",
        host=settings.host,
        port=settings.port,
        setting="TRIMARAN_PORT",
        callers=Callers.MACHINE if settings.is_loopback else Callers.ANYBODY,
        fronted=False,
        drain_s=settings.drain_s,
    )
