"""When models end: the data is whole and dated, and a day that is fixed says who is told of what."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta

import pytest

from catalog.retirements.dates import ALIASES, DATES, PLATFORMS, found, horizon, moves, pin, retirement
from catalog.retirements.routes import PLATFORM_OF, endings, moving, told

TODAY = date(2026, 12, 1)
ROUTES = {
    "a": {"adapter": "openai", "model": "gpt-5-mini-2025-08-07"},
    "b": {"adapter": "anthropic", "model": "claude-sonnet-4-5"},
    "c": {"adapter": "vllm", "model": "gpt-5-mini"},
    "d": {"adapter": "azure_openai", "model": "gpt-5.4"},
}


def rows(path: object) -> list[dict[str, str]]:
    with open(str(path), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows(DATES), ids=lambda row: f"{row['platform']}-{row['model']}-{row['version']}")
def test_each_date_has_its_source_and_says_how_old_it_is(row: dict[str, str]) -> None:
    """A fact without either cannot be checked again."""
    assert row["platform"] in PLATFORMS
    assert row["kind"] in ("announced", "not_before")
    assert row["source"].startswith("https://")
    assert row["seen"] in ("vendor", "quoted")
    assert date.fromisoformat(row["as_of"]) <= TODAY
    assert date(2023, 1, 1) < date.fromisoformat(row["ends"]) < TODAY + timedelta(days=1500)


def test_no_model_stands_there_twice() -> None:
    """Of two dates one would be wrong."""
    keys = [(row["platform"], row["model"], row["version"]) for row in rows(DATES)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("row", rows(ALIASES), ids=lambda row: row["alias"])
def test_an_alias_is_pinned_to_a_version_whose_end_is_known(row: dict[str, str]) -> None:
    """The version's name begins with the alias or has a date in it."""
    assert re.search(r"\d{4}", row["pin"])
    assert found(row["platform"], row["pin"]) is not None, row["pin"]
    assert row["source"].startswith("https://")
    assert row["seen"] in ("vendor", "quoted")


@pytest.mark.parametrize(
    ("platform", "model", "version", "ends"),
    [
        ("openai", "gpt-5-mini-2025-08-07", "", date(2026, 12, 11)),
        ("openai", "gpt-5-mini", "", date(2026, 12, 11)),
        ("azure_openai", "gpt-5-mini", "2025-08-07", date(2027, 2, 6)),
        ("azure_openai", "gpt-5-mini", "2030-01-01", None),
        ("azure_openai", "gpt-5-mini", "", date(2027, 2, 6)),
        ("anthropic", "claude-opus-4-5", "", date(2027, 1, 22)),
        ("anthropic", "claude-sonnet-4-5-20250929", "", None),
        ("bedrock", "anthropic.claude-sonnet-4-20250514-v1:0", "", date(2026, 10, 14)),
        ("bedrock", "eu.anthropic.claude-sonnet-4-20250514-v1:0", "", date(2026, 10, 14)),
        (
            "bedrock",
            "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-20250514-v1:0",
            "",
            date(2026, 10, 14),
        ),
        ("vertex", "publishers/google/models/gemini-2.5-pro", "", date(2026, 10, 20)),
        ("vertex", "gemini-3.5-flash", "", None),
        ("openai", "my-own-model", "", None),
    ],
)
def test_a_model_ends_on_its_platforms_day(platform: str, model: str, version: str, ends: date | None) -> None:
    """What is only said not to end before a day has none, and neither has what nobody knows."""
    assert retirement(platform, model, version) == ends


def test_the_horizon_is_what_comes() -> None:
    """The next first; nothing that has ended, and nothing without an announcement."""
    coming = horizon(TODAY)
    assert [each.ends for each in coming] == sorted(each.ends for each in coming)
    assert all(each.announced and each.ends >= TODAY for each in coming)
    assert "gpt-5.1-codex-max" in [each.model for each in coming]
    assert horizon(TODAY, days=3) == ()


def test_an_alias_names_its_version() -> None:
    """And one that only says so by its end has none to name."""
    assert pin("anthropic", "claude-sonnet-4-5") == "claude-sonnet-4-5-20250929"
    assert (pin("vertex", "gemini-flash-latest"), moves("vertex", "gemini-flash-latest")) == ("", True)
    assert not moves("anthropic", "claude-sonnet-4-5-20250929")


def test_backends_are_told_of_once_each() -> None:
    """A model that ends soon with the day and the source; an alias with the version; a server of one's own with nothing."""
    said = told(ROUTES, TODAY)
    assert len(said) == 2
    assert said[0].startswith(
        "backend 'a': gpt-5-mini-2025-08-07 on openai ends on 2026-12-11, in 10 days; its vendor names gpt-6.1-terra (https://"
    )
    assert said[1] == (
        "backend 'b': claude-sonnet-4-5 is an alias that its vendor moves from one version to the next: "
        "write claude-sonnet-4-5-20250929"
    )


@pytest.mark.parametrize(("before", "is_told"), [(90, False), (89, True), (0, True), (-5, True)])
def test_ninety_days_are_soon(before: int, is_told: bool) -> None:
    """And what has ended is told as well."""
    backends = {"d": ROUTES["d"]}
    said = list(endings(backends, date(2027, 3, 5) - timedelta(days=before)))
    assert bool(said) is is_told


def test_what_is_malformed_is_passed_over() -> None:
    """The routes file's own reader refuses it."""
    assert told({"a": None, "b": {"adapter": "openai"}, "c": {"adapter": 7, "model": 8}}, TODAY) == []
    assert list(moving({"a": {"adapter": "openai", "model": ""}})) == []


def test_each_platform_has_an_adapter() -> None:
    """A platform that no adapter leads to would never be told of."""
    assert set(PLATFORM_OF.values()) == set(PLATFORMS)
