"""The router: backends in order, the first that shows content answers; limits count content, not bytes."""

from __future__ import annotations

import asyncio

import pytest

from app.logic import estimate, price
from app.logic.answer import Blame, Endpoint, Failure, Kind
from app.logic.record import Measured
from app.logic.router import Reply, UnknownModel
from app.logic.selection import Ability
from app.wire.events import Usage
from tests.logic.backends import ScriptedBackend, Step, end, role, text
from tests.logic.routing import call, joined, record, router


async def test_the_first_backend_answers() -> None:
    """With a healthy first backend nobody else is asked, and every byte goes on in order."""
    first = ScriptedBackend(name="a", steps=[role(), text("1"), text("2"), end()])
    second = ScriptedBackend(name="b", steps=[text("x"), end()])
    reply = await router(first, second).open(call(), record())
    batches = [batch.raw async for batch in reply.batches()]
    assert batches == [role().raw, text("1").raw, text("2").raw, b""]
    assert second.calls == []


@pytest.mark.parametrize("kind", [Kind.BUSY, Kind.UNREACHABLE, Kind.MISCONFIGURED, Kind.CONTEXT_TOO_LONG])
async def test_a_backend_that_refuses_is_passed_over(kind: Kind) -> None:
    """A failure that says nothing against the request leads to the next backend, and the record keeps the reason."""
    seen = record()
    refusing = ScriptedBackend(name="a", always_refuses=Failure(kind, "no"))
    reply = await router(refusing, ScriptedBackend(name="b", steps=[text("x"), end()])).open(call(), seen)
    assert (await joined(reply), reply.backend) == ("x", "b")
    assert [(attempt.backend, attempt.failure) for attempt in seen.attempts] == [("a", kind), ("b", None)]


@pytest.mark.parametrize("kind", [Kind.BAD_REQUEST, Kind.REFUSED_BY_POLICY])
async def test_the_callers_own_fault_is_not_shopped_around(kind: Kind) -> None:
    """A bad request or a refusal by policy ends the call: another backend is not asked."""
    second = ScriptedBackend(name="b", steps=[text("x"), end()])
    with pytest.raises(Failure) as caught:
        await router(ScriptedBackend(name="a", always_refuses=Failure(kind, "no")), second).open(call(), record())
    assert caught.value.kind is kind
    assert second.calls == []


async def test_what_one_backend_lacks_another_may_have() -> None:
    """A field that only this backend does not take leads to the next one."""
    lacking = Failure(Kind.BAD_REQUEST, "no seed here", param="seed", blame=Blame.BACKEND)
    backends = ScriptedBackend(name="a", always_refuses=lacking), ScriptedBackend(name="b", steps=[text("x"), end()])
    assert await joined(await router(*backends).open(call(), record())) == "x"


async def test_too_long_goes_to_more_room_only() -> None:
    """A prompt that one context cannot hold is not tried in a smaller or an equal one."""
    small = ScriptedBackend(name="a", always_refuses=Failure(Kind.CONTEXT_TOO_LONG, "8k"))
    equal, large = ScriptedBackend(name="b"), ScriptedBackend(name="c", steps=[text("x"), end()])
    abilities = {"a": Ability(context=8000), "b": Ability(context=8000), "c": Ability(context=128_000)}
    assert await joined(await router(small, equal, large, abilities=abilities).open(call(), record())) == "x"
    assert equal.calls == []


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([role(), Failure(Kind.CUT, "cut")], Kind.CUT),
        ([role()], Kind.CUT),
        ([role(), 5.0], Kind.FIRST_TOKEN_LATE),
        ([role(), 0.04, role(), 5.0], Kind.FIRST_TOKEN_LATE),
    ],
    ids=["cut after the role", "ended without an end", "silent after the role", "bytes without content"],
)
async def test_no_content_leads_to_the_next(steps: list[Step], kind: Kind) -> None:
    """Until content has come nothing was shown, so the next backend can answer as if it were the first."""
    seen = record()
    broken = ScriptedBackend(name="a", steps=steps)
    reply = await router(broken, ScriptedBackend(name="b", steps=[role(), text("x"), end()])).open(call(), seen)
    assert await joined(reply) == "x"
    assert seen.attempts[0].failure is kind
    assert broken.answers[0].closed


