"""Asks the app in this container whether it lives, and exits with 0 if so: the image's health check, which has no curl."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection

# The settings' own. Not through them: to import what checks them takes longer than the question, twice a minute for ever.
HOST, PORT = "127.0.0.1", 8000
WITHIN_S = 4.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # listening on all addresses, it answers on loopback's


def main() -> None:
    host = os.environ.get("TRIMARAN_HOST", HOST)
    sys.exit(complaint(_ANY.get(host, host), int(os.environ.get("TRIMARAN_PORT", PORT))))


def complaint(host: str, port: int) -> str | None:
    """What is wrong with the app at this address; None when it lives."""
    connection = HTTPConnection(host, port, timeout=WITHIN_S)
    try:
        connection.request("GET", "/health/live")
        status = connection.getresponse().status
    except OSError as error:
        return f"trimaran: nothing answers at {host} port {port}: {error}"
    finally:
        connection.close()
    return None if status == 200 else f"trimaran: {host} port {port} answers /health/live with status {status}"


if __name__ == "__main__":
    main()
