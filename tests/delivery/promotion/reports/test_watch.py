"""The live view fits any width, says where the promotion is, and keeps quiet where nobody looks."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from delivery.promotion.reports import watch
from delivery.promotion.reports.screen import view
from tests.delivery.promotion.reports import states

NOW_S = states.BEGAN_S + 150.0


def drawn(state: dict[str, Any], width: int, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(view(state, width, NOW_S))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("make", [states.promoted, states.rolled_back, states.under_way, states.just_begun])
def test_it_fits_the_width_and_nothing_wraps(make: Any, width: int) -> None:
    """A measure is a line, and all of it has room in a terminal of 24."""
    state = make()
    lines = drawn(state, width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 23
    last = "adopt" if make is not states.rolled_back else "roll back"
    assert all(
        phase in " ".join(lines[2:4]) for phase in ("prepare", "deploy", "smoke", "compare", "traffic", last, "done")
    )
    measures = state["steps"][-1]["judgement"]["measures"] if state["steps"] else []
    for each in measures:
        [line] = [line for line in lines if line.startswith(f"{each['name'].replace('_', ' ')}  ")]
        assert line.split("  ")[1:], line


def test_it_says_where_it_is() -> None:
    """Revisions, time so far, the split, the phase under way, and the verdict of each measure."""
    shown = drawn(states.under_way(), 120)
    assert "local local-81d0e7c4 → local-3f9c2ab1  2 min 30 s" in shown
    assert "✓ compare  ● traffic  · adopt  · done" in shown
    assert "not enough evidence" in shown
    bar = next(line for line in shown.splitlines() if line.startswith("blue  75 %"))
    assert bar.count("█") == pytest.approx(3 * bar.count("▒"), abs=3)


def test_a_rollback_shows_what_it_left_out() -> None:
    """After a failed smoke suite nothing was compared, and nobody had green's answers."""
    state = states.rolled_back()
    kept = [each for each in state["history"] if each["phase"] not in ("compare", "traffic")]
    shown = drawn({**state, "history": kept, "phase": "roll_back", "outcome": None}, 120)
    assert "✓ smoke  – compare  – traffic  ● roll back  · done" in shown


@pytest.mark.parametrize("share", [1, 99])
def test_a_side_with_any_traffic_has_a_block(share: int) -> None:
    """One percent is not none."""
    bar = next(line for line in drawn({**states.under_way(), "share": share}, 60).splitlines() if "% green" in line)
    assert "█" in bar
    assert "▒" in bar


def test_the_chart_has_both_sides_in_one_scale() -> None:
    """Green is slower in the second step: its area is higher; the label has the last value."""
    lines = drawn(states.under_way(), 120).splitlines()
    blue, green = (
        next(place for place, line in enumerate(lines) if line.startswith(f"{side} ") and "ms" in line)
        for side in ("blue", "green")
    )
    assert sum(map(_height, lines[green][-40:])) > 2 * sum(map(_height, lines[blue][-40:]))
    last = states.under_way()["series"][-1]["first_token_s"]
    assert f"green {last['green'] * 1000:.0f} ms" in lines[green]


def test_requests_a_second_are_of_the_last_moment() -> None:
    """From the difference of two counts; unknown where a step began and counting with it."""
    state = states.under_way()
    before, now = state["series"][-2:]
    now["requests"] = {"blue": before["requests"]["blue"] + 30, "green": before["requests"]["green"] + 12}
    now["at"] = before["at"] + 2
    assert "\n21 req/s " in drawn(state, 80)
    assert "req/s" not in drawn({**state, "series": []}, 80)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without it there is colour, so that this test can fail."""
    assert "\x1b[3" in drawn(states.under_way(), 80, force_terminal=True, _environ={"TERM": "xterm"})
    shown = drawn(states.under_way(), 80, force_terminal=True, _environ={"TERM": "xterm", "NO_COLOR": "1"})
    assert "\x1b[3" not in shown


def test_it_is_silent_where_standard_error_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A log is not drawn over."""
    with watch.Watching() as live:
        live.show(states.under_way())
    assert not live.is_shown
    assert capsys.readouterr() == ("", "")


def test_following_ends_with_the_outcome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe each line of the history is said once, on standard error, from before there is a record until the end."""
    monkeypatch.setattr(watch, "FOLLOW_EVERY_S", 0.001)
    whole = states.rolled_back()
    later = [{**whole, "history": whole["history"][:count], "phase": "traffic", "outcome": None} for count in (2, 2, 5)]
    records = iter([None, *map(json.dumps, [*later, whole])])

    watch.follow(lambda: next(records))  # raises when it is asked again after the end

    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split()[0] for line in said.err.splitlines()] == [each["at"] for each in whole["history"]]


def test_following_stops_when_told() -> None:
    """Nobody drives the promotion any more: its record would never say that it is over."""
    watch.follow(lambda: None, lambda: True)


def _height(block: str) -> int:
    return " ▁▂▃▄▅▆▇█".find(block)
