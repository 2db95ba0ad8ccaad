"""The router: backends in order, the first that shows content answers; limits count content, not bytes."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from app.logic import price, routes
from app.logic.answer import Call, Endpoint, Failure, Kind
from app.logic.record import Measured, Record
from app.logic.router import Reply, Router, UnknownModel
from app.wire.events import Usage
from tests.logic.backends import ScriptedBackend, end, role, text

LIMITS = "{first_token_s: 0.05, between_tokens_s: 0.05, total_s: 0.2}"


def router(*backends: ScriptedBackend, system_prompt: str = "", limits: str = LIMITS) -> Router:
    named = ", ".join(f"{backend.name}: {{adapter: scripted}}" for backend in backends)
    uses = ", ".join(f"{{use: {backend.name}}}" for backend in backends)
    parsed = routes.parse(
        f"version: 1\nbackends: {{{named}}}\n"
        f"models: {{chat: {{backends: [{uses}], limits: {limits}, system_prompt: '{system_prompt}'}}}}\n"
        "default_model: chat\n",
        "test",
    )
    rates = {backend.name: price.rates(Decimal(2), Decimal(10)) for backend in backends}
    return Router(parsed, {backend.name: backend for backend in backends}, rates)


def call(model: str = "", endpoint: Endpoint = Endpoint.CHAT) -> Call:
    return Call(endpoint=endpoint, model=model, body={"messages": [{"role": "user", "content": "hi"}]}, stream=True)


def record() -> Record:
    return Record(request_id="r1", started_at=time.monotonic())


async def joined(reply: Reply) -> bytes:
    parts = [batch.raw async for batch in reply.batches()]
    await reply.aclose()
    return b"".join(parts)


async def test_the_first_backend_answers() -> None:
    """With a healthy first backend nobody else is asked, and every byte goes on in order."""
    first = ScriptedBackend(name="a", steps=[role(), text(b"1"), text(b"2"), end()])
    second = ScriptedBackend(name="b", steps=[text(b"x"), end()])
    reply = await router(first, second).open(call(), record())
    assert await joined(reply) == b"role12"
    assert second.calls == []


@pytest.mark.parametrize("kind", [Kind.BUSY, Kind.UNREACHABLE, Kind.MISCONFIGURED, Kind.CONTEXT_TOO_LONG])
async def test_a_backend_that_refuses_is_passed_over(kind: Kind) -> None:
    """A failure that says nothing against the request leads to the next backend, and the record keeps the reason."""
    seen = record()
    backends = (
        ScriptedBackend(name="a", refuses=Failure(kind, "no")),
        ScriptedBackend(name="b", steps=[text(b"x"), end()]),
    )
    reply = await router(*backends).open(call(), seen)
    assert (await joined(reply), reply.backend) == (b"x", "b")
    assert [(attempt.backend, attempt.failure) for attempt in seen.attempts] == [("a", kind), ("b", None)]


@pytest.mark.parametrize("kind", [Kind.BAD_REQUEST, Kind.REFUSED_BY_POLICY])
async def test_the_callers_own_fault_is_not_shopped_around(kind: Kind) -> None:
    """A bad request or a refusal by policy ends the call: another backend is not asked."""
    second = ScriptedBackend(name="b", steps=[text(b"x"), end()])
    with pytest.raises(Failure) as caught:
        await router(ScriptedBackend(name="a", refuses=Failure(kind, "no")), second).open(call(), record())
    assert caught.value.kind is kind
    assert second.calls == []


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
async def test_no_content_leads_to_the_next(steps: list[object], kind: Kind) -> None:
    """Until content has come nothing was shown, so the next backend can answer as if it were the first."""
    seen = record()
    broken = ScriptedBackend(name="a", steps=steps)  # type: ignore[arg-type]
    reply = await router(broken, ScriptedBackend(name="b", steps=[role(), text(b"x"), end()])).open(call(), seen)
    assert await joined(reply) == b"rolex"
    assert seen.attempts[0].failure is kind
    assert broken.answers[0].closed


async def test_a_backend_that_never_opens_is_late() -> None:
    """The first-token limit counts from the request, not from the backend's first byte."""
    slow = ScriptedBackend(name="a", open_s=5)
    with pytest.raises(Failure) as caught:
        await router(slow).open(call(), record())
    assert caught.value.kind is Kind.FIRST_TOKEN_LATE


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([text(b"1"), 5.0], Kind.STALLED),
        ([text(b"1"), 0.04, role(), 0.04, role(), 5.0], Kind.STALLED),
        ([text(b"1")], Kind.CUT),
    ],
    ids=["silence", "pings only", "ended half-way"],
)
async def test_an_answer_that_stops_half_way_is_a_failure(steps: list[object], kind: Kind) -> None:
    """What has been shown went out; then the failure says what happened, and the backend's connection is closed."""
    backend = ScriptedBackend(name="a", steps=steps)  # type: ignore[arg-type]
    reply = await router(backend).open(call(), record())
    with pytest.raises(Failure) as caught:
        await joined(reply)
    await reply.aclose()
    assert caught.value.kind is kind
    assert backend.answers[0].closed


async def test_one_deadline_bounds_everything() -> None:
    """An answer that keeps coming is ended by the total limit."""
    backend = ScriptedBackend(name="a", steps=[step for _ in range(100) for step in (text(b"x"), 0.01)])
    reply = await router(backend, limits="{total_s: 0.08}").open(call(), record())
    with pytest.raises(Failure) as caught:
        await joined(reply)
    await reply.aclose()
    assert caught.value.kind is Kind.DEADLINE


async def test_tokens_and_money_are_counted() -> None:
    """The end's usage is priced exactly: 1,000 tokens in at 2 and 500 out at 10 dollars per million are 0.007 dollars."""
    seen = record()
    reply = await router(ScriptedBackend(name="a", steps=[text(b"x"), end(Usage(input=1000, output=500))])).open(
        call(), seen
    )
    await joined(reply)
    assert seen.picodollars is not None
    assert price.usd(seen.picodollars) == "0.007"
    assert seen.attempts[0].measured is Measured.REPORTED


async def test_a_caller_that_left_pays_what_is_known() -> None:
    """An answer closed half-way keeps the count that the backend had given until then, marked as partial."""
    seen = record()
    backend = ScriptedBackend(name="a", steps=[text(b"x"), 5.0], usage_so_far=Usage(input=10, output=1))
    reply = await router(backend).open(call(), seen)
    reply.abort()
    await reply.aclose()
    assert seen.attempts[0].measured is Measured.PARTIAL
    assert backend.answers[0].aborted


async def test_the_operators_system_prompt_comes_first() -> None:
    """A route's system prompt stands in front of the caller's messages; the caller's body is left as it was."""
    backend = ScriptedBackend(name="a", steps=[text(b"x"), end()])
    asked = call()
    await joined(await router(backend, system_prompt="Be brief.").open(asked, record()))
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
