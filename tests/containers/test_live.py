"""The image's health check: it tells an app that lives from one that does not, from one that is ill, and from none at all."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app import live
from app.settings import Settings
from providers.machine.ports import free_port


@contextmanager
def _answering(status: int) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/live" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the test's output."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_an_app_that_lives_is_well(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that listens on all addresses, which is none to connect to."""
    with _answering(200) as port:
        monkeypatch.setenv("TRIMARAN_HOST", host)
        monkeypatch.setenv("TRIMARAN_PORT", str(port))
        with pytest.raises(SystemExit) as ended:
            live.main()

    assert ended.value.code is None


def test_an_app_that_answers_with_an_error_is_ill() -> None:
    """It says which."""
    with _answering(500) as port:
        assert "status 500" in (live.complaint("127.0.0.1", port) or "")


def test_where_nothing_listens_nothing_lives() -> None:
    """It says where it asked."""
    port = free_port()

    assert f"port {port}" in (live.complaint("127.0.0.1", port) or "")


def test_an_app_that_hangs_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that takes connections and never answers is given up."""
    monkeypatch.setattr(live, "WITHIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in (live.complaint("127.0.0.1", silent.getsockname()[1]) or "")


def test_without_variables_it_asks_where_the_app_would_listen() -> None:
    """Its two defaults stand apart from the settings, which take longer to import than the question takes."""
    assert (Settings().host, Settings().port) == (live.HOST, live.PORT)
