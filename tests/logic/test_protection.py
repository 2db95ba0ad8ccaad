"""What keeps answers coming and backends whole: bounded running and waiting, retries, wake-ups, last resorts, reloads."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.inference.adapters import ability
from app.logic import retry, routes
from app.logic.answer import Blame, Call, Failure, Kind, reported
from app.logic.circuit import Circuit, State
from app.logic.queue import Queue
from app.logic.record import Record
from app.logic.reply import Reply
from app.logic.router import Router
from app.logic.routes import BackendSpec, Limits
from app.logic.verdicts import Verdicts
from tests.logic.backends import ScriptedBackend, Step, end, text
from tests.logic.routing import call, joined, record, router

REFUSED = Failure(Kind.UNREACHABLE, "refused")
ONE = [text("x"), end()]
PATIENT = "{total_s: 30}"  # where a backend takes its time, whatever else the machine does


async def ask(asked: Router, seen: Record | None = None) -> str:
    return await joined(await asked.open(call(), seen or record()))


async def test_a_full_backend_is_waited_for() -> None:
    """Two places, four requests: two wait, counted by model, and all are answered."""
    backend = ScriptedBackend(name="a", steps=[0.02, *ONE])
    small = router(backend, max_running=2)
    asking = [asyncio.create_task(ask(small)) for _ in range(4)]
    await asyncio.sleep(0.01)
    assert (small.queue.waiting["chat"], small.running()) == (2, 2)
    assert await asyncio.gather(*asking) == ["x"] * 4
    assert (small.queue.waiting["chat"], small.running()) == (0, 0)


async def test_a_full_backend_leads_to_one_with_room() -> None:
    """Waiting is for when nobody has room."""
    first, second = ScriptedBackend(name="a", steps=[0.02, *ONE]), ScriptedBackend(name="b", steps=ONE)
    small = router(first, second, max_running=1)
    assert list(await asyncio.gather(ask(small), ask(small))) == ["x", "x"]
    assert len(second.calls) == 1


async def test_the_queue_is_bounded_in_number_and_time() -> None:
    """Beyond the bound, and after the time, the caller hears 429 with a Retry-After instead of waiting."""
    queue = Queue(max_waiting=1, wait_s=0.05)
    loop = asyncio.get_running_loop()
    first = asyncio.create_task(queue.room("chat", "", ["a"], loop.time() + 10))
    await asyncio.sleep(0)
    with pytest.raises(Failure) as crowded:
        await queue.room("chat", "", ["a"], loop.time() + 10)
    with pytest.raises(Failure) as late:
        await first
    assert [(error.value.status, error.value.retry_after_s) for error in (crowded, late)] == [(429, 1), (429, 1)]
    assert queue.waiting["chat"] == 0


async def test_the_only_backend_is_asked_again() -> None:
    """A refused connection may be a restart: with nobody else to ask, the same backend is asked once more."""
    seen = record()
    backend = ScriptedBackend(name="a", refuses=[REFUSED], steps=ONE)
    assert await ask(router(backend, more="retries: 1"), seen) == "x"
    assert [attempt.failure for attempt in seen.attempts] == [Kind.UNREACHABLE, None]


async def test_another_backend_is_asked_before_the_same_one() -> None:
    """Waiting for a broken backend costs the caller time that a healthy one does not."""
    first, second = ScriptedBackend(name="a", refuses=[REFUSED], steps=ONE), ScriptedBackend(name="b", steps=ONE)
    assert await ask(router(first, second, more="retries: 3")) == "x"
    assert len(first.calls) == 1


@pytest.mark.parametrize(
    ("failure", "waits"),
    [
        (REFUSED, True),
        (Failure(Kind.BUSY, "429", retry_after_s=1), True),
        (Failure(Kind.BUSY, "429", retry_after_s=60), False),
        (Failure(Kind.MISCONFIGURED, "401"), False),
        (Failure(Kind.FIRST_TOKEN_LATE, "slow"), False),
        (Failure(Kind.STALLED, "slow"), False),
        (Failure(Kind.CONTEXT_TOO_LONG, "long"), False),
    ],
    ids=lambda value: value.kind if isinstance(value, Failure) else None,
)
def test_a_retry_only_where_it_helps(failure: Failure, waits: bool) -> None:
    """A wrong key stays wrong, a slow backend slow; a long Retry-After is told to the caller instead of waited for."""
    assert (retry.back_off_s(failure, 0, 0.5) is not None) is waits


def test_retries_are_a_fifth_of_what_runs() -> None:
    """In a brown-out retries must not become the load; a few are always allowed."""
    budget = retry.RetryBudget()
    entered = 0
    while budget.allows(100):
        budget.__enter__()
        entered += 1
    assert entered == 20
    assert not budget.allows(5)
    assert retry.RetryBudget().allows(0)


async def test_a_backend_that_wakes_up_is_waited_for() -> None:
    """A loading model holds the request, counted as waiting so that an autoscaler sees it, beyond the total limit if need be."""
    loading = Failure(Kind.BUSY, "loading", waking=True)
    asleep = ScriptedBackend(name="a", refuses=[loading], steps=ONE)
    waking = router(asleep, limits="{total_s: 0.2, wake_s: 5}")
    asking = asyncio.create_task(ask(waking))
    await asyncio.sleep(0.05)
    assert waking.queue.waiting["chat"] == 1
    assert await asking == "x"


async def test_a_sleeping_backend_is_wanted_while_another_answers() -> None:
    """A backend at zero replicas refuses connections: another one answers at once, the demand is published, no circuit opens."""
    asleep, awake = ScriptedBackend(name="a", always_refuses=REFUSED), ScriptedBackend(name="b", steps=ONE)
    two = router(asleep, awake, scale_to_zero=True)
    assert two.queue.depth("chat") == 0
    for _ in range(5):
        assert await ask(two) == "x"
    assert (two.queue.depth("chat"), len(asleep.calls)) == (1, 5)


async def test_a_backend_that_does_not_wake_up_is_given_up() -> None:
    """After wake_s the caller hears it."""
    asleep = ScriptedBackend(name="a", always_refuses=Failure(Kind.BUSY, "loading", waking=True))
    with pytest.raises(Failure, match="loading"):
        await ask(router(asleep, limits="{total_s: 5, wake_s: 0.3}"))


async def test_an_open_circuit_is_not_asked() -> None:
    """After three requests that failed there the broken backend costs nobody anything, while another one answers."""
    broken, healthy = ScriptedBackend(name="a", always_refuses=REFUSED), ScriptedBackend(name="b", steps=ONE)
    two = router(broken, healthy)
    for _ in range(5):
        assert await ask(two) == "x"
    assert len(broken.calls) == 3


async def opened(asked: Router) -> Router:
    """``asked`` after the requests that open the circuits of its broken backends."""
    for _ in range(3):
        with pytest.raises(Failure):
            await ask(asked)
    return asked


async def test_one_request_is_one_failure_however_often_it_was_asked() -> None:
    """A retry and a rescue of the same request are not news: the circuit stays closed, and the next caller is served."""
    cut = Failure(Kind.CUT, "cut")
    backend = ScriptedBackend(name="a", steps=[text("x"), cut])
    lone = router(backend, more="retries: 3")
    with pytest.raises(Failure):
        await ask(lone)
    assert len(backend.calls) == 2  # the first and one rescue: it would break off a third time, too
    assert lone.states["a"].breaker.circuit.failures == 1
    backend.steps = ONE
    assert await ask(lone) == "x"


async def test_failures_at_the_same_moment_are_one() -> None:
    """Twenty streams that break together leave the circuit closed."""
    backend = ScriptedBackend(name="a", refuses=[REFUSED] * 20, open_s=0.01, steps=ONE)
    lone = router(backend, limits=PATIENT)
    heard = await asyncio.gather(*(ask(lone) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(error, Failure) for error in heard)
    assert lone.states["a"].circuit_state(time.monotonic()) is State.CLOSED
    assert await ask(lone) == "x"


async def test_with_all_circuits_open_one_request_probes_for_all() -> None:
    """Of ten that come together one is sent; when it finds the backend broken still, the others hear so without asking."""
    backend = ScriptedBackend(name="a", always_refuses=REFUSED)
    lone = await opened(router(backend, limits=PATIENT))
    backend.open_s = 0.02
    heard = await asyncio.gather(*(ask(lone) for _ in range(10)), return_exceptions=True)
    assert len(backend.calls) == 3 + 1
    assert sorted(str(error) for error in heard)[0].startswith("no backend of model 'chat' may be asked for 5 s")
    assert {
        (error.kind, error.retry_after_s and round(error.retry_after_s))
        for error in heard
        if isinstance(error, Failure)
    } == {
        (Kind.UNREACHABLE, None),
        (Kind.UNREACHABLE, 5),
    }


async def test_a_lone_backend_that_recovers_takes_all() -> None:
    """The callers who waited for the probe, and all who come after it, are served at once: there is nobody else to take them."""
    backend = ScriptedBackend(name="a", always_refuses=REFUSED)
    lone = await opened(router(backend, limits=PATIENT))
    backend.always_refuses, backend.open_s, backend.steps = None, 0.02, ONE
    assert await asyncio.gather(*(ask(lone) for _ in range(10))) == ["x"] * 10
    assert await asyncio.gather(*(ask(lone) for _ in range(50))) == ["x"] * 50


async def test_a_backend_that_recovers_beside_another_takes_its_share() -> None:
    """The neighbour is well: right after the probe it gets most of what comes."""
    broken, healthy = ScriptedBackend(name="a", always_refuses=REFUSED), ScriptedBackend(name="b", steps=ONE)
    two = router(broken, healthy)
    for _ in range(3):
        await ask(two)
    breaker = two.states["a"].breaker
    breaker.turn(replace(breaker.circuit, open_until=time.monotonic()))
    broken.always_refuses, broken.steps = None, ONE
    assert await ask(two) == "x"  # the probe
    asked_before = len(broken.calls)
    for _ in range(50):
        await ask(two)
    assert 0 < len(broken.calls) - asked_before < 25


async def test_a_probe_whose_caller_leaves_is_taken_over() -> None:
    """One who waits for it becomes the probe."""
    backend = ScriptedBackend(name="a", always_refuses=REFUSED)
    lone = await opened(router(backend, limits=PATIENT))
    backend.always_refuses, backend.open_s, backend.steps = None, 0.03, ONE
    leaving = asyncio.create_task(ask(lone))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(ask(lone))
    await asyncio.sleep(0.01)
    leaving.cancel()
    assert await waiting == "x"


async def test_of_several_open_circuits_the_likeliest_is_tried_first() -> None:
    """Time mends no credential: the unreachable backend is asked before the one that refused the key."""
    wrong_key = Failure(Kind.MISCONFIGURED, "401")
    first, second = (
        ScriptedBackend(name="a", always_refuses=wrong_key),
        ScriptedBackend(name="b", always_refuses=REFUSED),
    )
    two = await opened(router(first, second))
    second.always_refuses, second.steps = None, ONE
    assert await ask(two) == "x"
    assert (len(first.calls), len(second.calls)) == (3, 4)


async def test_a_backend_that_asked_to_be_left_alone_is_not_probed() -> None:
    """A full house is no broken one: the caller hears 429 and the provider's own number, and nobody asks before a minute is over."""
    backend = ScriptedBackend(name="a", always_refuses=Failure(Kind.BUSY, "429: sorry", status=429, retry_after_s=3600))
    lone = router(backend)
    heard = []
    for _ in range(2):
        with pytest.raises(Failure) as error:
            await ask(lone)
        heard.append((error.value.status, round(error.value.retry_after_s or 0)))
    assert heard == [(429, 3600), (429, 3600)]
    assert len(backend.calls) == 1


