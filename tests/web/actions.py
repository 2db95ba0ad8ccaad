"""What a person does on the page, and what they then see."""

from __future__ import annotations

import time

from playwright.sync_api import Locator, Page


def ask(page: Page, question: str) -> None:
    """Types the question where the focus is put, and sends it by keyboard."""
    page.get_by_label("Your question", exact=True).focus()
    page.keyboard.insert_text(question)
    page.keyboard.press("Enter")


def ask_and_wait(page: Page, question: str) -> Locator:
    """The answer's part of the page once the answer is over."""
    ask(page, question)
    wait_for(page, "complete", "failed")
    return last_answer(page)


def wait_for(page: Page, *states: str) -> None:
    page.locator(", ".join(f'.turn:last-child[data-state="{state}"]' for state in states)).wait_for()


def last_answer(page: Page) -> Locator:
    return page.locator(".turn").last.locator(".answer")


def figures(page: Page) -> dict[str, str]:
    """The last answer's figures by their labels."""
    pairs = last_answer(page).locator(".figures div")
    return {pair.locator("dt").inner_text().rstrip(":"): pair.locator("dd").inner_text() for pair in pairs.all()}


def choose(page: Page, model: str) -> None:
    page.get_by_label("Model", exact=True).select_option(model)


def until(page: Page, condition: str, within_s: float = 60.0) -> None:
    """Waits for a JavaScript condition; Playwright's own way needs eval, which the page's policy forbids."""
    end = time.monotonic() + within_s
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never came true: {condition}"
        page.wait_for_timeout(10)


def focus_start(page: Page) -> None:
    """Puts the focus before the page's first control."""
    page.evaluate(
        "() => { const { body } = document; body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex'); }"
    )


def open_backends(page: Page) -> Locator:
    """The panel, opened by keyboard."""
    page.get_by_role("button", name="Backends", exact=True).focus()
    page.keyboard.press("Enter")
    panel = page.locator("#backends")
    panel.locator("li").first.wait_for()
    return panel
