"""Asking and reading: the answer streams, can be stopped, says where it came from, and a failure is told in words."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.web.actions import ask, ask_and_wait, choose, figures, last_answer, wait_for
from tests.web.conftest import Visit
from tests.web.running import App
from tests.web.upstream import Upstream

WATCH = """
window.lengths = [];
new MutationObserver(() => lengths.push(document.querySelector(".prose")?.textContent.length ?? 0))
  .observe(document.getElementById("conversation"), {subtree: true, childList: true, characterData: true});
"""


def test_the_page_loads_cleanly(real_app: App, visit: Visit) -> None:
    """No error in the console, no request to another host, and the focus is where the question goes."""
    watched = visit(real_app)

    expect(watched.page.get_by_label("Model", exact=True)).to_have_value("chat")
    expect(watched.page.get_by_label("Your question", exact=True)).to_be_focused()
    assert watched.errors == []
    assert watched.foreign_requests == []


def test_a_question_sent_by_keyboard_is_answered_by_the_real_model(real_app: App, visit: Visit) -> None:
    """The text grows while the model writes; then its figures are there."""
    watched = visit(real_app)
    page = watched.page
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Temperature").fill("0")  # the same few words each time
    page.keyboard.press("Escape")
    page.evaluate(WATCH)

    ask_and_wait(page, "Say hello.")

    lengths = [length for length in page.evaluate("lengths") if length]
    assert len(set(lengths)) >= 3
    assert lengths == sorted(lengths)
    shown = figures(page)
    assert shown["Backend"] == "embedded"
    assert re.fullmatch(r"\d+ ms|\d+\.\d+ s", shown["First token"])
    assert re.fullmatch(r"[\d,.]+ tokens/s", shown["Speed"])
    assert re.fullmatch(r"[\d,]+ in, [\d,]+ out", shown["Tokens"])
    assert shown["Cost"] == "$0"
    expect(last_answer(page).locator(".detour")).to_be_hidden()
    assert watched.errors == []


def test_figures_are_those_that_the_server_counted(scripted_app: App, visit: Visit) -> None:
    """1,234 tokens in at $2.5 and 56 out at $10 per million make $0.003645."""
    page = visit(scripted_app).page

    ask_and_wait(page, "markdown")

    shown = figures(page)
    assert (shown["Backend"], shown["Tokens"], shown["Cost"]) == ("scripted", "1,234 in, 56 out", "$0.0036")


def test_escape_stops_the_answer_and_the_server_notices(scripted_app: App, visit: Visit) -> None:
    """What was written stays; what was not counted is not made up."""
    page = visit(scripted_app).page
    ask(page, "unending")
    expect(last_answer(page)).to_contain_text("word word word")

    page.keyboard.press("Escape")

    wait_for(page, "stopped")
    expect(last_answer(page)).to_contain_text("You stopped this answer.")
    assert figures(page)["Cost"] == "unknown"
    assert scripted_app.logged(outcome="client_gone")["stream"] is True


def test_the_stop_button_stops_before_the_first_token_too(scripted_app: App, visit: Visit) -> None:
    """Send and Stop are one button, so the focus has somewhere to stay."""
    page = visit(scripted_app).page
    ask(page, "late")
    wait_for(page, "waiting")

    page.get_by_role("button", name="Stop the answer").click()

    wait_for(page, "stopped")
    expect(last_answer(page)).to_contain_text("before it began")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_focused()


def test_a_question_may_have_several_lines(scripted_app: App, upstream: Upstream, visit: Visit) -> None:
    """Shift+Enter starts a line, Enter sends; nothing is sent while there is only white space."""
    page = visit(scripted_app).page
    page.keyboard.press("Enter")
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")

    wait_for(page, "complete")

    assert upstream.seen[-1]["messages"] == [{"role": "user", "content": "one\ntwo"}]
    expect(page.locator(".turn")).to_have_count(1)


def test_failing_over_is_shown(scripted_app: App, visit: Visit) -> None:
    """The first backend refuses the connection, the second answers."""
    page = visit(scripted_app).page
    choose(page, "fallback")

    ask_and_wait(page, "Anyone there?")

    expect(last_answer(page).locator(".detour")).to_have_text("Failed over: attempt 2 answered")
    assert figures(page)["Backend"] == "scripted"


def test_a_refusal_is_told_in_words(scripted_app: App, visit: Visit) -> None:
    """What happened, what the server said of it, and the request's id to quote."""
    page = visit(scripted_app).page
    choose(page, "broken")

    answer = ask_and_wait(page, "Hello?")

    expect(answer.locator(".problem")).to_contain_text("No backend could be reached")
    expect(answer.locator(".problem")).to_contain_text("backend 'gone' at http://127.0.0.1")
    request_id = scripted_app.logged(outcome="unreachable")["request_id"]
    expect(answer.locator(".problem")).to_contain_text(f"Request {request_id}")