async def test_others_never_hear_what_was_said_to_one() -> None:
    """The caller whose request failed hears the provider; those who come while the circuit is open hear what kind of failure it was, and when."""
    quoting = Failure(Kind.UNREACHABLE, "500: your prompt was: my secret plan", param="secret_field")
    backend = ScriptedBackend(name="a", always_refuses=quoting)
    lone = await opened(router(backend, limits=PATIENT))
    backend.open_s = 0.02
    own, other = await asyncio.gather(ask(lone), ask(lone), return_exceptions=True)
    assert isinstance(own, Failure)
    assert "my secret plan" in own.message
    assert isinstance(other, Failure)
    assert "secret" not in f"{other.message} {other.reason} {other.param}"
    assert "backend 'a' could not be reached 0 s ago" in other.message


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("o3-mini", True),
        ("openai/gpt-5.1", True),
        ("claude-sonnet-4-5", True),
        ("deepseek-reasoner", True),
        ("Qwen/QwQ-32B", True),
        ("kimi-k2-thinking", True),
        ("gpt-4o-2024-11-20", False),
        ("mistral-large", False),
        ("smollm2-135m-instruct", False),
        ("meta-llama/Llama-3.3-70B-Instruct", False),
    ],
)
def test_models_that_think_may_be_silent_for_longer(model: str, thinks: bool) -> None:
    """By the family that the name tells; a number in the routes file holds for all."""
    able = ability(BackendSpec(adapter="openai_compatible", model=model, base_url="http://127.0.0.1"))
    assert able.thinks is thinks
    assert Limits().between_tokens(silent=able.thinks) == (180 if thinks else 30)
    assert Limits(between_tokens_s=7).between_tokens(silent=able.thinks) == 7
    first = [Limits().first_token(is_last=is_last, thinks=able.thinks) for is_last in (False, True)]
    assert first == ([60, 180] if thinks else [15, 60])


