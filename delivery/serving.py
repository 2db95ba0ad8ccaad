"""`serve`: the app alone in the foreground, without engine, proxy or state."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from delivery.endings import of_text
from delivery.failure import ExitCode, Failure
from delivery.terminal import say

DEFAULT_PORT = 8000


def serve(root: Path, routes_file: Path | None, port: int) -> None:
    """Become the app, with the routes of a file, those that the environment leads to, or the embedded model."""
    from providers.machine import ports
    from stacks.config import ConfigError
    from stacks.revision import revision, source_tree

    given = dict(os.environ)
    try:
        routed, settings = _routed(routes_file, given)
    except ConfigError as error:
        raise Failure(error.sentence, error.hint, ExitCode.USAGE) from None
    if not ports.is_free(ports.LOOPBACK, port):
        raise Failure(
            f"port {port} on {ports.LOOPBACK} is taken by {ports.describe_listener(port)}.",
            f"./trimaran serve --port {ports.next_free(ports.LOOPBACK, port)}",
        )
    environment = {
        "TRIMARAN_DATA_DIR": str(root / ".trimaran/data"),
        **routed,
        "PYTHONPATH": str(root),
        "TRIMARAN_HOST": ports.LOOPBACK,
        "TRIMARAN_PORT": str(port),
        "TRIMARAN_REVISION": revision(source_tree(root), settings),
    }
    if routes_file is not None:
        for line in of_text(routes_file.read_text(encoding="utf-8"), datetime.now(UTC).date()):
            say(f"warning: {line}")
    say(f"starting the app at http://{ports.LOOPBACK}:{port}; Ctrl-C ends it")
    os.execve(sys.executable, [sys.executable, "-m", "app.main"], environment)


def _routed(routes_file: Path | None, given: Mapping[str, str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The environment with routes and engine in it, and the settings that they come to. A variable of the user's own wins. Raises ConfigError."""
    from stacks.config import ModelSettings
    from stacks.local.routes import from_file, from_settings

    routes_of_user = {"TRIMARAN_ROUTES", "TRIMARAN_ROUTES_YAML"} & given.keys()
    if routes_file is not None:
        routes = from_file(routes_file.absolute(), "leave --routes out")
        others = {name: value for name, value in given.items() if name not in routes_of_user}
        return {"TRIMARAN_ENGINE": routes.engine, **others, **routes.environment}, routes.settings
    if routes_of_user or given.get("TRIMARAN_ENGINE", "embedded") != "embedded":
        named = ("TRIMARAN_ENGINE", "TRIMARAN_ROUTES")
        return given, {name: value for name, value in sorted(given.items()) if name.startswith(named)}
    routes = from_settings(ModelSettings(), "local")
    return {**given, "TRIMARAN_ENGINE": routes.engine, **routes.environment}, routes.settings
