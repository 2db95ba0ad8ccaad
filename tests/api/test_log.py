"""The log: one JSON line for each request, without a word of the conversation unless asked for, and never in an answer's way."""

from __future__ import annotations

import json
import logging
import sys

import aiohttp
import pytest

from app.logs import Waiting
from tests.api.process import Process, running_app
from tests.api.serving import routes_to, serving
from tests.api.upstream import Exchange, upstream

SECRET = "the secret plan"
ASKED = {"messages": [{"role": "user", "content": SECRET}]}


async def quoting(exchange: Exchange) -> None:
    """Refuses the request in words that quote it, as vendors do."""
    message = f"invalid content: '{exchange.body['messages'][0]['content']}'"
    await exchange.json({"error": {"message": message, "type": "invalid_request_error"}}, status=400)


async def ask(process: Process, **headers: str) -> None:
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.post(f"{process.url}/v1/chat/completions", json=ASKED) as response,
    ):
        await response.read()


async def test_a_request_leaves_one_line_with_its_attempts() -> None:
    """The line has the id that the caller saw, the key's name and each attempt; it has no key and no text."""
    environment = {"TRIMARAN_API_KEYS": "ci=secret-1"}
    async with upstream() as up, running_app(routes_to(up), environment) as process:
        await ask(process, **{"x-api-key": "secret-1", "x-request-id": "my-id"})
        line = await process.logged("chat ok")
    assert (line["request_id"], line["key"], line["outcome"], line["finish"]) == ("my-id", "ci", "ok", "stop")
    (attempt,) = line["attempts"]
    assert {"backend": "up0", "measured": "reported", "tokens_in": 7, "usd": "0.000034"}.items() <= attempt.items()
    assert SECRET not in json.dumps(process.log)
    assert "secret-1" not in json.dumps(process.log)


@pytest.mark.parametrize(("switch", "told"), [("0", False), ("1", True)])
async def test_text_is_logged_only_when_asked_for(switch: str, told: bool) -> None:
    """Neither the prompt nor a refusal that quotes it is in the log, unless TRIMARAN_LOG_PROMPTS=1."""
    async with upstream(quoting) as up, running_app(routes_to(up), {"TRIMARAN_LOG_PROMPTS": switch}) as process:
        await ask(process)
        line = await process.logged("chat bad_request")
    assert (SECRET in json.dumps(line)) == told
    assert line["attempts"][0]["failure"] == "bad_request"


async def test_a_refusal_without_an_attempt_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    """A request that reached no backend has its line, with what was wrong with it."""
    with caplog.at_level(logging.INFO, "app.request"):
        async with upstream() as up, serving(up) as app, app.post({"messages": []}) as response:
            assert response.status == 400
    (fields,) = [record.__dict__["fields"] for record in caplog.records if record.name == "app.request"]
    assert (fields["outcome"], fields["attempts"]) == ("bad_request", [])


def test_lines_that_nobody_takes_are_dropped_and_counted() -> None:
    """A log that nobody reads costs lines, not answers."""
    waiting = Waiting(limit=1)

    def say(message: str) -> None:
        waiting.handle(logging.LogRecord("x", logging.INFO, "", 0, message, None, None))

    for message in ("one", "two", "three"):
        say(message)
    assert [json.loads(line)["message"] for line in waiting.take()] == ["one"]
    say("four")
    (line,) = waiting.take()
    assert (json.loads(line)["message"], json.loads(line)["dropped_before"]) == ("four", 2)


def test_a_line_that_cannot_be_made_ends_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with it is told on standard error."""
    waiting = Waiting()
    waiting.handle(logging.LogRecord("x", logging.INFO, "", 0, "%d", ("no number",), None))
    assert waiting.take() == []
    assert "Message: '%d'" in capsys.readouterr().err


def test_a_defect_has_its_traceback() -> None:
    """In the line's own field."""
    waiting = Waiting()
    try:
        raise ValueError("odd")
    except ValueError:
        waiting.handle(logging.LogRecord("x", logging.ERROR, "", 0, "failed", None, sys.exc_info()))
    (line,) = waiting.take()
    assert "ValueError: odd" in json.loads(line)["exception"]