@pytest.mark.parametrize(("fields", "stalls"), [({"tools": [{}]}, False), ({}, True)], ids=["tools", "text"])
async def test_tool_arguments_may_pause(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], stalls: bool) -> None:
    """A call's arguments come in bursts: a gap that is a stall for text is none for them."""
    monkeypatch.setattr(routes, "BETWEEN_TOKENS_S", 0.05)
    backend = ScriptedBackend(name="a", steps=[text("x"), 0.3, text("y"), end()])
    reply = await router(backend, limits=PATIENT, more="rescue: false").open(call(**fields), record())
    if not stalls:
        assert await joined(reply) == "xy"
        return
    with pytest.raises(Failure) as caught:
        await joined(reply)
    assert (caught.value.kind, "for 0.05 s" in caught.value.message) == (Kind.STALLED, True)


async def test_the_last_backend_has_longer_for_its_first_token() -> None:
    """Without a limit of the routes file: a short one while another backend may be asked, a long one where it may not."""
    limits = Limits()
    assert (limits.first_token(is_last=False), limits.first_token(is_last=True)) == (15, 60)
    assert Limits(first_token_s=7).first_token(is_last=True) == 7
    seen: list[bool] = []

    class Noting(Limits):
        def first_token(self, *, is_last: bool, thinks: bool = False) -> float:
            seen.append(is_last)
            return 1.0

    first, second = ScriptedBackend(name="a", always_refuses=REFUSED), ScriptedBackend(name="b", always_refuses=REFUSED)
    two = router(first, second)
    route = two.targets["chat"].route.model_copy(update={"limits": Noting(total_s=1)})
    two.targets["chat"] = replace(two.targets["chat"], route=route)
    await opened(two)
    assert seen == [False, True] * 3
    seen.clear()
    second.always_refuses, second.steps = None, ONE
    two.states["b"].breaker.turn(Circuit())
    assert await ask(two) == "x"
    assert seen == [True]  # the other one's circuit is open


