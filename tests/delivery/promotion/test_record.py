"""A promotion's record: what is written is read again, by this version and from the one before; nonsense is no dead end."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from delivery.failure import Failure
from delivery.platforms.files import FileRecords
from delivery.promotion import command, record, stages
from delivery.promotion.record import Promotion
from tests.delivery.promotion.judging.made import counts
from tests.delivery.promotion.reports import states


def store(root: Path) -> FileRecords:
    return FileRecords(directory=root / ".trimaran/promotions", stack="local")


def written(root: Path, state: dict[str, Any] | str) -> FileRecords:
    found = store(root)
    with found.hold() as hold:
        hold.save(state if isinstance(state, str) else json.dumps(state))
    return found


@pytest.mark.parametrize("make", [states.promoted, states.rolled_back, states.under_way, states.just_begun])
def test_what_is_written_is_read_again(make: Any) -> None:
    """Every key and number."""
    state = {**states.JUST_MADE, **make(), "pairs": {"usd": [2, 0.5, 0.25]}}
    assert json.loads(json.dumps(Promotion.from_json(state).as_json())) == json.loads(json.dumps(state))


def test_a_record_says_when_it_was_written(root: Path) -> None:
    promotion = Promotion.from_json({**states.JUST_MADE, **states.under_way(), "updated_at": ""})
    with store(root).hold() as hold:
        record.save(hold, promotion)
    read = record.load(store(root), "local")
    assert read is not None
    assert read == promotion
    assert read.updated_at.endswith("Z")


def test_an_observation_of_two_readings_is_over_and_kept(root: Path) -> None:
    """As the version before wrote it: its counters since the warm-up are a window, and the step warms up again."""
    past = states.under_way()["steps"][0]["judgement"]["windows"]
    began, baseline, latest = ({side: asdict(counts(base + add)) for side, base in SIDES} for add in (0, 20, 120))
    old = {
        "share": 25,
        "began": began,
        "baseline": baseline,
        "latest": latest,
        "running": {side: {"count": 4, "sum": 6.0, "squares": 10.0} for side, _ in SIDES},
        "past": past,
        "problem": "",
    }
    state = {**states.JUST_MADE, **states.under_way(), "observation": old}

    read = record.load(written(root, state), "local")
    warming = record.load(written(root, {**state, "observation": {**old, "baseline": None}}), "local")

    assert read is not None
    assert warming is not None
    assert read.observation is None
    assert [window.as_json() for window in read.past[:-1]] == past
    last = read.past[-1]
    assert last.blue is not None
    assert (last.share, last.green.requests, last.blue.requests, last.green.running) == (25, 100, 100, 1.5)
    assert (warming.observation, len(warming.past)) == (None, len(past))


SIDES = (("blue", 5000), ("green", 300))


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "trimaran.promotion/1"}', '{"id": 1', "\x00"])
def test_a_record_that_cannot_be_understood_is_refused_with_what_to_do(root: Path, text: str) -> None:
    with pytest.raises(Failure, match=r"local\.json cannot be understood") as raised:
        record.load(written(root, text), "local")
    assert raised.value.hint.endswith("./trimaran rollback local")


@pytest.fixture
def taken_back(monkeypatch: pytest.MonkeyPatch) -> list[Promotion | None]:
    """The promotions that were taken back, on a machine where nothing is deployed."""
    asked: list[Promotion | None] = []
    monkeypatch.setattr(stages, "taken_back", lambda root, stack, promotion, hold, tell: asked.append(promotion))
    return asked


def test_what_to_do_can_be_done(
    root: Path, taken_back: list[Promotion | None], capsys: pytest.CaptureFixture[str]
) -> None:
    """`rollback` sets such a record aside, says where it is, and takes the traffic back by what config says."""
    found = written(root, '{"schema": "trimaran.promotion/9", "previous": {"model": "what blue was"}}')
    text = found.load()

    command.rollback(root, "local")

    assert (taken_back, found.load(), found.is_held()) == ([None], None, False)
    (aside,) = found.directory.glob("local.json.unreadable-*")
    assert aside.read_text() == text
    assert str(aside) in capsys.readouterr().err


def test_a_record_that_cannot_be_read_just_now_stays_and_nothing_is_taken_back(
    root: Path, taken_back: list[Promotion | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may say what blue was."""
    found = written(root, {**states.JUST_MADE, **states.promoted()})
    text = found.load()

    read = Path.read_text

    def broken(path: Path, **how: Any) -> str:
        if path == found.path:
            raise OSError(5, "Input/output error")
        return read(path, **how)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "read_text", broken)
        with pytest.raises(Failure, match=r"local\.json cannot be read: Input/output error"):
            command.rollback(root, "local")

    assert (taken_back, found.load()) == ([], text)
    assert [each.name for each in found.directory.glob("*.json*")] == ["local.json"]


@pytest.mark.parametrize("stack", ["aws-ecs-dev", "aws-foundation-prod"])
def test_a_target_that_cannot_be_promoted_is_refused_in_one_sentence(root: Path, stack: str) -> None:
    """Neither forth nor back, and before anything else is looked at."""
    refused = rf"target '{stack.rpartition('-')[0]}' cannot be promoted yet: only 'local' can\."
    with pytest.raises(Failure, match=refused):
        command.promote(
            root, stack, settings=[], image="", suite="none", only_plan=False, watching=False, as_json=False
        )
    with pytest.raises(Failure, match=refused):
        command.rollback(root, stack)
