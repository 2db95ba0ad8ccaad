"""States of promotions as their file has them, judged and compared by the code that judges real ones."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from delivery.evidence import StepWindow
from delivery.promotion.judging.judge import judge
from delivery.promotion.record import Promotion
from delivery.quality.compare import compare
from tests.delivery.promotion.judging.made import counts, window
from tests.delivery.quality.results import passes

BEGAN_S = 1_795_534_200  # 2026-11-24T15:30:00Z
# What only a continuation needs, and what a promotion begins with.
JUST_MADE: dict[str, Any] = {
    "low_traffic": False,
    "phase": "prepare",
    "share": 0,
    "step_began_at": None,
    "outcome": None,
    "verdict": None,
    "words": "",
    "pairs": {},
    "past": [],
    "observation": None,
}
NASTY = "<script>alert('x')</script> | `tick` **bold**\nsecond line"


def moment(after_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGAN_S + after_s))


def promoted() -> dict[str, Any]:
    """Steps 5, 25 and 100 went by."""
    windows = [_seen(5, 450), _seen(25, 700)]
    steps = [
        _step(5, windows[:1]),
        _step(25, windows),
        _step(100, [*windows, StepWindow(share=100, blue=counts(0), green=counts(600))]),
    ]
    share = {30: 5, 90: 25, 170: 100}
    history = [
        *_history(share),
        _note(230, "adopt", 100, "green is as good"),
        _note(236, "done", 100, "blue is gone"),
    ]
    return _state(
        history=history,
        steps=steps,
        series=_series(share, 230, slower=1.0),
        phase="done",
        share=100,
        outcome="promoted",
        verdict="promote",
        words="green is as good as blue with all the traffic",
    )


def rolled_back() -> dict[str, Any]:
    """Green was cut often and slow at 25 %."""
    bad = _seen(25, 700, bad={"cut": 48}, factors={"first_token": 1.6})
    steps = [_step(5, [_seen(5, 450)]), _step(25, [_seen(5, 450), bad])]
    share = {30: 5, 90: 25}
    words = "at 25 % green is worse (cut: green has the share of the bad events that twice blue's rate would give)"
    history = [
        *_history(share),
        _note(150, "roll_back", 25, words),
        _note(158, "done", 0, "blue has all the traffic"),
    ]
    return _state(
        history=history,
        steps=steps,
        series=_series(share, 150, slower=1.6),
        phase="done",
        share=0,
        outcome="rolled_back",
        verdict="roll_back",
        words=words,
    )


def under_way() -> dict[str, Any]:
    """At 25 %, where a first look says little."""
    state = rolled_back()
    history = [each for each in state["history"] if each["phase"] not in ("roll_back", "done")]
    steps = [state["steps"][0], _step(25, [_seen(5, 450), _seen(25, 60)])]
    return {
        **state,
        "history": history,
        "steps": steps,
        "phase": "traffic",
        "share": 25,
        "outcome": None,
        "verdict": None,
        "words": "",
        "updated_at": moment(149),
    }


def just_begun() -> dict[str, Any]:
    """Before anything was written but the intent."""
    return _state(history=[], steps=[], series=[], smoke=None, comparison=None, previous=None)


def _state(**values: Any) -> dict[str, Any]:
    history = values["history"]
    given: dict[str, Any] = {
        "id": "20261124T153000-local-3f9c2ab1",
        "stack": "local",
        "target": "local",
        "candidate": {"settings": {"systemPrompt": "Answer in one sentence."}},
        "previous": {"systemPrompt": "Answer briefly and politely."},
        "blue": "local-81d0e7c4",
        "green": "local-3f9c2ab1",
        "suite": "general",
        "rollout": {"steps": [5, 25, 100], "max_bake_s": 3600, "margin_points": 10, "on_undecided": "blue"},
        "began_at": moment(0),
        "updated_at": history[-1]["at"] if history else moment(0),
        "smoke": _evaluations()[1] | {"suite": "smoke", "cases": _evaluations()[1]["cases"][:3], "passed": 3},
        "comparison": _comparison(),
    }
    return Promotion.from_json({**JUST_MADE, **given, **values}).report()


def _note(after_s: float, phase: str, share: int, words: str) -> dict[str, Any]:
    return {"at": moment(after_s), "phase": phase, "share": share, "words": words}


def _history(shares: Mapping[int, int]) -> list[dict[str, Any]]:
    return [
        _note(0, "deploy", 0, "green starts beside blue, without traffic"),
        _note(9, "smoke", 0, "green is asked what any version must be able to do"),
        _note(12, "compare", 0, "smoke: 3 of 3 passed; now both are asked the suite 'general'"),
        _note(30, "traffic", 0, "blue 93.3 %, green 92.5 % passed: not worse by more than the margin"),
        *(_note(at, "traffic", share, f"green takes {share} %") for at, share in shares.items()),
    ]


def _seen(
    share: int, green: int, *, bad: Mapping[str, int] | None = None, factors: Mapping[str, float] | None = None
) -> StepWindow:
    """So many requests on green, as many on blue as the share says, and a few bad events on both."""
    blue = round(green * (100 - share) / share)
    return window(counts(green, bad=bad, factors=factors), counts(blue, bad={"cut": blue // 400}), share)


def _step(share: int, windows: Sequence[StepWindow]) -> dict[str, Any]:
    judgement = judge(windows).as_json()
    return {"share": share, "judgement": judgement, "quality": None, "seconds": 61.5}


def _series(shares: Mapping[int, int], end_s: int, *, slower: float) -> list[dict[str, Any]]:
    points = []
    for at in range(min(shares), end_s):
        began = max(each for each in shares if each <= at)
        share, since = shares[began], at - began
        requests = {"blue": since * (100 - share) // 8, "green": since * share // 8}
        blue = 0.31 + 0.03 * math.sin(at / 7) + 0.08 / (1 + since)
        first = {
            "blue": round(blue, 4),
            "green": round((0.33 + 0.05 * math.cos(at / 5)) * (slower if share == 25 else 1), 4),
        }
        points.append(
            {
                "at": BEGAN_S + at + 0.3,
                "share": share,
                "requests": requests,
                "bad": {"blue": requests["blue"] // 400, "green": round(requests["green"] * 0.06) if slower > 1 else 0},
                "first_token_s": {side: value for side, value in first.items() if requests[side]},
                "verdict": "not_enough_evidence",
            }
        )
    return points


def _evaluations() -> tuple[dict[str, Any], dict[str, Any]]:
    """110 cases that both pass, 4 that green alone fails, 1 that blue alone fails, 5 that both fail."""
    blue, green = passes((110, 1, 1), (2, 1, 0), (1, 0, 1), (7, 0, 0))
    ours, theirs = blue.as_json(), {**green.as_json(), "side": "green"}
    for side, values in (("blue", ours), ("green", theirs)):
        for case in values["cases"]:
            text = "Paris is the capital of France." if case["passed"] else NASTY
            failed = [] if case["passed"] else ["contains 'Paris' (found: nothing like it)"]
            case["runs"] = [{"text": f"{side} says: {text}", "failure": "", "failed": failed}]
    return ours, theirs


def _comparison() -> dict[str, Any]:
    seen = compare(*passes((110, 1, 1), (2, 1, 0), (1, 0, 1), (7, 0, 0)), margin_points=10).as_json()
    ours, theirs = _evaluations()
    return {"comparison": seen, "blue": ours, "green": theirs}