async def test_when_all_are_down_the_small_model_answers() -> None:
    """The reply says which: a degraded answer must be seen to be one."""
    small = ScriptedBackend(name="small", steps=ONE)
    broken = router(
        ScriptedBackend(name="a", always_refuses=REFUSED),
        last_resorts=(small,),
        more="retries: 0, when_down: [small, '503']",
    )
    reply = await broken.open(call(), record())
    assert await joined(reply) == "x"
    assert reply.degraded == "small"


async def test_the_callers_own_fault_has_no_last_resort() -> None:
    """A bad request is not answered by a smaller model."""
    small = ScriptedBackend(name="small", steps=ONE)
    bad = ScriptedBackend(name="a", always_refuses=Failure(Kind.BAD_REQUEST, "bad"))
    with pytest.raises(Failure, match="bad"):
        await ask(router(bad, last_resorts=(small,), more="when_down: [small]"))
    assert small.calls == []


async def test_a_cached_answer_is_only_for_the_same_key() -> None:
    """With `cache` an answer given before is given again when all are down, to the caller who had it."""
    backend = ScriptedBackend(name="a", steps=ONE)
    cached = router(backend, more="retries: 0, when_down: [cache]")

    async def as_key(key: str) -> Reply:
        asked = call()
        return await cached.open(
            type(asked)(endpoint=asked.endpoint, model="", body=asked.body, stream=True, key=key), record()
        )

    assert await joined(await as_key("one")) == "x"
    backend.always_refuses = REFUSED
    reply = await as_key("one")
    assert (await joined(reply), reply.degraded) == ("x", "cache")
    with pytest.raises(Failure, match="refused"):
        await as_key("two")