async def test_a_backend_that_never_opens_is_late() -> None:
    """The first-token limit counts from the request, not from the backend's first byte."""
    with pytest.raises(Failure) as caught:
        await router(ScriptedBackend(name="a", open_s=5)).open(call(), record())
    assert caught.value.kind is Kind.FIRST_TOKEN_LATE


async def test_a_whole_answer_may_take_the_whole_time() -> None:
    """An answer that is not streamed shows nothing until it is complete: only the total limit bounds it."""
    slow = ScriptedBackend(name="a", steps=[0.1, text("x"), end()])
    reply = await router(slow).open(call(stream=False), record())
    assert await joined(reply) == "x"


async def test_a_gap_is_the_backends_time_alone() -> None:
    """A caller that reads slowly does not make its backend look slow; what a ping interrupts is one gap."""
    backend = ScriptedBackend(name="a", steps=[text("1"), 0.02, text("2"), 0.01, role(), 0.02, text("3"), end()])
    seen = record()
    reply = await router(backend, limits="{between_tokens_s: 30}").open(call(), seen)
    async for _ in reply.batches():
        await asyncio.sleep(0.5)
    await reply.aclose()
    assert sum(seen.gaps) == 2
    assert seen.gaps_s == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([text("1"), 5.0], Kind.STALLED),
        ([text("1"), 0.04, role(), 0.04, role(), 5.0], Kind.STALLED),
        ([text("1")], Kind.CUT),
    ],
    ids=["silence", "pings only", "ended half-way"],
)
async def test_without_rescue_an_answer_that_stops_half_way_is_a_failure(steps: list[Step], kind: Kind) -> None:
    """What has been shown went out; then the failure says what happened, and the backend's connection is closed."""
    backend = ScriptedBackend(name="a", steps=steps)
    reply = await router(backend, more="rescue: false").open(call(), record())
    with pytest.raises(Failure) as caught:
        await joined(reply)
    assert caught.value.kind is kind
    assert backend.answers[0].closed


async def test_one_deadline_bounds_everything() -> None:
    """An answer that keeps coming is ended by the total limit, and not taken up again."""
    backend = ScriptedBackend(name="a", steps=[step for _ in range(100) for step in (text("x"), 0.01)])
    reply = await router(backend, limits="{total_s: 0.08}").open(call(), record())
    with pytest.raises(Failure) as caught:
        await joined(reply)
    assert caught.value.kind is Kind.DEADLINE
    assert len(backend.calls) == 1


async def test_tokens_and_money_are_counted() -> None:
    """The end's usage is priced exactly: 1,000 tokens in at 2 and 500 out at 10 dollars per million are 0.007 dollars."""
    seen = record()
    backend = ScriptedBackend(name="a", steps=[text("x"), end(Usage(input=1000, output=500))])
    await joined(await router(backend).open(call(), seen))
    assert seen.picodollars is not None
    assert price.usd(seen.picodollars) == "0.007"
    assert seen.attempts[0].measured is Measured.REPORTED


async def leave_after(reply: Reply, count: int) -> None:
    """The caller takes ``count`` batches, and no more."""
    stream = reply.batches()
    for _ in range(count):
        await anext(stream)
    await stream.aclose()
    reply.abort()
    await reply.aclose()


@pytest.mark.parametrize("ended", [True, False], ids=["to the end", "left"])
async def test_a_long_answer_without_a_count_is_estimated_whole(ended: bool) -> None:
    """Of more than a MiB the beginning is kept, by which the rest is guessed."""
    words = [text("word " * 400) for _ in range(1000)]
    seen = record()
    steps: list[Step] = [*words, end() if ended else 5.0]
    reply = await router(ScriptedBackend(name="a", steps=steps), limits="{total_s: 60}").open(call(), seen)
    await leave_after(reply, len(words) + ended)
    (attempt,) = seen.attempts
    assert attempt.usage is not None
    assert attempt.measured is Measured.ESTIMATED
    assert attempt.usage.output == pytest.approx(400_000, rel=0.05)


