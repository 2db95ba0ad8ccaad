"""Pages from elsewhere in a real browser: what they send reaches no model; the app's own page works, also behind the proxy of `local`."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from providers.machine import proxy
from providers.machine.ports import free_port
from tests.web.actions import ask_and_wait, choose, last_answer
from tests.web.conftest import Visit
from tests.web.running import App
from tests.web.upstream import Upstream

# A page may send this without asking first; the socket and the image need no leave either.
ATTACK = """async (url) => {
  const asked = JSON.stringify({ messages: [{ role: "user", content: "from afar" }], stream: true });
  const post = (mode, type) => fetch(`${url}/v1/chat/completions`, { method: "POST", mode, body: asked, headers: { "content-type": type } })
    .then((answer) => answer.type === "opaque" ? "opaque" : answer.status, () => "refused");
  const socket = new Promise((done) => {
    const opened = new WebSocket(`${url.replace("http", "ws")}/v1/chat/socket`);
    opened.onopen = () => done("open");
    opened.onerror = () => done("refused");
  });
  return [await post("no-cors", "text/plain"), await post("cors", "application/json"), await socket];
}"""


@contextmanager
def page_at(body: str) -> Iterator[int]:
    """A web page on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost"])
def test_a_page_from_elsewhere_reaches_no_model(
    host: str, scripted_app: App, upstream: Upstream, browser: Browser
) -> None:
    """From another site, from another port of this machine, and under the app's other name."""
    before = len(upstream.seen)
    with page_at("<h1>Win a prize</h1>") as port, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://{host}:{port}/")
        assert page.evaluate(ATTACK, scripted_app.url) == ["opaque", "refused", "refused"]
    assert len(upstream.seen) == before


def test_a_name_that_was_made_to_lead_here_reaches_nothing(
    scripted_app: App, upstream: Upstream, browser: Browser
) -> None:
    """DNS rebinding: for the browser the page and the app are of one origin."""
    before = len(upstream.seen)
    url = scripted_app.url.replace("127.0.0.1", "rebound.example")
    with browser.new_context() as context:
        page = context.new_page()
        answer = page.goto(f"{url}/health/live")
        assert answer is not None
        assert answer.status == 200  # told under any name, and secret from nobody
        assert page.evaluate(ATTACK, url) == [403, 403, "refused"]
    assert len(upstream.seen) == before


def test_a_link_from_elsewhere_opens_the_page(scripted_app: App, browser: Browser) -> None:
    """Which then works as if it had been typed in."""
    with page_at(f'<a href="{scripted_app.url}/">chat</a>') as port, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://evil.example:{port}/")
        page.get_by_role("link").click()
        ask_and_wait(page, "Hello")
        expect(last_answer(page).locator(".prose")).to_have_text("You said: Hello")


@pytest.mark.skipif(
    shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None, reason="nginx is not installed"
)
def test_the_page_works_behind_the_proxy_and_others_do_not(
    scripted_app: App, upstream: Upstream, visit: Visit, browser: Browser, tmp_path: Path
) -> None:
    """The proxy hands on by which name it was called and from which page, and the app judges."""
    inputs, failures = proxy.check(
        {
            "port": free_port(),
            "directory": str(tmp_path / "nginx"),
            "upstreams": {"blue": scripted_app.url.removeprefix("http://")},
            "weights": {"blue": 100},
            "test_upstream": "blue",
        }
    )
    assert not failures
    urn = "urn:pulumi:local::project::machine:index:Proxy::edge"
    resource_id, made = proxy.create(urn, inputs, lambda: False)
    try:
        for url in (made["url"], made["test_url"]):
            page = visit(replace(scripted_app, url=url)).page
            choose(page, "steady")
            ask_and_wait(page, "Hello")
            expect(last_answer(page).locator(".prose")).to_have_text("You said: Hello")
            before = len(upstream.seen)
            with page_at("") as port, browser.new_context() as context:
                page = context.new_page()
                page.goto(f"http://evil.example:{port}/")
                assert page.evaluate(ATTACK, url) == ["opaque", "refused", "refused"]
                rebound = url.replace("127.0.0.1", "rebound.example")
                page.goto(f"{rebound}/health/live")
                assert page.evaluate(ATTACK, rebound) == [403, 403, "refused"]
            assert len(upstream.seen) == before
    finally:
        proxy.delete(resource_id, made)