def test_a_busy_backends_own_sentence_is_shown(scripted_app: App, visit: Visit) -> None:
    """The vendor's words are passed on."""
    page = visit(scripted_app).page

    answer = ask_and_wait(page, "overloaded")

    expect(answer.locator(".problem")).to_contain_text("the engine is out of memory")


def test_an_answer_that_breaks_off_keeps_its_text_and_says_so(scripted_app: App, visit: Visit) -> None:
    """The error comes as an event, after text; the text is not passed off as an answer."""
    page = visit(scripted_app).page

    answer = ask_and_wait(page, "cut")

    expect(answer.locator(".prose")).to_have_text("This sentence will never")
    expect(answer.locator(".problem")).to_contain_text("The answer broke off")


def test_an_answer_at_the_token_limit_says_so(scripted_app: App, visit: Visit) -> None:
    """It is complete for the server, not for the reader."""
    page = visit(scripted_app).page

    answer = ask_and_wait(page, "limit")

    expect(answer).to_contain_text("it reached the limit of tokens")


def test_an_app_that_is_gone_is_told_in_words(scripted_app: App, visit: Visit) -> None:
    """A dead connection is no silence."""
    page = visit(scripted_app).page
    expect(page.get_by_label("Model", exact=True)).to_have_value("steady")
    page.context.set_offline(True)

    answer = ask_and_wait(page, "Hello?")

    expect(answer.locator(".problem")).to_contain_text("The server cannot be reached")


def test_retry_asks_the_same_question_again(scripted_app: App, upstream: Upstream, visit: Visit) -> None:
    """The failed answer is replaced; another model may be chosen meanwhile."""
    page = visit(scripted_app).page
    choose(page, "broken")
    ask_and_wait(page, "Hello?")

    choose(page, "steady")
    page.get_by_role("button", name="Retry").click()

    wait_for(page, "complete")
    expect(last_answer(page).locator(".prose")).to_have_text("You said: Hello?")
    expect(page.locator(".turn")).to_have_count(1)
    assert upstream.seen[-1]["messages"] == [{"role": "user", "content": "Hello?"}]


def test_the_model_is_told_the_conversation_and_the_settings(
    scripted_app: App, upstream: Upstream, visit: Visit
) -> None:
    """Failed turns are left out; an empty temperature is not sent."""
    page = visit(scripted_app).page
    ask_and_wait(page, "First")
    ask_and_wait(page, "cut")
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("System prompt").fill("Be brief.")
    page.get_by_label("Temperature").fill("0.3")
    page.keyboard.press("Escape")

    ask_and_wait(page, "Second")

    assert "temperature" not in upstream.seen[-2]
    assert upstream.seen[-1]["temperature"] == 0.3
    assert upstream.seen[-1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "You said: First"},
        {"role": "user", "content": "Second"},
    ]


def test_a_new_conversation_forgets_the_old_one(scripted_app: App, upstream: Upstream, visit: Visit) -> None:
    """An answer that still streams is stopped."""
    page = visit(scripted_app).page
    ask(page, "unending")
    expect(last_answer(page)).to_contain_text("word word")

    page.get_by_role("button", name="New conversation").click()
    ask_and_wait(page, "Fresh")

    expect(page.locator(".turn")).to_have_count(1)
    assert upstream.seen[-1]["messages"] == [{"role": "user", "content": "Fresh"}]


def test_the_answer_can_be_copied_as_it_was_written(scripted_app: App, visit: Visit) -> None:
    """The Markdown, not what it looks like; a block of code without its fence."""
    page = visit(scripted_app, permissions=["clipboard-read", "clipboard-write"]).page
    answer = ask_and_wait(page, "markdown")

    answer.locator(".copy").click()
    expect(answer.locator(".copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("A **queue** hands out")
    answer.locator(".code-bar").get_by_role("button").click()
    expect(answer.locator(".code-bar").get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("from collections import deque\n")
