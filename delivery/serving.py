"""`serve`: the app alone in the foreground, without engine, proxy or state."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from delivery.failure import ExitCode, Failure
from delivery.terminal import say

DEFAULT_PORT = 8000


def serve(root: Path, routes_file: Path | None, port: int) -> None:
    """Become the app, with the routes of a file or the embedded model."""
    from providers.machine import ports
    from stacks.config import ConfigError, Settings
    from stacks.local.routes import from_file, from_settings
    from stacks.revision import revision, source_tree

    try:
        routes = (
            from_file(routes_file.absolute(), "leave --routes out")
            if routes_file
            else from_settings(Settings(), "local")
        )
    except ConfigError as error:
        raise Failure(error.sentence, error.hint, ExitCode.USAGE) from None
    if not ports.is_free(ports.LOOPBACK, port):
        raise Failure(
            f"port {port} on {ports.LOOPBACK} is taken by {ports.describe_listener(port)}.",
            f"./trimaran serve --port {ports.next_free(ports.LOOPBACK, port)}",
        )
    environment = {
        "TRIMARAN_DATA_DIR": str(root / ".trimaran/data"),
        **os.environ,
        "PYTHONPATH": str(root),
        "TRIMARAN_HOST": ports.LOOPBACK,
        "TRIMARAN_PORT": str(port),
        "TRIMARAN_REVISION": revision(source_tree(root), routes.settings),
        "TRIMARAN_ENGINE": routes.engine,
        **routes.environment,
    }
    say(f"starting the app at http://{ports.LOOPBACK}:{port}; Ctrl-C ends it")
    os.execve(sys.executable, [sys.executable, "-m", "app.main"], environment)