async def test_a_reload_keeps_what_runs_and_what_is_known() -> None:
    """A request under way finishes by its routes; the circuit that was open stays open under the new ones."""
    slow = ScriptedBackend(name="a", steps=[text("x"), 0.03, text("y"), end()])
    live = router(slow)
    reply = await live.open(call(), record())
    other = router(ScriptedBackend(name="b", steps=ONE))
    live.breakers["b"] = other.breakers["b"]
    live.breakers["b"].turn(Circuit(opened=1, open_until=5.0))
    live.replace(other.routes, {name: state.member for name, state in other.states.items()})
    assert await joined(reply) == "xy"
    assert live.states["b"].circuit_state(1.0) is State.OPEN


async def test_callers_who_leave_open_no_circuit() -> None:
    """A connection that we closed ourselves says nothing against the backend, however many callers leave in the middle."""
    backend = ScriptedBackend(name="a", steps=[text("x"), 5.0])
    healthy = router(backend, limits="{between_tokens_s: 10, total_s: 10}")
    for _ in range(5):
        reply = await healthy.open(call(), record())
        stream = reply.batches()
        await anext(stream)
        reply.abort()
        with pytest.raises(Failure):
            await anext(stream)
        await reply.aclose()
    assert healthy.states["a"].circuit_state(time.monotonic()) is State.CLOSED
    assert healthy.states["a"].breaker.circuit.failures == 0
    assert len(backend.calls) == 5


def odd(**fields: str) -> Failure:
    failure = Failure(Kind.BAD_REQUEST, "400: odd", blame=Blame.UNKNOWN)
    failure.reported = reported(400, **fields)
    return failure


async def test_a_bad_request_of_no_known_shape_is_asked_of_one_further_backend() -> None:
    """The second one takes it: so it was the first one's fault, which an operator sees as such, and no circuit hears of it."""
    noted = record()
    first, second = ScriptedBackend(name="a", always_refuses=odd()), ScriptedBackend(name="b", steps=ONE)
    both = router(first, second)
    assert await ask(both, noted) == "x"
    assert [(attempt.failure, attempt.is_callers_fault) for attempt in noted.attempts] == [
        (Kind.MISCONFIGURED, False),
        (None, False),
    ]
    assert both.states["a"].breaker.circuit.failures == 0


