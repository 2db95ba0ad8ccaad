"""What keeps answers coming and backends whole: bounded running and waiting, retries, wake-ups, last resorts, reloads."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.logic import retry
from app.logic.answer import Failure, Kind
from app.logic.circuit import State
from app.logic.queue import Queue
from app.logic.record import Record
from app.logic.reply import Reply
from app.logic.router import Router
from tests.logic.backends import ScriptedBackend, end, text
from tests.logic.routing import call, joined, record, router

REFUSED = Failure(Kind.UNREACHABLE, "refused")
ONE = [text("x"), end()]


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
    """After three failures in a row the broken backend costs nobody anything; when it is the only one the caller hears why and for how long."""
    broken, healthy = ScriptedBackend(name="a", always_refuses=REFUSED), ScriptedBackend(name="b", steps=ONE)
    two = router(broken, healthy)
    for _ in range(5):
        assert await ask(two) == "x"
    assert len(broken.calls) == 3
    alone = router(ScriptedBackend(name="a", always_refuses=REFUSED))
    for _ in range(3):
        with pytest.raises(Failure):
            await ask(alone)
    with pytest.raises(Failure, match="may be asked for 5 s: refused") as caught:
        await ask(alone)
    assert (caught.value.kind, caught.value.status) == (Kind.UNREACHABLE, 503)
    assert caught.value.retry_after_s == pytest.approx(5, abs=1)


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
    for _ in range(3):
        live.breakers["b"].circuit = live.breakers["b"].circuit.failed(0.0, REFUSED)
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
