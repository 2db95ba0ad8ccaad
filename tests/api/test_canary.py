"""What a promotion is judged by, counted by the real app: attempts, what went wrong with them, and logarithms."""

from __future__ import annotations

import asyncio
import json
import math
import tracemalloc
from typing import Any

import aiohttp
import pytest

from app.logic.answer import Kind
from app.logic.record import AttemptRecord, Measured, Record
from app.telemetry.canary import MAX_SESSIONS, Canary
from app.wire.events import Usage
from tests.api.serving import CHAT, STREAM, App, serving, settled, until
from tests.api.upstream import DONE, WHOLE, Exchange, Script, begun_then, chunk, complete, paced, silence, upstream
from tests.clock import Clock

NONE = {"attempt_failed": 0.0, "cut": 0.0, "rejected": 0.0, "refused": 0.0, "broken_schema": 0.0, "empty": 0.0}
JSON = {"response_format": {"type": "json_object"}}


async def bad(app: App) -> dict[str, float]:
    found = await app.metric("trimaran_bad_events_total")
    return {labels.split('"')[1]: value for labels, value in found.items()}


async def attempts(app: App) -> float:
    (value,) = (await app.metric("trimaran_attempts_total")).values()
    return value


async def logs(app: App, measure: str) -> tuple[float, float, float]:
    found = await app.metric("trimaran_log_values_total")
    count, total, squares = (
        found[f'{{measure="{measure}",moment="{moment}",revision="r1"}}'] for moment in ("count", "sum", "squares")
    )
    return count, total, squares


def says(*chunks: bytes, status: int = 200, **message: Any) -> Script:
    """A stream of these chunks to whom asks for one, else a message with these fields."""

    async def play(exchange: Exchange) -> None:
        if exchange.streams:
            await exchange.head()
            await exchange.send(b"".join(chunks))
        else:
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
            await exchange.json(WHOLE | {"choices": [choice]}, status)

    return play


async def nonsense(exchange: Exchange) -> None:
    await settled()  # so that what came before it arrives by itself
    await exchange.send(b"data: {nonsense\n\n")


def refuses_with(status: int, code: str | None = None) -> Script:
    async def play(exchange: Exchange) -> None:
        await exchange.json({"error": {"message": "no", "code": code}}, status)

    return play


async def lacking(exchange: Exchange) -> None:
    await exchange.json({"error": {"message": "no", "code": "unsupported_parameter", "param": "seed"}}, 400)


def delta(**fields: Any) -> bytes:
    choice = {"index": 0, "delta": fields, "finish_reason": None}
    return b"data: " + json.dumps({"id": "c1", "created": 1, "model": "mock-1", "choices": [choice]}).encode() + b"\n\n"


END = chunk("", "stop") + DONE


@pytest.mark.parametrize(
    ("script", "body", "kinds"),
    [
        (complete, CHAT, set()),
        (complete, STREAM, set()),
        (says(chunk("a"), chunk("", "length"), DONE), STREAM, set()),
        (refuses_with(500), CHAT, {"attempt_failed"}),
        (refuses_with(401), CHAT, {"attempt_failed"}),
        (refuses_with(400, "content_filter"), CHAT, {"refused"}),
        (says(chunk("a")), STREAM, {"cut"}),
        (begun_then(nonsense), STREAM, {"cut"}),
        (says(), STREAM, {"attempt_failed"}),
        (says(END), STREAM, {"empty"}),
        (says(content=""), CHAT, {"empty"}),
        (says(delta(refusal="I"), delta(refusal=" will not"), END), STREAM, {"refused"}),
        (says(content=None, refusal="I will not"), CHAT, {"refused"}),
        (says(chunk("a"), chunk("", "content_filter"), DONE), STREAM, {"refused"}),
        (says(chunk("{'a"), chunk("'}"), END), STREAM | JSON, {"broken_schema"}),
        (says(chunk('{"a":'), chunk("1}"), END), STREAM | JSON, set()),
        (says(content="Sure!"), CHAT | JSON, {"broken_schema"}),
        (says(content='{"a": 1}'), CHAT | JSON, set()),
        (says(content=[{"odd": 1}], tool_calls="odd"), CHAT | JSON, set()),
    ],
)
async def test_an_attempt_that_goes_wrong_is_counted_by_its_kind(
    script: Script, body: dict[str, Any], kinds: set[str]
) -> None:
    """Once, and as nothing else; a token limit that was reached is nothing wrong."""
    async with upstream(script) as up, serving(up) as app:
        async with app.post(body) as response:
            await response.read()
        counted = await bad(app)
        assert {kind for kind, count in counted.items() if count} == kinds
        assert await attempts(app) == len(up.requests)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_the_callers_own_fault_is_a_kind_of_its_own(status: int) -> None:
    """Where a backend finds it: the same request must be refused by the other version too. What the app itself finds is no attempt."""
    script = refuses_with(status, "context_length_exceeded" if status == 413 else None)
    async with upstream(script) as up, serving(up) as app:
        async with app.post(CHAT) as response:
            assert response.status in (400, 413, 422)
        async with app.post({"messages": "none"}) as response:
            assert response.status == 400
        assert (await bad(app), await attempts(app)) == (NONE | {"rejected": 1}, 1)