@pytest.mark.parametrize("second", [odd(), Failure(Kind.BAD_REQUEST, "other"), Failure(Kind.CONTEXT_TOO_LONG, "long")])
async def test_one_and_no_more(second: Failure) -> None:
    """Whatever the second says of the request, the caller hears the first, and a third is not asked."""
    noted = record()
    backends = [
        ScriptedBackend(name="a", always_refuses=odd()),
        ScriptedBackend(name="b", always_refuses=second),
        ScriptedBackend(name="c", steps=ONE),
    ]
    with pytest.raises(Failure, match="400: odd") as caught:
        await ask(router(*backends, more="retries: 3"), noted)
    assert caught.value.is_final
    assert [len(backend.calls) for backend in backends] == [1, 1, 0]
    assert noted.attempts[0].is_callers_fault


async def test_a_backend_that_is_down_has_no_opinion() -> None:
    """The next one is asked instead; with none left the caller hears what was said of its request."""
    down = ScriptedBackend(name="b", always_refuses=REFUSED)
    asked = router(ScriptedBackend(name="a", always_refuses=odd()), down, ScriptedBackend(name="c", steps=ONE))
    assert await ask(asked) == "x"
    with pytest.raises(Failure, match="400: odd") as caught:
        await ask(router(ScriptedBackend(name="a", always_refuses=odd()), down))
    assert caught.value.is_final


async def test_no_room_is_no_second_opinion() -> None:
    """The caller hears what is wrong at once: it does not wait for a place, and is not told to come back."""
    slow = ScriptedBackend(name="b", steps=[5.0, *ONE])
    both = router(ScriptedBackend(name="a", always_refuses=odd()), slow, max_running=1, limits=PATIENT)
    slow_state = both.states["b"]
    slow_state.running = 1
    with pytest.raises(Failure, match="400: odd"):
        await ask(both)


async def test_what_was_found_out_goes_on_being_counted() -> None:
    """Ten minutes long the refusal leads on at once, and each time an operator sees it as the backend's."""
    both = router(ScriptedBackend(name="a"), ScriptedBackend(name="b", steps=ONE))
    for _ in range(3):
        both.states["a"].member.backend.always_refuses = odd(code="odd_thing")  # type: ignore[attr-defined]
        noted = record()
        assert await ask(both, noted) == "x"
        assert (noted.attempts[0].failure, noted.attempts[0].is_callers_fault) == (Kind.MISCONFIGURED, False)


async def test_a_probe_that_fails_by_its_callers_fault_shuts_out_nobody() -> None:
    """A bad request says nothing of the backend: one who waits becomes the probe, and finds it well."""
    backend = ScriptedBackend(name="a", always_refuses=REFUSED)
    lone = await opened(router(backend, limits=PATIENT))
    backend.always_refuses, backend.open_s, backend.steps = None, 0.02, ONE
    backend.refuses = [Failure(Kind.BAD_REQUEST, "bad")]
    heard = await asyncio.gather(*(ask(lone) for _ in range(5)), return_exceptions=True)
    assert [str(each) for each in heard] == ["bad", "x", "x", "x", "x"]


async def test_a_probe_that_fails_by_its_own_answer_shuts_out_nobody() -> None:
    """A request that always ends in a 500 is asked as the probe, too: those who wait for it then find out for themselves."""
    crash = Failure(Kind.UNREACHABLE, "500")
    crash.reported = reported(500)
    backend = ScriptedBackend(name="a", always_refuses=crash)
    lone = await opened(router(backend, limits=PATIENT))
    backend.always_refuses, backend.open_s, backend.steps = None, 0.02, ONE
    backend.refuses = [crash]
    heard = await asyncio.gather(*(ask(lone) for _ in range(5)), return_exceptions=True)
    assert [str(each) for each in heard] == ["500", "x", "x", "x", "x"]


async def test_words_alone_open_no_circuit() -> None:
    """They may be a caller's: what no status and no code says is not held against the backend."""
    backend = ScriptedBackend(name="a", always_refuses=Failure(Kind.MISCONFIGURED, "no such model", is_proven=False))
    lone = router(backend)
    for _ in range(5):
        with pytest.raises(Failure):
            await ask(lone)
    assert lone.states["a"].circuit_state(time.monotonic()) is State.CLOSED


