"""Evaluations over real sockets: what is asked, kept, counted, and when nothing was measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from delivery.failure import ExitCode, Failure
from delivery.quality.run import evaluate
from delivery.quality.side import Side
from delivery.quality.store import Store
from tests.delivery.quality.server import Version, serving, suite


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite") as store:
        yield store


def side(version: Version, name: str = "blue", key: str = "") -> Side:
    return Side(name=name, url=version.url, key=key)


async def test_every_number_of_an_answer(store: Store) -> None:
    """Text, tokens, dollars, times, revision and model, streamed and whole."""
    async with serving(Version()) as version:
        [done] = await evaluate([side(version, key="secret")], suite(1), store=store)
        [whole] = await evaluate([side(version)], suite(1, settings={"stream": False}), store=store)

    streamed, once = done.cases[0].as_json(), whole.cases[0].as_json()
    assert (streamed["passed"], streamed["tokens_in"], streamed["tokens_out"], streamed["usd"]) == (True, 3, 2, "0.5")
    assert 0 < streamed["first_token_ms"] <= streamed["total_ms"]
    assert (once["usd"], once["first_token_ms"]) == ("0.25", None)
    assert (done.revision, done.models) == ("r1", ("mock-1",))
    assert version.bodies[0]["authorization"] == "Bearer secret"
    assert "secret" not in str(done.as_json()) + repr(side(version, key="secret"))


async def test_sides_take_turns(store: Store) -> None:
    """Case by case in one window, and who is first changes."""
    order: list[str] = []

    def noting(name: str) -> Callable[[str], str]:
        def answer(question: str) -> str:
            order.append(f"{name} {question}")
            return question

        return answer

    blue, green = Version(answer=noting("blue")), Version(answer=noting("green"), revision="r2")
    async with serving(blue), serving(green):
        both = await evaluate([side(blue), side(green, "green")], suite(2), store=store, concurrency=1)

    assert order[2:] == ["blue q0", "green q0", "green q1", "blue q1"]
    assert [each.side for each in both] == ["blue", "green"]


async def test_a_version_against_itself_answers_twice(store: Store) -> None:
    """Else two equal versions would never differ."""
    async with serving(Version()) as version:
        await evaluate([side(version), side(version)], suite(3), store=store, concurrency=1)

    assert sorted(version.asked) == ["q0", "q0", "q1", "q1", "q2", "q2"]


async def test_what_was_answered_is_not_asked_again(store: Store) -> None:
    """Unless the version, its model, the suite or the repeat is another."""
    async with serving(Version()) as version:
        await evaluate([side(version)], suite(3), store=store)
        [again] = await evaluate([side(version)], suite(3), store=store)
        assert (len(version.asked), again.kept, again.passed) == (3, 3, 3)
        await evaluate([side(version)], suite(3), store=store, repeats=2)
        assert len(version.asked) == 6
        await evaluate([side(version)], suite(4), store=store)
        assert len(version.asked) == 10
        version.revision = "r2"
        await evaluate([side(version)], suite(3), store=store)
        assert len(version.asked) == 13
        version.model = "mock-2"
        await evaluate([side(version)], suite(3), store=store)
        assert len(version.asked) == 16


async def test_no_more_at_once_than_allowed(store: Store) -> None:
    """Two at a time, and never fewer while there is something to ask: each waits for another beside it."""
    running, most = 0, 0
    beside = asyncio.Barrier(2)

    async def before(question: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await beside.wait()
        await asyncio.sleep(0.005)  # in which a third would come
        running -= 1

    async with serving(Version(before=before)) as version:
        await evaluate([side(version)], suite(8), store=store, concurrency=2)

    assert most == 2


@pytest.mark.parametrize(
    "headers", [{"x-trimaran-attempts": "2"}, {"x-trimaran-degraded": "small"}], ids=["attempts", "degraded"]
)
async def test_a_fallbacks_answer_is_a_failure(store: Store, headers: dict[str, str]) -> None:
    """However good it is."""
    async with serving(Version(headers=headers)) as version:
        [done] = await evaluate([side(version)], suite(2), store=store)

    assert done.passed == 0
    assert "another backend answered" in done.runs[0].answer.failure


async def test_errors_and_cuts_are_failures_and_are_asked_again_next_time(store: Store) -> None:
    """They are the version's, so they count; they are not kept beyond this evaluation."""
    healthy = False

    async def before(question: str) -> web.StreamResponse | None:
        if healthy or question == "q0":
            return None
        if question == "q1":
            return web.json_response({"error": {"message": "down", "type": "server_error"}}, status=502)
        return web.Response(
            body=b'data: {"choices": [{"delta": {"content": "q2"}}]}\n\n', content_type="text/event-stream"
        )

    async with serving(Version(before=before)) as version:
        [ill] = await evaluate([side(version)], suite(3), store=store)
        healthy = True
        [well] = await evaluate([side(version)], suite(3), store=store)

    assert [run.answer.failure for run in ill.runs] == ["", "502: down", "the stream ended without [DONE]"]
    assert (ill.passed, well.passed, well.kept) == (1, 3, 1)


async def test_nobody_there_is_not_measured(store: Store) -> None:
    """Exit code 5 and a sentence."""
    version = Version()
    async with serving(version):
        pass

    with pytest.raises(Failure, match="cannot be reached: Connection refused") as raised:
        await evaluate([side(version)], suite(), store=store)
    assert raised.value.exit_code is ExitCode.COULD_NOT_MEASURE


async def test_a_refused_key_is_not_measured(store: Store) -> None:
    """Said before any case is asked."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "no key", "type": "x"}}, status=401)

    version = Version()
    version.handle = handle  # type: ignore[method-assign]
    async with serving(version):
        with pytest.raises(Failure, match="does not answer: 401: no key") as raised:
            await evaluate([side(version)], suite(), store=store)
    assert "--key-env" in raised.value.hint


async def test_a_version_that_changes_on_the_way_is_not_measured(store: Store) -> None:
    """Two versions' answers are no evaluation of either; what the first has answered is kept."""
    version = Version()

    async def before(question: str) -> None:
        version.revision = "r2" if question == "q1" else "r1"

    version.before = before
    async with serving(version):
        version.answer = lambda question: question
        with pytest.raises(Failure, match="was revision r1 and is now r2") as raised:
            await evaluate([side(version)], suite(3, settings={"seed": 1}), store=store, concurrency=1)
    assert raised.value.exit_code is ExitCode.COULD_NOT_MEASURE
