"""How the backends are, on the page: the panel beside the settings, and what an answer says of the way it took."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from providers.machine.ports import free_port
from tests.web.actions import ask_and_wait, choose, figures, last_answer, open_backends, until
from tests.web.conftest import KEY, Visit
from tests.web.running import App, running
from tests.web.scripts import SCRIPTS
from tests.web.test_reach import CONTRASTS
from tests.web.upstream import Upstream, scripted

ROUTES = """
version: 1
backends:
  dead: {{adapter: openai_compatible, base_url: "http://127.0.0.1:{dead}/v1", model: dead-1}}
  gone: {{adapter: openai_compatible, base_url: "http://127.0.0.1:{gone}/v1", model: gone-1}}
  breaking: {{adapter: openai_compatible, base_url: "{base_url}", model: breaking-1, max_running: 4}}
  lasting:
    adapter: vllm
    base_url: "{base_url}"
    model: lasting-1
    capabilities: {{continuation: final_message}}
  small: {{adapter: openai_compatible, base_url: "{base_url}", model: small-1}}
models:
  steady: {{backends: [{{use: lasting}}]}}
  fallback: {{backends: [{{use: dead}}, {{use: lasting}}], retries: 0}}
  rescued: {{backends: [{{use: breaking}}, {{use: lasting}}]}}
  detoured: {{backends: [{{use: gone}}, {{use: breaking}}, {{use: lasting}}], retries: 0}}
  degraded: {{backends: [{{use: gone}}], when_down: [small], retries: 0}}
default_model: steady
"""


def backend(name: str, **state: Any) -> dict[str, Any]:
    usual = {"name": name, "adapter": "openai", "model": f"{name}-1", "weight": 1, "running": 0, "max_running": 64}
    well = {"ready": True, "circuit": "closed", "asked_again_in_s": 0.0, "first_content_s": 0.25}
    return {**usual, **well, "continuation": "none", **state}


EVERY_STATE: dict[str, Any] = {
    "default_model": "steady",
    "models": {
        "steady": {
            "strategy": "failover",
            "sticky": "session",
            "rescue": True,
            "when_down": ["small", "cache"],
            "queued": 3,
            "backends": [
                backend("well", running=2),
                backend("starting", ready=False, first_content_s=None),
                backend("open", circuit="open", asked_again_in_s=40.0, first_content_s=1.52),
                backend("half", circuit="half_open"),
                backend("busy", asked_again_in_s=90.0, running=64),
                backend("long-" * 20, model="vendor/model-" * 12),
            ],
        }
    },
}


@dataclass(frozen=True, slots=True)
class Routed:
    app: App
    dead_port: int


@pytest.fixture
def routed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    """An app of its own for each test: circuits are remembered as long as the app lives."""
    dead = free_port()
    routes = ROUTES.format(base_url=upstream.base_url, dead=dead, gone=free_port())
    with running(tmp_path_factory.mktemp("web") / "routed.log", ROUTES_YAML=routes) as app:
        yield Routed(app, dead)


def tell(page: Page, routes: dict[str, Any]) -> None:
    """From now on the app's word on its backends is ``routes``."""
    body = json.dumps(routes)
    page.route("**/v1/routes", lambda route: route.fulfill(body=body, content_type="application/json"))


# Counts in the page how often it asks, so that a question which is still on its way is counted too.
COUNT_ASKED = """() => {
  const real = window.fetch;
  window.asked = 0;
  window.fetch = (to, ...rest) => {
    window.asked += String(to.url ?? to).endsWith("/v1/routes");
    return real(to, ...rest);
  };
}"""
WAITING = "document.querySelector('#backends [data-part=route]').textContent.match(/Waiting(.*)$/)?.[1]"


def number_answers(page: Page) -> None:
    """From now on the app's words on its backends are numbered from 1, under how many wait."""
    numbers = count(1)

    def answer(route: Route) -> None:
        models = {"steady": {**EVERY_STATE["models"]["steady"], "when_down": [], "queued": next(numbers)}}
        route.fulfill(json={**EVERY_STATE, "models": models})

    page.route("**/v1/routes", answer)


def row(panel: Locator, name: str) -> Locator:
    return panel.locator("li").filter(has=panel.page.locator("strong", has_text=re.compile(f"^{name}$")))


