"""What the app says at start of models that end: one line each, by a day that is fixed."""

from __future__ import annotations

from datetime import date

import aiohttp
import pytest

from app import routing
from app.logic.routes import parse
from app.routing import Routing, read_routes, tell_endings
from app.settings import from_environment

ROUTES = """
version: 1
backends:
  a: {adapter: openai, model: gpt-5-mini-2025-08-07}
  b: {adapter: anthropic, model: claude-sonnet-4-5}
  c: {adapter: vllm, model: gpt-5-mini-2025-08-07}
models: {chat: {backends: [{use: a}, {use: b}, {use: c}]}}
"""
KEYS = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}


@pytest.mark.parametrize(("today", "lines"), [(date(2026, 12, 1), 2), (date(2026, 6, 1), 1)])
def test_a_model_that_ends_soon_and_an_alias_are_told(
    today: date, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A server of one's own ends when its owner says so."""
    tell_endings(parse(ROUTES, "routes.yaml"), today)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == lines
    assert "write claude-sonnet-4-5-20250929" in said[-1]
    assert all(record.levelname == "WARNING" for record in caplog.records)


async def test_the_app_tells_it_when_it_starts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the first request, with the day and the source."""
    monkeypatch.setattr(routing, "_today", lambda: date(2026, 12, 1))
    settings = from_environment({"TRIMARAN_ROUTES_YAML": ROUTES})
    async with aiohttp.ClientSession() as session:
        await Routing(settings, read_routes(settings), session, KEYS).aclose()
    assert "gpt-5-mini-2025-08-07 on openai ends on 2026-12-11, in 10 days" in caplog.text
    assert "https://developers.openai.com/api/docs/deprecations" in caplog.text
