"""`status`: health as it is now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from delivery.status import health
from providers.machine.ports import free_port


class _Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health/ready" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """A server whose readiness a test sets."""
    http = HTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.mark.parametrize(
    ("status", "word"),
    [(200, "ready"), (503, "not ready"), (500, "not ready"), (502, "unreachable"), (504, "unreachable")],
)
def test_health_is_a_word(server: str, monkeypatch: pytest.MonkeyPatch, status: int, word: str) -> None:
    """A proxy that finds no app behind it is no answer of the app."""
    monkeypatch.setattr(_Answer, "status", status)

    assert health(server) == word


@pytest.mark.parametrize(
    "url", ["", "not a url", f"http://127.0.0.1:{free_port()}"], ids=["none", "no url", "free port"]
)
def test_nobody_there_is_unreachable(url: str) -> None:
    """Never an exception."""
    assert health(url) == "unreachable"
