"""`/metrics`: the names and labels that `docs/interfaces.md` promises, and what counting costs."""

from __future__ import annotations

from tests.api.serving import CHAT, STREAM, serving, until
from tests.api.upstream import Exchange, begun_then, paced, silence, upstream

PROMISED = {
    "trimaran_requests_total": {"model", "endpoint", "outcome"},
    "trimaran_errors_total": {"backend", "code"},
    "trimaran_first_token_seconds_bucket": {"le"},
    "trimaran_between_tokens_seconds_bucket": {"le"},
    "trimaran_failovers_total": {"from", "to", "code"},
    "trimaran_running": set(),
    "trimaran_queued": {"model"},
    "trimaran_tokens_total": {"backend", "kind"},
    "trimaran_usd_total": {"backend"},
}


async def failing(exchange: Exchange) -> None:
    await exchange.json({"error": {"message": "overloaded"}}, status=503)


def labels(line: str) -> set[str]:
    return {pair.partition("=")[0] for pair in line.strip("{}").split(",")}


async def test_the_promised_names_have_the_promised_labels() -> None:
    """After a failover every promised metric is there, labelled as promised and with the revision."""
    async with upstream(failing) as first, upstream() as second, serving(first, second) as app:
        async with app.post(STREAM) as response:
            await response.read()
        for name, promised in PROMISED.items():
            samples = await app.metric(name)
            assert {frozenset(labels(sample)) for sample in samples} == {frozenset(promised | {"revision"})}, name


async def test_a_failover_is_counted_with_its_reason() -> None:
    """The failed attempt, the way it went on and what the answer cost are counted each by their backend."""
    async with upstream(failing) as first, upstream() as second, serving(first, second) as app:
        async with app.post(CHAT) as response:
            assert response.status == 200
        assert await app.metric("trimaran_failovers_total") == {'{code="busy",from="up0",revision="r1",to="up1"}': 1}
        assert await app.metric("trimaran_errors_total") == {'{backend="up0",code="busy",revision="r1"}': 1}
        assert await app.metric("trimaran_usd_total") == {'{backend="up1",revision="r1"}': 0.000034}
        tokens = await app.metric("trimaran_tokens_total")
        assert tokens['{backend="up1",kind="input",revision="r1"}'] == 7


async def test_the_gaps_of_a_stream_are_counted() -> None:
    """Ten arrivals of content are one first token and nine gaps."""
    async with upstream(paced(10, 0.012)) as up, serving(up) as app:
        async with app.post(STREAM) as response:
            await response.read()
        assert await app.metric("trimaran_first_token_seconds_count") == {'{revision="r1"}': 1}
        assert await app.metric("trimaran_between_tokens_seconds_count") == {'{revision="r1"}': 9}


async def test_what_runs_is_seen_while_it_runs() -> None:
    """The number of running answers is read off them, in metrics and in routes."""
    async with upstream(begun_then(silence)) as up, serving(up) as app:
        async with app.post(STREAM) as response:
            await response.content.readany()
            assert await app.metric("trimaran_running") == {'{revision="r1"}': 1}
            async with app.get("/v1/routes") as shown:
                assert (await shown.json())["models"]["chat"]["backends"][0]["running"] == 1
            response.close()
        await until(lambda: not app.lifecycle.running)
        assert await app.metric("trimaran_running") == {'{revision="r1"}': 0}


async def test_openmetrics_is_spoken_to_whoever_asks_for_it() -> None:
    """The form is the one that the scraper accepts."""
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    async with upstream() as up, serving(up) as app, app.get("/metrics", headers=accept) as response:
        assert response.content_type == "application/openmetrics-text"
        assert (await response.text()).endswith("# EOF\n")
