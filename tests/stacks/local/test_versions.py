"""Which versions run on this machine, and how the traffic between them stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stacks.config import ConfigError
from stacks.local.config import LocalConfig
from stacks.local.versions import Version, split_of, versions_of
from stacks.parsing import parse

STABLE = {"systemPrompt": "Be brief.", "modelRevision": "0.1.2"}


def config(**keys: Any) -> LocalConfig:
    found = parse({f"trimaran:{key}": json.dumps(value) for key, value in keys.items()}, "local")
    assert isinstance(found, LocalConfig)
    return found


def versions(**keys: Any) -> dict[str, Version]:
    return versions_of(config(**keys), Path("no-sources"))


def test_without_a_candidate_there_is_blue() -> None:
    """One side."""
    assert list(versions(settings=STABLE)) == ["blue"]


def test_a_candidate_that_takes_over_is_the_same_version() -> None:
    """So its process stays: as green, laid over the stable settings, and later as blue, written out."""
    green = versions(settings=STABLE, candidate={"settings": {"systemPrompt": "Be long."}})["green"]

    assert green == versions(settings={**STABLE, "systemPrompt": "Be long."})["blue"]


def test_a_candidate_can_take_the_prompt_away() -> None:
    """An empty text is named, too."""
    green = versions(settings=STABLE, candidate={"settings": {"systemPrompt": ""}})["green"]

    assert green.routes.settings["systemPrompt"] == ""


@pytest.mark.parametrize(
    ("candidate", "sentence"),
    [
        ({}, r"trimaran:candidate is the same as the stable version \([0-9a-f]{12}\): there is nothing to promote\."),
        ({"settings": {"model": "smollm2-135m-instruct"}}, "is the same as the stable version"),
        ({"image": f"a@sha256:{'0' * 64}"}, "trimaran:candidate.image is set, but the target 'local' runs the source"),
        ({"settings": {"model": "x"}}, "trimaran:candidate.settings.model 'x' is not a model this machine can run"),
    ],
)
def test_a_candidate_that_cannot_be_is_refused(candidate: dict[str, Any], sentence: str) -> None:
    """Nothing to promote, or nothing that runs here."""
    with pytest.raises(ConfigError, match=sentence) as raised:
        versions(settings=STABLE, candidate=candidate)

    assert "candidate" in raised.value.hint


@pytest.mark.parametrize(
    ("in_use", "sides", "expected"),
    [
        (None, ["blue"], {"blue": 100}),
        (None, ["blue", "green"], {"blue": 100, "green": 0}),
        ({"blue": 100}, ["blue", "green"], {"blue": 100, "green": 0}),
        ({"blue": 75, "green": 25}, ["blue", "green"], {"blue": 75, "green": 25}),
        ({"blue": 0, "green": 100}, ["blue", "green"], {"blue": 0, "green": 100}),
        ({"blue": 0, "green": 100}, ["blue"], {"blue": 100}),
        ({"blue": 75, "green": 25}, ["blue"], {"blue": 100}),
        ({"blue": 50, "old": 50}, ["blue", "green"], {"blue": 100, "green": 0}),
        ({"old": 100}, ["blue", "green"], {"blue": 100, "green": 0}),
        ({}, ["blue", "green"], {"blue": 100, "green": 0}),
    ],
)
def test_the_split_stays_as_it_is(in_use: Mapping[str, int] | None, sides: list[str], expected: dict[str, int]) -> None:
    """Only where a side with traffic is gone, or nothing is in use, all goes to blue."""
    assert split_of(in_use, sides) == expected
