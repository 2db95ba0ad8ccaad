"""Promotions on this machine, by the real engine and nginx in front of scripted models, with callers throughout.

The tests share one deployment; each leaves it with the version that it began with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from providers.machine.ports import free_port
from tests.end_to_end.crowd import NOTHING_SEEN, Crowd
from tests.end_to_end.promotions import STEPS, SUITE, Stack, deployed, promote

pytestmark = pytest.mark.alone  # it compares what two versions take

FAILED, USAGE, WORSE = 1, 2, 3


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with deployed(tmp_path_factory.mktemp("tree"), free_port()) as stack:
        yield stack


@pytest.fixture
def local(shared: Stack) -> Iterator[Stack]:
    """With callers from before its test until `steady` is back."""
    with Crowd(shared.scratch.port) as crowd:
        yield shared
        shared.restore()
    assert crowd.seen == NOTHING_SEEN


def test_a_better_version_takes_all_the_traffic_and_gives_it_back(local: Stack) -> None:
    """It ends as the stable version in config, and nothing is left to do; afterwards `rollback` undoes it."""
    done = local.run(*promote("better"))
    state = local.state
    assert done.stdout == f"promoted: {state['green']} has all the traffic of local\n"
    assert (state["outcome"], state["verdict"], local.weights) == ("promoted", "promote", {"blue": 100})
    assert [step["share"] for step in state["steps"]] == STEPS
    assert (local.config["trimaran:settings"], local.config.get("trimaran:candidate")) == ({"model": "better"}, None)
    assert local.revision == state["green"]
    assert local.run("up").stdout.startswith("no changes\n")
    assert local.reports == {".html", ".md", ".json"}

    local.run("rollback", "local")
    assert local.revision == state["blue"]
    assert "trimaran:settings" not in local.config


def test_a_version_that_answers_badly_gets_no_traffic(local: Stack) -> None:
    refused = local.run(*promote("dull"), status=WORSE)
    state = local.state
    assert (state["outcome"], state["verdict"], state["steps"]) == ("rolled_back", "roll_back", [])
    assert "worse by more than the margin" in refused.stderr
    assert_at(local, state["blue"])


@pytest.mark.parametrize(
    ("model", "measures"),
    [
        # Its errors are hidden by a second attempt, which takes time: either may be seen first.
        pytest.param("fragile", {"attempt_failed", "cut", "whole_answer", "first_token"}, id="by-errors"),
        pytest.param(
            "slow", {"first_token", "between_tokens", "whole_answer"}, id="by-latency", marks=pytest.mark.long
        ),
        pytest.param("wordy", {"tokens", "usd"}, id="by-tokens", marks=pytest.mark.long),
    ],
)
def test_a_worse_version_goes_at_the_first_step(local: Stack, model: str, measures: set[str]) -> None:
    """It passes the suites; only its work for callers shows what is wrong with it, and no caller sees that."""
    local.run(*promote(model), status=WORSE)
    state = local.state
    worse = {each["name"] for each in state["steps"][-1]["judgement"]["measures"] if each["verdict"] == "roll_back"}
    assert (state["outcome"], [step["share"] for step in state["steps"]]) == ("rolled_back", STEPS[:1])
    assert state["comparison"]["comparison"]["verdict"] == "promote"
    assert worse & measures
    assert all(name in state["words"] for name in worse)
    assert_at(local, state["blue"])


PLACES = [
    pytest.param("deploy", 0, 0.0, id="in-the-middle-of-up"),
    pytest.param("smoke", 0, 0.0, id="smoke"),
    pytest.param("compare", 0, 0.0, id="compare"),
    pytest.param("traffic", 25, 3.0, id="25-percent"),
    pytest.param("traffic", 100, 0.0, id="100-percent"),
    pytest.param("adopt", 100, 0.5, id="adopt"),
]


@pytest.mark.long
@pytest.mark.parametrize(("phase", "share", "after_s"), PLACES)
def test_a_killed_promotion_goes_back(local: Stack, phase: str, share: int, after_s: float) -> None:
    """From any state; the split is known all the time."""
    stable = local.revision
    local.killed_at("better", phase, share, after_s)
    local.run("rollback", "local")
    assert_at(local, stable)


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("phase", "share", "after_s"), PLACES)
def test_a_killed_promotion_goes_on(local: Stack, phase: str, share: int, after_s: float) -> None:
    local.killed_at("better", phase, share, after_s)
    local.run("promote", "local")
    assert (local.state["outcome"], local.weights, local.revision) == ("promoted", {"blue": 100}, local.state["green"])
    assert [step["share"] for step in local.state["steps"]] == STEPS


def test_a_promotion_killed_in_the_middle_of_up_goes_on_to_its_verdict(local: Stack) -> None:
    """The engine outlives its command: the next one waits for it."""
    stable = local.revision
    local.killed_at("dull", "deploy", 0, 0.0)
    local.stop_engine_for(4)
    resumed = local.run("promote", "local", status=WORSE)
    assert "waiting until what a killed command has begun is finished" in resumed.stderr
    assert local.state["outcome"] == "rolled_back"
    assert_at(local, stable)


@pytest.mark.long
def test_a_killed_roll_back_goes_on(local: Stack) -> None:
    stable = local.revision
    local.killed_at("dull", "roll_back", 0, 0.5)
    local.run("promote", "local", status=WORSE)
    assert_at(local, stable)


def test_one_promotion_at_a_time(local: Stack) -> None:
    """A second one is refused while one runs, and another candidate while one is unfinished; back without the suite."""
    stable = local.revision
    running = local.start(*promote("better"))
    deadline_s = time.monotonic() + 60
    while local.state["phase"] != "traffic" or local.state["share"] == 0:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    second, back = local.run(*promote("slow"), status=FAILED), local.run("rollback", "local", status=FAILED)
    running.kill()
    running.communicate()
    other = local.run(*promote("slow"), status=USAGE)
    (local.scratch.root / SUITE).rename(local.scratch.root / "away.yaml")
    local.run("rollback", "local")
    (local.scratch.root / "away.yaml").rename(local.scratch.root / SUITE)
    assert second.stderr.startswith("error: a promotion of stack 'local' is running.\nhint: ")
    assert second.stderr == back.stderr
    assert "error: a promotion of model=better is unfinished, at 'traffic'.\nhint: " in other.stderr
    assert "./trimaran rollback local" in other.stderr
    assert_at(local, stable)


def assert_at(local: Stack, revision: str) -> None:
    """As it was before: this revision has all the traffic, and there is no other."""
    status = local.scratch.status()
    assert (status["revision"], status["health"], local.weights) == (revision, "ready", {"blue": 100})
    assert not {"trimaran:candidate", "trimaran:settings"} & local.config.keys()
