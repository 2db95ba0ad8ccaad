"""A real Chromium, the real app with its embedded model, and the app in front of scripted upstreams."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from providers.machine.ports import free_port
from tests.web.running import App, running
from tests.web.scripts import SCRIPTS
from tests.web.upstream import Upstream, scripted

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
FLAGS.append("--disable-smooth-scrolling")  # so that a turn of the wheel is over when it is seen
FLAGS.append("--host-resolver-rules=MAP *.example 127.0.0.1")  # names that lead to this machine, as anybody's may
KEY = "sk-page-test-1"
PATIENCE_MS = 60_000  # with which the page is waited for: only what never comes takes so long
expect.set_options(timeout=PATIENCE_MS)

ROUTES = """
version: 1
backends:
  gone: {{adapter: openai_compatible, base_url: "http://127.0.0.1:{closed}/v1", model: gone-1}}
  scripted:
    adapter: openai_compatible
    base_url: "{base_url}"
    model: scripted-1
    price: {{input_usd_per_mtok: "2.5", output_usd_per_mtok: "10"}}
models:
  steady: {{backends: [{{use: scripted}}], rescue: false}}
  fallback: {{backends: [{{use: gone}}, {{use: scripted}}]}}
  broken: {{backends: [{{use: gone}}]}}
default_model: steady
"""


@dataclass(slots=True)
class Watched:
    """A page, and what it did that it should not have."""

    page: Page
    app: App
    errors: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def foreign_requests(self) -> list[str]:
        """Requests to anywhere but the app."""
        return [
            request.url
            for request in self.requests
            if not request.url.startswith((f"{self.app.url}/", "data:", "blob:"))
        ]


Visit = Callable[..., Watched]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        pytest.skip("no Chromium on PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens an app's page in a context of its own; the options are those of Playwright's new_context."""
    contexts = []

    def open_page(app: App, **options: Any) -> Watched:
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 760}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        watched = Watched(context.new_page(), app)

        def note(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                watched.errors.append(message.text)

        watched.page.on("console", note)
        watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
        watched.page.on("request", lambda request: watched.requests.append(request))
        watched.page.goto(app.url)
        return watched

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="package")
def real_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app as `serve` starts it: the embedded model answers."""
    with running(tmp_path_factory.mktemp("web") / "real.log") as app:
        yield app


@pytest.fixture(scope="package")
def upstream() -> Iterator[Upstream]:
    with scripted(SCRIPTS) as server:
        yield server


@pytest.fixture(scope="package")
def scripted_app(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    routes = ROUTES.format(base_url=upstream.base_url, closed=free_port())
    with running(tmp_path_factory.mktemp("web") / "scripted.log", ROUTES_YAML=routes) as app:
        yield app


@pytest.fixture(scope="package")
def locked_app(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The same with keys on."""
    routes = ROUTES.format(base_url=upstream.base_url, closed=free_port())
    log: Path = tmp_path_factory.mktemp("web") / "locked.log"
    with running(log, ROUTES_YAML=routes, API_KEYS=f"page={KEY}") as app:
        yield app