@pytest.mark.parametrize("so_far", [Usage(input=10, output=1), Usage(input=10), Usage()], ids=["one", "none", "zeros"])
@pytest.mark.parametrize("ended", [True, False], ids=["to the end", "left"])
async def test_a_count_that_cannot_be_meant_is_estimated(so_far: Usage, ended: bool) -> None:
    """Two hundred deltas are more than one token: the answer's tokens are guessed from its text, and the prompt's taken from the backend."""
    words = [text(f"word{number} ") for number in range(200)]
    steps: list[Step] = [*words, end(so_far) if ended else 5.0]
    backend = ScriptedBackend(name="a", steps=steps, usage_so_far=so_far)
    seen = record()
    reply = await router(backend).open(call(), seen)
    await leave_after(reply, len(words) + ended)
    (attempt,) = seen.attempts
    assert attempt.usage is not None
    if ended and so_far.output:  # at its end a backend's own count is believed, unless it is none
        assert (attempt.usage, attempt.measured) == (so_far, Measured.REPORTED)
        return
    assert (attempt.measured, seen.is_estimated) == (Measured.ESTIMATED, True)
    assert 200 <= attempt.usage.output <= 1000
    assert attempt.usage.prompt == (so_far.prompt or estimate.prompt_tokens(call().body))


@pytest.mark.parametrize(
    ("so_far", "measured"), [(Usage(input=10, output=1), Measured.PARTIAL), (None, Measured.ESTIMATED)]
)
async def test_a_caller_that_left_is_accounted(so_far: Usage | None, measured: Measured) -> None:
    """An answer closed half-way keeps the count that the backend had given until then; else it is guessed, and called so."""
    seen = record()
    backend = ScriptedBackend(name="a", steps=[text("x"), 5.0], usage_so_far=so_far)
    reply = await router(backend).open(call(), seen)
    reply.abort()
    await reply.aclose()
    assert seen.attempts[0].measured is measured
    assert backend.answers[0].aborted


async def test_the_operators_system_prompt_comes_first() -> None:
    """A route's system prompt stands in front of the caller's messages; the caller's body is left as it was."""
    backend = ScriptedBackend(name="a", steps=[text("x"), end()])
    asked = call()
    await joined(await router(backend, more="system_prompt: Be brief.").open(asked, record()))
    assert [message["role"] for message in backend.calls[0].body["messages"]] == ["system", "user"]
    assert len(asked.body["messages"]) == 1


async def test_an_unknown_model_is_named_with_the_nearest() -> None:
    """The caller's own word is in the sentence, and what was probably meant."""
    with pytest.raises(UnknownModel, match=r"model .caht. is not known\. Known: chat\. Did you mean .chat.\?"):
        await router(ScriptedBackend(name="a")).open(call("caht"), record())


async def test_an_endpoint_that_no_backend_has_is_the_callers_mistake() -> None:
    """Embeddings asked of a model whose backends only chat: no attempt, and the field at fault is the model."""
    backend = ScriptedBackend(name="a", endpoints=frozenset({Endpoint.CHAT}))
    with pytest.raises(Failure, match="no backend that offers embeddings") as caught:
        await router(backend).open(call(endpoint=Endpoint.EMBEDDINGS), record())
    assert caught.value.param == "model"
    assert backend.calls == []


async def test_ready_means_every_own_model_is_loaded() -> None:
    """One backend that still loads makes the app not ready."""
    assert await router(ScriptedBackend(name="a"), ScriptedBackend(name="b")).ready()
    assert not await router(ScriptedBackend(name="a"), ScriptedBackend(name="b", is_ready=False)).ready()