def state(panel: Locator, name: str) -> Locator:
    return row(panel, name).locator(".state")


def test_a_dead_backend_is_shown_as_passed_over_until_it_is_well_again(routed: Routed, visit: Visit) -> None:
    """After three refusals nobody asks it for some seconds; then the next request tries it, and finds that it answers."""
    watched = visit(routed.app)
    page = watched.page
    choose(page, "fallback")
    panel = open_backends(page)
    expect(state(panel, "dead")).to_have_text("ready")

    for _ in range(3):
        ask_and_wait(page, "Hello?")
    expect(state(panel, "dead")).to_have_text(re.compile(r"^passed over for [1-5] s$"))
    expect(state(panel, "lasting")).to_have_text("ready")

    with scripted(SCRIPTS, routed.dead_port):
        expect(state(panel, "dead")).to_have_text("tried by the next request")
        ask_and_wait(page, "Are you back?")
        assert figures(page)["Backend"] == "dead"
        expect(state(panel, "dead")).to_have_text("ready")
    assert watched.errors == []


def test_the_panel_says_who_answers_for_the_chosen_model(routed: Routed, visit: Visit) -> None:
    """In the order of the routes, with how they are asked; the other model's as soon as it is chosen."""
    page = visit(routed.app).page
    choose(page, "rescued")
    ask_and_wait(page, "Hello")

    panel = open_backends(page)
    expect(panel).to_be_focused()
    expect(panel.get_by_role("heading")).to_have_text("Backends of rescued")
    expect(panel.locator("li strong")).to_have_text(["breaking", "lasting"])
    expect(panel.locator(".vendor")).to_have_text(["breaking-1", "lasting-1"])
    expect(row(panel, "breaking")).to_contain_text(re.compile(r"Running0 of 4First token\d+ ms"))
    expect(row(panel, "lasting")).to_contain_text("not known yet")
    expect(panel.locator("[data-part=route]")).to_have_text("Askedin this orderWaiting0")

    page.get_by_label("Model", exact=True).focus()
    choose(page, "degraded")
    expect(panel.locator("li strong")).to_have_text(["gone"])
    expect(panel.locator("[data-part=route]")).to_contain_text("When all are downsmall")


def test_escape_closes_the_panel_alone(scripted_app: App, visit: Visit) -> None:
    """The focus goes back to the button."""
    page = visit(scripted_app).page
    panel = open_backends(page)

    page.keyboard.press("Escape")

    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Backends", exact=True)).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_state_has_a_word(scripted_app: App, visit: Visit, scheme: str) -> None:
    """Not a colour alone; and each word can be read against what lies behind it."""
    page = visit(scripted_app, color_scheme=scheme).page
    tell(page, EVERY_STATE)

    panel = open_backends(page)

    expect(state(panel, "well")).to_have_text("ready")
    expect(state(panel, "starting")).to_have_text("loading")
    expect(state(panel, "open")).to_have_text(re.compile(r"^passed over for (40|39|38) s$"))
    expect(state(panel, "half")).to_have_text("tried by the next request")
    expect(state(panel, "busy")).to_have_text(re.compile(r"^busy, passed over for (90|89|88) s$"))
    assert page.evaluate(CONTRASTS) == []


@pytest.mark.parametrize("width", [320, 360])
def test_the_panel_fits_a_telephone(scripted_app: App, visit: Visit, width: int) -> None:
    """Long names break; what is higher than the screen scrolls."""
    page = visit(scripted_app, viewport={"width": width, "height": 560}).page
    tell(page, EVERY_STATE)

    panel = open_backends(page)

    box = panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= 560
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth && panel.scrollHeight > panel.clientHeight")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.keyboard.press("End")
    expect(panel.locator("li").last).to_be_in_viewport()


