"""AWS Lambda: the Lambda Web Adapter, a process beside the app, fetches each invocation and sends it here as the HTTP request that it was.

The adapter's variables are those of its version 1.0.0-rc1 (src/lib.rs, checked 2026-12-01).
"""

from __future__ import annotations

from collections.abc import Mapping

from app.api.entrypoints.entrypoint import Callers, EntryPoint, port_of
from app.settings import Settings, SettingsError

READY_PATHS = ("/health/ready", "/health")
_READINESS = "AWS_LWA_READINESS_CHECK_PATH"
_PORTS = ("AWS_LWA_PORT", "PORT")  # the adapter's own order
_USUAL_PORT = "8080"


def read(settings: Settings, environment: Mapping[str, str]) -> EntryPoint:
    """The function's URL may be open to the world, though the app listens on loopback. Raises SettingsError."""
    del settings
    if (path := environment.get(_READINESS) or "/") not in READY_PATHS:
        raise SettingsError(
            f"TRIMARAN_ENTRYPOINT=lambda and {_READINESS} is {path}, which answers before the model is loaded: "
            f"the first callers would be told to come back.\nhint: set {_READINESS} to {READY_PATHS[0]}"
        )
    setting = next((name for name in _PORTS if name in environment), _PORTS[0])
    return EntryPoint(
        chosen_by="TRIMARAN_ENTRYPOINT=lambda",
        host="127.0.0.1",
        port=port_of({setting: _USUAL_PORT, **environment}, setting),
        setting=setting,
        callers=Callers.ANYBODY,
        fronted=True,
        drain_s=0,  # an environment is shut down when nothing runs, 300 ms after SIGTERM (Lambda's life cycle, checked 2026-12-01)
    )