async def test_a_caller_that_leaves_the_queue_spoils_nobodys_turn() -> None:
    """The newest of the longest line has just left when it is to be given up: that is no failure of the one who comes."""
    queue, loop = Queue(max_waiting=4), asyncio.get_running_loop()
    waiting = [asyncio.create_task(queue.room("chat", "busy", ["a"], loop.time() + 5)) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[-1].cancel()
    late = asyncio.create_task(queue.room("chat", "other", ["a"], loop.time() + 5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not late.done()
    for task in (late, *waiting):
        task.cancel()


@pytest.mark.parametrize("taken", [True, False], ids=["the second takes it", "nobody takes it"])
async def test_a_field_is_dropped_only_where_no_backend_takes_it(taken: bool) -> None:
    """`unsupported: drop`: those that take it come first; a smaller model does not answer in their place, for nothing is down."""

    def lacking(asked: Call) -> Sequence[Step]:
        if not asked.drops_unsupported:
            raise Failure(Kind.BAD_REQUEST, "lacks it", blame=Blame.BACKEND)
        return ONE

    first = ScriptedBackend(name="a", steps=lacking)
    second = ScriptedBackend(name="b", steps=[text("taken"), end()] if taken else lacking)
    small = ScriptedBackend(name="small", steps=ONE)
    dropping = router(first, second, last_resorts=(small,), more="unsupported: drop, when_down: [small]")
    assert await ask(dropping) == ("taken" if taken else "x")
    refusing = router(first, ScriptedBackend(name="b", steps=lacking), last_resorts=(small,), more="when_down: [small]")
    with pytest.raises(Failure, match="lacks it"):
        await ask(refusing)
    assert small.calls == []


async def test_callers_who_wait_for_a_probe_take_nobodys_place_in_the_queue() -> None:
    """The bound is on those that wait for room."""
    queue = Queue(max_waiting=2)
    with contextlib.ExitStack() as held:
        for _ in range(10):
            held.enter_context(queue.holding("chat"))
        waiting = asyncio.create_task(queue.room("chat", "k", ["a"], asyncio.get_running_loop().time() + 5))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert queue.depth("chat") == 11
        waiting.cancel()


async def test_what_came_of_it_is_kept() -> None:
    """The same code and field of the same backend: the caller's fault is final at once, the backend's leads on at once. Others are found out anew."""
    first = ScriptedBackend(name="a", always_refuses=odd(code="odd_thing"))
    second = ScriptedBackend(name="b", always_refuses=odd())
    both = router(first, second)
    for _ in range(3):
        first.always_refuses, second.always_refuses = odd(code="odd_thing"), odd()
        with pytest.raises(Failure):
            await ask(both)
    assert (len(first.calls), len(second.calls)) == (3, 1)
    first.always_refuses = odd(code="other_thing")
    with pytest.raises(Failure):
        await ask(both)
    assert len(second.calls) == 2
    second.always_refuses, second.steps = None, ONE
    for _ in range(3):
        first.always_refuses = odd(code="third_thing")
        assert await ask(both) == "x"


@pytest.mark.parametrize("fields", [{}, {"code": "400"}, {"code": "invalid_request_error"}])
async def test_what_says_nothing_is_found_out_each_time(fields: dict[str, str]) -> None:
    """A server whose every error has the same code must not be judged by one of them."""
    first, second = (
        ScriptedBackend(name="a", always_refuses=odd(**fields)),
        ScriptedBackend(name="b", always_refuses=odd()),
    )
    both = router(first, second)
    for _ in range(2):
        first.always_refuses, second.always_refuses = odd(**fields), odd()
        with pytest.raises(Failure):
            await ask(both)
    assert len(second.calls) == 2


@pytest.mark.parametrize(
    ("failures", "heard"),
    [
        ([Failure(Kind.BUSY, "429", status=429, retry_after_s=2), Failure(Kind.MISCONFIGURED, "401")], "429"),
        ([Failure(Kind.MISCONFIGURED, "401"), Failure(Kind.BUSY, "429", status=429, retry_after_s=2)], "429"),
        ([Failure(Kind.CONTEXT_TOO_LONG, "long"), REFUSED], "refused"),
        ([Failure(Kind.BUSY, "503", status=503), Failure(Kind.BAD_REQUEST, "lacks", blame=Blame.BACKEND)], "503"),
        ([Failure(Kind.BUSY, "later", retry_after_s=9), Failure(Kind.BUSY, "busy")], "later"),
        ([Failure(Kind.BUSY, "soon", retry_after_s=5), Failure(Kind.BUSY, "late", retry_after_s=3600)], "soon"),
    ],
)
async def test_the_failure_that_says_most_is_heard(failures: list[Failure], heard: str) -> None:
    """When to come back helps a caller more than that somebody's key is wrong, whichever was last."""
    backends = [ScriptedBackend(name=f"b{n}", always_refuses=failure) for n, failure in enumerate(failures)]
    with pytest.raises(Failure, match=heard):
        await ask(router(*backends))


async def test_a_refusal_before_hides_no_failure() -> None:
    """A backend that says 429 to a request and then breaks the connection has failed that request: only a second failure is no news."""
    busy = Failure(Kind.BUSY, "429", retry_after_s=0)
    backend = ScriptedBackend(name="a", refuses=[busy, REFUSED, REFUSED])
    lone = router(backend, more="retries: 2")
    with pytest.raises(Failure):
        await ask(lone)
    assert lone.states["a"].breaker.circuit.failures == 1


async def test_the_retry_budget_holds_for_second_opinions() -> None:
    """Where many ask for one at once, the others hear what is wrong at once: doubts must not double the load."""
    second = ScriptedBackend(name="b", open_s=0.05, steps=ONE)
    both = router(ScriptedBackend(name="a", steps=doubtful), second, limits=PATIENT)
    heard = await asyncio.gather(*(ask(both) for _ in range(10)), return_exceptions=True)
    assert len(second.calls) < 10
    assert sum(each == "x" for each in heard) == len(second.calls) >= retry.FLOOR
    assert not both.budget._retrying


def doubtful(asked: Call) -> Sequence[Step]:
    raise odd()


def test_verdicts_end_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes, and a thousand of them: a model that is repaired is asked again, and no caller fills the memory."""
    kept = Verdicts()
    now = 0.0
    monkeypatch.setattr("app.logic.verdicts.time.monotonic", lambda: now)
    kept.keep("k", "a", odd(code="c"), Blame.CALLER)
    assert kept.of("k", "a", odd(code="c")) is Blame.CALLER
    assert kept.of("k", "b", odd(code="c")) is Blame.UNKNOWN
    assert (
        kept.of("other key", "a", odd(code="c")) is Blame.UNKNOWN
    )  # one key's mistakes are not held against another's
    now = 601.0
    assert kept.of("k", "a", odd(code="c")) is Blame.UNKNOWN
    for number in range(3000):
        kept.keep("k", "a", odd(code=f"c{number}"), Blame.CALLER)
    assert len(kept._kept) == 1000


def test_a_lost_probe_is_given_up() -> None:
    """One that says nothing for two minutes holds nobody back any longer."""
    circuit = Circuit(opened=1, open_until=5.0).sent(6.0)
    assert not circuit.admits(100.0)
    assert circuit.admits(6.0 + 121.0)


async def test_a_full_backend_whose_circuit_is_open_is_not_probed() -> None:
    """Its places are taken by requests that hang: one more would hang, too."""
    backend = ScriptedBackend(name="a", always_refuses=REFUSED)
    lone = await opened(router(backend, max_running=1))
    lone.states["a"].running = 1
    with pytest.raises(Failure, match="may be asked"):
        await ask(lone)
    assert len(backend.calls) == 3
