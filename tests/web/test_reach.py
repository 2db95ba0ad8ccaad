"""Everyone can use the page: by keyboard, on a telephone, in the dark, with a screen reader, while it moves."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.actions import ask, ask_and_wait, choose, focus_start, last_answer, until, wait_for
from tests.web.conftest import Visit
from tests.web.running import App
from tests.web.scripts import LONG
from tests.web.upstream import Upstream

FOCUSED = """() => {
  const { activeElement: at } = document;
  return at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent.trim();
}"""

# The contrast of each text with what lies behind it, by WCAG 2.2's formula.
CONTRASTS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const back = rgb(getComputedStyle(at).backgroundColor);
      if (back.length < 4 || back[3] === 1) return back;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!(own || element.localName === "svg") || !element.checkVisibility({ visibilityProperty: true })) continue;
    const [one, two] = [luminance(rgb(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) found.push([element.className, element.textContent.slice(0, 40), ratio]);
  }
  const field = document.getElementById("question");
  const [one, two] = [getComputedStyle(field, "::placeholder").color, getComputedStyle(document.body).backgroundColor];
  const pair = [luminance(rgb(one)), luminance(rgb(two))];
  const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (ratio < 4.5) found.push(["placeholder", "", ratio]);
  return found;
}"""

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 640}}


def fill_with_everything(page: Page) -> None:
    """Every kind of thing that the conversation can show."""
    ask_and_wait(page, "markdown")
    ask_and_wait(page, "hostile")
    choose(page, "fallback")
    ask_and_wait(page, "a" * 300)
    ask_and_wait(page, "limit")
    choose(page, "broken")
    ask_and_wait(page, "Hello?")


def test_the_keyboard_reaches_everything_in_reading_order(scripted_app: App, visit: Visit) -> None:
    """From the top: over the bar and the suggestions to the question and Send; each shows that it has the focus."""
    page = visit(scripted_app).page
    expect(page.get_by_label("Model", exact=True)).to_be_enabled()
    focus_start(page)
    order = []
    for _ in range(10):
        page.keyboard.press("Tab")
        order.append(page.evaluate(FOCUSED))
        if order[-1] != "Your question":  # there the whole field is framed
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"

    assert order == [
        "Skip to the question field",
        "Model",
        "Backends",
        "Settings",
        "New conversation",
        "Explain what a trimaran is, in two sentences",
        "Write a short poem about the sea",
        "Write a Python function that reverses a list",
        "Your question",
        "Send",
    ]


def test_the_skip_link_leads_to_the_question(scripted_app: App, visit: Visit) -> None:
    """Past all the buttons of a long conversation."""
    page = visit(scripted_app).page
    focus_start(page)

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_label("Your question", exact=True)).to_be_focused()


def test_settings_open_and_close_by_keyboard(scripted_app: App, visit: Visit) -> None:
    """Escape closes them and gives the focus back; a running answer goes on."""
    page = visit(scripted_app).page
    ask(page, "unending")
    wait_for(page, "writing")
    page.get_by_role("button", name="Settings").focus()

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("System prompt")).to_be_focused()
    page.keyboard.press("Escape")

    expect(page.get_by_label("System prompt")).to_be_hidden()
    expect(page.get_by_role("button", name="Settings")).to_be_focused()
    wait_for(page, "writing")


def test_finished_parts_of_an_answer_are_spoken_once(scripted_app: App, visit: Visit) -> None:
    """The live region gets whole blocks, and code by name; the growing text itself is not live."""
    page = visit(scripted_app).page

    ask_and_wait(page, "markdown")

    spoken = page.locator("#spoken > p").all_inner_texts()
    assert len(spoken) == 7
    assert spoken[0] == "A queue hands out what came first; a stack what came last."
    assert "A block of code." in spoken
    assert page.locator("#conversation").evaluate("each => each.closest('[aria-live]')") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(scripted_app: App, visit: Visit, scheme: str) -> None:
    """WCAG AA: 4.5 to 1."""
    page = visit(scripted_app, color_scheme=scheme).page
    page.keyboard.press("Escape")

    assert page.evaluate(CONTRASTS) == []
    fill_with_everything(page)
    assert page.evaluate(CONTRASTS) == []