@pytest.mark.parametrize(
    ("script", "fields"),
    [(complete, {"foo": 1}), (complete, {"tools": [{"type": "code_interpreter"}]}), (lacking, {"top_p": 1})],
    ids=["unknown field", "vendor's tool", "field that the model lacks"],
)
async def test_a_field_that_a_backend_does_not_take_is_the_callers_fault(
    script: Script, fields: dict[str, Any]
) -> None:
    """Or one caller with a strange client would have each promotion rolled back: a conversation's refusals count once a minute, and as no failure."""
    session = {"x-session-id": "strange"}
    async with upstream(script) as first, upstream(script) as second, serving(first, second) as app:
        for _ in range(20):
            async with app.post(CHAT | fields, headers=session) as response:
                assert response.status == 400
        assert (await bad(app), await attempts(app)) == (NONE | {"rejected": 1}, 1)
        for up in (first, second):
            up.script = refuses_with(500)
        async with app.post(CHAT) as response:
            assert response.status == 502
        assert (await bad(app))["attempt_failed"] == await attempts(app) - 1 > 0


@pytest.mark.parametrize("length", [1, 54_000])
async def test_a_session_is_one_however_long_its_id_is(length: int) -> None:
    """Long ids that differ in their last character alone are different ones."""
    async with upstream(says(content="")) as up, serving(up) as app:
        for n in (1, 1, 2, 3):
            async with app.post(CHAT, headers={"x-session-id": "s" * length + str(n)}) as response:
                assert response.status == 200
        assert 3 <= (await bad(app))["empty"] <= 4  # a minute may just have ended


async def test_a_failure_that_another_backend_hides_is_counted() -> None:
    """The caller saw a good answer; the version did not give it at once."""
    async with upstream(refuses_with(503)) as first, upstream() as second, serving(first, second) as app:
        async with app.post(CHAT) as response:
            assert response.status == 200
        assert (await bad(app), await attempts(app)) == (NONE | {"attempt_failed": 1}, 2)


async def test_a_backend_that_an_open_circuit_spares_goes_on_counting() -> None:
    """Else a wrong key, which opens the circuit soon, would be seen three times and then be hidden by the next backend."""
    async with upstream(refuses_with(401)) as first, upstream() as second, serving(first, second) as app:
        for n in range(5):
            async with app.post(CHAT, headers={"x-session-id": f"s{n}"}) as response:
                assert response.status == 200
        assert len(first.requests) == 3
        assert (await bad(app), await attempts(app)) == (NONE | {"attempt_failed": 5}, 10)


async def test_a_cut_that_is_rescued_is_counted() -> None:
    """The backend that goes on and has nothing to add is not empty."""
    async with upstream(says(chunk("a"))) as first, upstream(says(END)) as second, serving(first, second) as app:
        async with app.post(STREAM) as response:
            await response.read()
        counted = await bad(app)
        assert (counted["cut"], counted["empty"]) == (1, 0)


@pytest.mark.parametrize("script", [silence, begun_then(silence)])
async def test_a_caller_who_leaves_is_nothing_bad(script: Script) -> None:
    """Before the first content or after it; the attempt was made."""
    async with upstream(script) as up, serving(up) as app:
        asking = asyncio.create_task(app.client.post("/v1/chat/completions", json=STREAM))
        await until(lambda: up.running)
        if script is not silence:
            await asking
        asking.cancel()
        await app.client.close()
        await until(lambda: not app.lifecycle.running)
        app.client = aiohttp.ClientSession(app.url)
        assert (await bad(app), await attempts(app)) == (NONE, 1)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ([{"x-session-id": "s"}] * 10, 1, 2),
        ([{"x-session-id": f"s{n}"} for n in range(10)], 10, 10),
        ([{}] * 10, 10, 10),
    ],
)
async def test_a_conversations_errors_count_once_a_minute(headers: list[dict[str, str]], least: int, most: int) -> None:
    """Requests that name no conversation count each time: they are split one by one. A minute may just have ended."""
    async with upstream(says(content="")) as up, serving(up) as app:
        for each in headers:
            async with app.post(CHAT, headers=each) as response:
                assert response.status == 200
        assert least <= (await bad(app))["empty"] <= most