def test_the_backends_are_asked_for_only_while_somebody_looks(scripted_app: App, visit: Visit) -> None:
    """On opening and every five seconds; not while the tab is hidden, and not after closing."""
    page = visit(scripted_app).page
    expect(page.get_by_label("Model", exact=True)).to_have_value("steady")
    page.clock.install()
    page.evaluate(COUNT_ASKED)
    number_answers(page)

    def asked(within_s: int) -> int:
        before: int = page.evaluate("asked")
        for _ in range(within_s):
            page.clock.run_for(1000)
            until(page, f"asked === 0 || {WAITING} === String(asked)")  # its answer is shown, and the next pause begun
        return int(page.evaluate("asked")) - before

    def hide(hidden: bool) -> None:
        page.evaluate(
            "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
            " document.dispatchEvent(new Event('visibilitychange')); }",
            hidden,
        )

    assert asked(within_s=12) == 0
    open_backends(page)
    assert asked(within_s=12) == 2
    hide(True)
    assert asked(within_s=12) == 0
    hide(False)
    until(page, f"asked === 4 && {WAITING} === '4'")
    page.keyboard.press("Escape")
    assert asked(within_s=12) == 0


def test_a_failure_to_load_is_told_in_words(scripted_app: App, visit: Visit) -> None:
    """What was known stays, and is said to be old; the next try that succeeds takes that back."""
    page = visit(scripted_app).page
    expect(page.get_by_label("Model", exact=True)).to_have_value("steady")
    panel = page.locator("#backends")
    page.context.set_offline(True)
    page.get_by_role("button", name="Backends", exact=True).click()
    expect(panel.get_by_role("status")).to_have_text(
        "The backends could not be listed: the app cannot be reached. This goes on trying."
    )

    page.context.set_offline(False)
    expect(state(panel, "scripted")).to_have_text("ready")
    expect(panel.get_by_role("status")).to_be_hidden()

    page.context.set_offline(True)
    expect(panel.get_by_role("status")).to_contain_text("no longer up to date")
    expect(state(panel, "scripted")).to_have_text("ready")


def test_without_a_key_the_panel_leads_to_the_dialog(locked_app: App, visit: Visit) -> None:
    """And comes back with the backends once there is one."""
    watched = visit(locked_app)
    page = watched.page
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Not now").click()

    page.get_by_role("button", name="Backends", exact=True).click()
    expect(dialog).to_be_visible()
    expect(page.locator("#backends")).to_be_hidden()
    dialog.get_by_label("API key").fill(KEY)
    page.keyboard.press("Enter")

    expect(page.locator("#backends li strong")).to_have_text(["scripted"])
    sent = [request for request in watched.requests if request.url.endswith("/v1/routes")]
    assert sent[-1].headers["authorization"] == f"Bearer {KEY}"


def test_an_answer_that_was_rescued_says_so(routed: Routed, visit: Visit) -> None:
    """It broke off at one backend and went on at another: one text, and both names."""
    page = visit(routed.app).page
    choose(page, "rescued")

    answer = ask_and_wait(page, "break off")

    expect(answer.locator(".prose")).to_have_text("A trimaran has three hulls.")
    expect(answer.locator(".detour")).to_have_text("Continued on another backend")
    assert figures(page)["Backend"] == "breaking, then lasting"


def test_failing_over_and_going_on_are_told_apart(routed: Routed, visit: Visit) -> None:
    """The attempt that answered first is counted, not the one that went on."""
    page = visit(routed.app).page
    choose(page, "detoured")

    answer = ask_and_wait(page, "break off")

    expect(answer.locator(".detour")).to_have_text(["Failed over: attempt 2 answered", "Continued on another backend"])


def test_the_same_backend_going_on_is_not_called_another(routed: Routed, visit: Visit) -> None:
    """With nobody else there it is asked again itself."""
    page = visit(routed.app).page

    answer = ask_and_wait(page, "break off")

    expect(answer.locator(".detour")).to_have_text("Continued after a break")
    assert figures(page)["Backend"] == "lasting"


def test_an_ordinary_answer_says_nothing_of_a_detour(routed: Routed, visit: Visit) -> None:
    """Calm is the rule."""
    page = visit(routed.app).page

    ask_and_wait(page, "Hello")

    expect(last_answer(page).locator(".detours")).to_be_hidden()


def test_a_stand_in_is_named(routed: Routed, visit: Visit) -> None:
    """The model's own backends are down, and the route's last resort answers."""
    page = visit(routed.app).page
    choose(page, "degraded")

    answer = ask_and_wait(page, "Hello")

    expect(answer.locator(".detour")).to_have_text("Answered by a stand-in: small")
    assert figures(page)["Backend"] == "small"
