"""What a promotion may do with what its platform tells, and with a right to write that it has lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery.failure import ExitCode, Failure
from delivery.platforms.platform import Address
from delivery.platforms.records import TakenOver
from delivery.promotion import stages
from delivery.promotion.record import Outcome, Promotion
from delivery.promotion.stages import Stages, side_of
from delivery.stack_file import StackFile
from tests.delivery.promotion.reports import states


class Hold:
    """A right to write that may be lost, or on a disk that is full."""

    def __init__(self, failure: Failure | None = None) -> None:
        self.failure = failure
        self.saved: list[str] = []

    def save(self, text: str) -> None:
        if self.failure:
            raise self.failure
        self.saved.append(text)

    def set_aside(self) -> str:
        raise AssertionError("nothing is set aside here")


def rolling_back(root: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch) -> tuple[Stages, list[str]]:
    """A promotion that goes back on a machine where nothing is deployed, and what it did with the engine."""
    done: list[str] = []
    monkeypatch.setattr(stages, "brought_up", lambda root, stack, tell: done.append("up"))
    monkeypatch.setattr(StackFile, "write", lambda self, changes: done.append(f"wrote {changes}"))
    promotion = Promotion.from_json({**states.JUST_MADE, **states.under_way()})
    return Stages(root=root, promotion=promotion, hold=hold, concurrency=1, tell=lambda _: None), done


def test_a_side_is_asked_as_its_platform_says() -> None:
    side = side_of("green", Address(url="http://edge", headers={"x-revision": "green"}, key="secret"))
    assert (side.url, side.all_headers()) == ("http://edge", {"x-revision": "green", "authorization": "Bearer secret"})


def test_what_promote_cannot_give_a_platform_is_refused() -> None:
    """Not asked without it, which would look like a version that fails."""
    with pytest.raises(Failure, match="green wants 'aws_iam' of its callers") as raised:
        side_of("green", Address(url="https://edge", auth="aws_iam"))
    assert raised.value.exit_code == ExitCode.COULD_NOT_MEASURE


def test_whoever_was_taken_over_rolls_nothing_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another command drives the promotion: two would move the traffic against each other."""
    driving, done = rolling_back(root, Hold(TakenOver("local")), monkeypatch)
    with pytest.raises(TakenOver):
        driving.roll_back()
    assert done == []


def test_a_split_that_cannot_be_moved_keeps_green_no_longer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes by a deploy without it, which leads all traffic to blue."""
    hold = Hold()
    driving, done = rolling_back(root, hold, monkeypatch)

    def unknown(_: Any, share: int) -> None:
        raise Failure("the proxy is gone.")

    monkeypatch.setattr(Stages, "_set", unknown)
    driving.roll_back()

    assert done == ["wrote {'candidate': None}", "up"]
    assert (driving.promotion.outcome, driving.promotion.share) == (Outcome.ROLLED_BACK, 0)
    assert hold.saved