def failed(session: str, at: float, kind: Kind = Kind.UNREACHABLE) -> Record:
    attempt = AttemptRecord(backend="b", started_at=at, failure=kind)
    return Record(request_id="r", started_at=at, ended_at=at, session=session, attempts=[attempt])


def counted(canary: Canary) -> dict[str, float]:
    family = next(family for family in canary.collect() if family.name == "trimaran_bad_events")
    return {sample.labels["kind"]: sample.value for sample in family.samples if sample.value}


def test_the_next_minute_counts_anew_and_each_kind_by_itself() -> None:
    """Ten in a minute are one; a refusal beside them is another."""
    canary = Canary("r1")

    for at in range(60, 70):
        canary.request_ended(failed("s", at))
    canary.request_ended(failed("s", 70, Kind.REFUSED_BY_POLICY))
    canary.request_ended(failed("t", 71))
    canary.request_ended(failed("s", 120))

    assert counted(canary) == {"attempt_failed": 3, "refused": 1}


def test_a_session_is_remembered_in_few_bytes() -> None:
    """Whatever its id: a thousand of 54 KB would hold 54 MB for a minute."""
    canary = Canary("r1")
    tracemalloc.start()
    try:
        for n in range(1_000):
            canary.request_ended(failed("s" * 54_000 + str(n), 1))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000
    assert counted(canary) == {"attempt_failed": 1_000}


def test_what_is_remembered_is_bounded() -> None:
    """Whoever comes when it is full is counted, and not remembered."""
    canary = Canary("r1")

    for n in range(MAX_SESSIONS):
        canary.request_ended(failed(str(n), 1))
    for _ in range(3):
        canary.request_ended(failed("late", 2))

    assert counted(canary) == {"attempt_failed": MAX_SESSIONS + 3}


async def test_a_whole_answers_logarithms_are_summed() -> None:
    """Tokens and billionths of a dollar exactly; 7 tokens at 2 dollars a million and 2 at 10 are 34,000."""
    async with upstream() as up, serving(up) as app:
        for _ in range(3):
            async with app.post(CHAT) as response:
                await response.read()
        for measure, x in (("tokens", 9), ("usd", 34_000)):
            value = math.log1p(x)
            assert await logs(app, measure) == pytest.approx((3, 3 * value, 3 * value**2))
        count, total, squares = await logs(app, "whole_answer")
        assert (count, await logs(app, "first_token"), await logs(app, "between_tokens")) == (3, (0, 0, 0), (0, 0, 0))
        assert math.log(100) < total / 3 < math.log(60e6)
        assert squares >= total**2 / 3 * (1 - 1e-12)


async def test_a_streams_logarithms_are_those_of_its_content() -> None:
    """Of the first content, and of the mean gap: one value for each stream, as Prometheus' histogram has them."""
    async with upstream(paced(10, 0.012)) as up, serving(up) as app:
        async with app.post(STREAM) as response:
            await response.read()
        ((_, first_s),) = (await app.metric("trimaran_first_token_seconds_sum")).items()
        ((_, gaps_s),) = (await app.metric("trimaran_between_tokens_seconds_sum")).items()
        assert (await logs(app, "first_token"))[:2] == pytest.approx((1, math.log1p(first_s * 1e6)))
        assert (await logs(app, "between_tokens"))[:2] == pytest.approx((1, math.log1p(gaps_s / 9 * 1e6)))
        assert (await logs(app, "whole_answer"))[0] == 0


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole answer"])
async def test_a_slow_upload_is_the_callers_affair(stream: bool, clock: Clock) -> None:
    """The times of a version begin when a request is complete."""
    body = json.dumps(STREAM if stream else CHAT).encode()
    async with upstream() as up, serving(up) as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
        writer.write(b"POST /v1/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body))
        await until(lambda: app.lifecycle.running)
        with clock.standing():
            clock.go_on(20)
            await settled()
            writer.write(body)
            await reader.readuntil(b"\r\n\r\n")
            await until(lambda: not app.lifecycle.running)
        writer.close()
        count, total, _ = await logs(app, "first_token" if stream else "whole_answer")
        assert (count, math.expm1(total) / 1e6 < 1) == (1, True)


def test_an_answer_without_a_price_has_no_dollars() -> None:
    """Unknown is not zero; its tokens count."""
    canary = Canary("r1")
    attempt = AttemptRecord(backend="b", started_at=1, usage=Usage(input=1), measured=Measured.REPORTED)

    canary.request_ended(Record(request_id="r", started_at=1, ended_at=2, attempts=[attempt], outcome="ok"))

    family = next(family for family in canary.collect() if family.name == "trimaran_log_values")
    found = {s.labels["measure"]: s.value for s in family.samples if s.labels["moment"] == "count"}
    assert (found["tokens"], found["usd"]) == (1, 0)
