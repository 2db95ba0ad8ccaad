"""An app with keys: the page asks, tells a wrong key from a right one, and keeps it for the tab alone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web.actions import ask_and_wait, last_answer, wait_for
from tests.web.conftest import KEY, Visit
from tests.web.running import App


def test_a_wrong_key_is_refused_and_a_right_one_is_kept_for_the_tab(locked_app: App, visit: Visit) -> None:
    """It goes out as a header, is in no address, and survives a reload but not the tab."""
    watched = visit(locked_app)
    page = watched.page
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("API key")).to_be_focused()

    page.keyboard.type("sk-wrong")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("This key was not accepted. The server says: the request's key is not valid")
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")

    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Model", exact=True)).to_have_value("steady")
    ask_and_wait(page, "Hello")
    expect(last_answer(page).locator(".prose")).to_have_text("You said: Hello")
    sent = [request for request in watched.requests if "/v1/chat" in request.url]
    assert sent[-1].headers["authorization"] == f"Bearer {KEY}"
    assert not [request.url for request in watched.requests if KEY in request.url]
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]
    page.reload()
    expect(page.get_by_label("Model", exact=True)).to_have_value("steady")


def test_without_a_key_the_page_says_so_and_asks_again_when_wanted(locked_app: App, visit: Visit) -> None:
    """Escape closes the dialog; a question without a key opens it, and is answered once there is one."""
    page = visit(locked_app).page
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("This app answers to those who have a key.")).to_be_visible()

    ask_and_wait(page, "Hello")
    expect(last_answer(page).locator(".problem")).to_contain_text("A valid key is needed")
    dialog.get_by_label("API key").fill(KEY)
    dialog.get_by_role("button", name="Use this key").click()

    wait_for(page, "complete")
    expect(last_answer(page).locator(".prose")).to_have_text("You said: Hello")
    expect(page.get_by_label("Your question", exact=True)).to_be_focused()


def test_the_key_can_be_forgotten(locked_app: App, visit: Visit) -> None:
    """The settings offer it while there is one."""
    page = visit(locked_app).page
    page.get_by_label("API key").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Forget the API key").click()

    expect(page.get_by_role("dialog")).to_contain_text("This app asks for a key")
    assert page.evaluate("sessionStorage.length") == 0