def test_dark_and_light_follow_the_system(scripted_app: App, visit: Visit) -> None:
    """No switch of its own."""
    backgrounds = [
        visit(scripted_app, color_scheme=scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]

    assert backgrounds == ["rgb(255, 255, 255)", "rgb(18, 23, 27)"]


def test_nothing_is_wider_than_a_telephone(scripted_app: App, visit: Visit) -> None:
    """Long words break; wide code and tables scroll on their own."""
    page = visit(scripted_app, **PHONE).page
    widths = "[document.documentElement.scrollWidth, document.getElementById('scroller').scrollWidth <= 360]"
    assert page.evaluate(widths) == [360, True]

    fill_with_everything(page)

    assert page.evaluate(widths) == [360, True]
    overflowing = page.evaluate("""() => [...document.querySelectorAll("#conversation *, footer *, .bar *")]
      .filter((each) => each.getBoundingClientRect().right > 360 && !each.closest("pre, .wide, .unseen"))
      .map((each) => each.className)""")
    assert overflowing == []
    page.get_by_role("button", name="Settings").click()
    box = page.locator("#settings").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


def test_the_view_follows_the_answer_until_the_reader_scrolls_away(
    scripted_app: App, upstream: Upstream, visit: Visit
) -> None:
    """And again after they came back; the wheel is turned while the page moves."""
    page = visit(scripted_app).page
    top = "document.getElementById('scroller').scrollTop"
    gap = "(() => { const s = document.getElementById('scroller'); return s.scrollHeight - s.scrollTop - s.clientHeight })()"
    ask(page, "long")
    expect(last_answer(page)).to_contain_text(LONG[19].strip())
    until(page, f"{top} > 600 && {gap} < 2")

    page.mouse.move(500, 300)
    upstream.go_on()
    page.mouse.wheel(0, -120)
    until(page, f"{gap} > 100")
    expect(last_answer(page)).to_contain_text(LONG[39].strip())
    left_at = page.evaluate(top)
    upstream.go_on()
    expect(last_answer(page)).to_contain_text(LONG[59].strip())
    assert page.evaluate(top) == left_at

    page.get_by_role("button", name="Latest").click()
    upstream.go_on()
    wait_for(page, "complete")
    until(page, f"{gap} < 2")
    expect(last_answer(page)).to_contain_text(LONG[79].strip())
    expect(page.get_by_role("button", name="Latest")).to_be_hidden()


def test_a_small_turn_of_the_wheel_counts_while_the_answer_grows_by_more(scripted_app: App, visit: Visit) -> None:
    """Also between the growing and the event that tells of it, as on a machine that is busy."""
    page = visit(scripted_app).page

    tops = page.evaluate("""async () => {
      const { Follow } = await import("/web/follow.js");
      const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const scroller = document.createElement("div");
      const content = scroller.appendChild(document.createElement("div"));
      scroller.style = "position: fixed; overflow: auto; height: 200px; width: 200px";
      document.body.append(scroller);
      const follow = new Follow(scroller, document.createElement("button"));
      const grow = (height) => { content.style.height = `${height}px`; follow.keep(); return scroller.scrollTop; };
      const before = grow(1000);
      await frames();
      const grown = grow(1300);
      scroller.scrollTop -= 120;
      await frames();
      return [before, grown, grow(1600)];
    }""")

    assert tops == [800, 1100, 980]


def test_nothing_moves_while_the_page_loads(scripted_app: App, visit: Visit) -> None:
    """The models' names arrive late, into room that was kept for them."""
    page = visit(scripted_app).page
    expect(page.get_by_label("Model", exact=True)).to_have_value("steady")

    shifts = page.evaluate("""() => new Promise((done) => {
      new PerformanceObserver((list) => done(list.getEntries().map((each) => each.value)))
        .observe({ type: "layout-shift", buffered: true });
      setTimeout(() => done([]), 300);
    })""")

    assert shifts == []


def test_reduced_motion_is_respected(scripted_app: App, visit: Visit) -> None:
    """The mark that waits stands still."""
    page = visit(scripted_app, reduced_motion="reduce").page

    ask(page, "late")

    expect(last_answer(page).locator(".waiting")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
