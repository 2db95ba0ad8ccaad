"""The order of the backends: each strategy, what a request needs, sessions that stay."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logic.price import rates
from app.logic.routes import ModelRoute
from app.logic.selection import Ability, Candidate, Needs, order


def names(strategy: str, *candidates: Candidate, needs: Needs = Needs(), session: str = "", seed: int = 1) -> list[str]:  # noqa: B008 - frozen
    sticky = "session" if session else "none"
    route = ModelRoute.model_validate({"strategy": strategy, "sticky": sticky, "backends": [{"use": "x"}]})
    return [found.name for found in order(route, candidates, needs, session, random.Random(seed))]


def test_failover_keeps_the_order() -> None:
    """As written in the routes file."""
    assert names("failover", Candidate(name="b"), Candidate(name="a")) == ["b", "a"]


def test_weighted_follows_the_weights() -> None:
    """95 to 5 gives about 95 and 5 of a hundred, and a weight of 0 is never first."""
    three = Candidate(name="a", weight=95), Candidate(name="b", weight=5), Candidate(name="c", weight=0)
    firsts = Counter(names("weighted", *three, seed=seed)[0] for seed in range(4000))
    assert firsts["b"] == pytest.approx(200, abs=60)
    assert firsts["c"] == 0


def test_least_busy_counts_by_room() -> None:
    """Ten of a hundred is less busy than five of ten."""
    assert names(
        "least_busy", Candidate(name="a", running=5, max_running=10), Candidate(name="b", running=10, max_running=100)
    ) == ["b", "a"]


def test_lowest_latency_counts_those_in_front() -> None:
    """A fast backend with a long queue is slower than an idle slow one; one that was never asked is tried."""
    fast, idle, new = (
        Candidate(name="a", latency_s=0.1, running=9),
        Candidate(name="b", latency_s=0.5),
        Candidate(name="c"),
    )
    assert names("lowest_latency", fast, idle) == ["b", "a"]
    assert names("lowest_latency", idle, new) == ["c", "b"]


def test_cheapest_depends_on_the_request() -> None:
    """Long prompts prefer cheap input, long answers cheap output; an unknown price comes last."""
    reads = Candidate(name="reads", rates=rates(Decimal(1), Decimal(20)))
    writes = Candidate(name="writes", rates=rates(Decimal(5), Decimal(6)))
    unknown = Candidate(name="unknown")
    assert names("cheapest", unknown, writes, reads, needs=Needs(prompt_tokens=9000, output_tokens=100)) == [
        "reads",
        "writes",
        "unknown",
    ]
    assert names("cheapest", unknown, reads, writes, needs=Needs(prompt_tokens=100, output_tokens=9000)) == [
        "writes",
        "reads",
        "unknown",
    ]


@pytest.mark.parametrize(
    ("ability", "needs"),
    [
        (Ability(context=1000), Needs(prompt_tokens=900, output_tokens=200)),
        (Ability(tools=False), Needs(tools=True)),
        (Ability(images=False), Needs(images=True)),
        (Ability(schema=False), Needs(schema=True)),
    ],
)
def test_who_cannot_is_asked_last(ability: Ability, needs: Needs) -> None:
    """A backend without room, tools, images or schema comes behind those that can."""
    unable = Candidate(name="unable", able=ability.meets(needs))
    assert names("failover", unable, Candidate(name="able"), needs=needs) == ["able", "unable"]
    assert Ability().meets(needs)


@given(st.text(min_size=1), st.sets(st.sampled_from("abcdef"), min_size=2), st.integers(0, 99))
def test_a_session_stays(session: str, backends: set[str], seed: int) -> None:
    """The same session has the same first backend whatever chance says, and moves only when that one is gone."""
    candidates = [Candidate(name=name) for name in sorted(backends)]
    first = names("least_busy", *candidates, session=session)[0]
    assert names("least_busy", *candidates, session=session, seed=seed)[0] == first
    other = next(name for name in sorted(backends) if name != first)
    remaining = [candidate for candidate in candidates if candidate.name != other]
    assert names("least_busy", *remaining, session=session)[0] == first


@given(st.sampled_from(["failover", "weighted", "least_busy", "lowest_latency", "cheapest"]), st.integers(0, 99))
def test_nobody_is_lost(strategy: str, seed: int) -> None:
    """Every backend is in the order exactly once."""
    candidates = [Candidate(name=name, weight=index, running=index) for index, name in enumerate("abcd")]
    assert sorted(names(strategy, *candidates, seed=seed)) == list("abcd")
