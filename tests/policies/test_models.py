"""Models that end: two weeks before, a deployment stops; an exception with a last day lets it through."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from plan.tokens import UNKNOWN
from policies import Report, judge
from policies.exceptions import Excepted
from tests.policies.plans import container, context, task

ENDS = date(2027, 3, 5)  # gpt-5.4 on Azure OpenAI
ROUTES = "backends: {b: {adapter: azure_openai, model: gpt-5.4}}"


def judged(today: date, *exceptions: Excepted, routes: Any = ROUTES) -> Report:
    asking = container(environment=[{"name": "TRIMARAN_ROUTES_YAML", "value": routes}])
    return judge([task("api", asking)], replace(context(exceptions=exceptions), today=today))


def said(report: Report) -> list[str]:
    return [each.message for each in report.violations if each.rule == "model-in-date"]


@pytest.mark.parametrize(("before", "stops"), [(90, False), (14, False), (13, True), (0, True), (-30, True)])
def test_less_than_two_weeks_stop_a_deployment(before: int, stops: bool) -> None:
    """Earlier it is the app's to tell; a model that has ended answers nobody."""
    report = judged(ENDS - timedelta(days=before))
    assert bool(said(report)) is stops
    assert any("gpt-5.4" in each for each in report.refusals) is stops


def test_the_sentence_has_the_day_the_source_and_what_to_do() -> None:
    """So that nobody needs to look for it."""
    [sentence] = said(judged(ENDS - timedelta(days=10)))
    assert (
        "container 'app': backend 'b': gpt-5.4 (2026-03-05) on azure_openai ends on 2027-03-05, in 10 days" in sentence
    )
    assert "https://github.com/MicrosoftDocs/" in sentence
    assert "Name another model" in sentence


def test_an_exception_lets_it_through_until_its_last_day() -> None:
    """A vendor may have given somebody more time."""
    until = ENDS + timedelta(days=30)
    excepted = Excepted(rule="model-in-date", resource="api", reason="extended by contract", expires=until)
    assert said(judged(ENDS, excepted)) == []
    assert said(judged(until + timedelta(days=1), excepted)) != []


@pytest.mark.parametrize(
    "routes", ["", "[]", "backends: 7", "models: {}", "backends: {b: {adapter: vllm, model: gpt-4o}}"]
)
def test_routes_that_lead_to_no_vendor_pass(routes: str) -> None:
    """What is malformed is refused by the app that reads it."""
    assert said(judged(ENDS, routes=routes)) == []


@pytest.mark.parametrize("routes", [UNKNOWN, "a: b: c"])
def test_routes_that_nobody_can_read_are_undecided(routes: str) -> None:
    """Rather than passed."""
    report = judged(ENDS, routes=routes)
    assert "model-in-date" in [each.rule for each in report.undecided]
