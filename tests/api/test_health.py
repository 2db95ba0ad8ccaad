"""Health: alive, ready and generating are three things."""

from __future__ import annotations

from tests.api.serving import serving
from tests.api.upstream import Exchange, upstream


async def failing(exchange: Exchange) -> None:
    await exchange.json({"error": {"message": "overloaded"}}, status=503)


async def test_alive_and_ready_ask_no_backend() -> None:
    """Probes cost nothing, and a remote provider's outage does not take the app out."""
    async with upstream(failing) as up, serving(up) as app:
        for path, status in (("/health/live", "live"), ("/health/ready", "ready"), ("/health", "ready")):
            async with app.get(path) as response:
                assert response.status == 200
                assert await response.json() == {"status": status}
        assert up.requests == []


async def test_generating_is_really_tried_and_remembered_for_a_while() -> None:
    """One token is asked for, once in ten seconds, however often the probe comes."""
    async with upstream() as up, serving(up) as app:
        for _ in range(3):
            async with app.get("/health/generate") as response:
                assert (await response.json())["status"] == "generates"
        assert [request.body["max_tokens"] for request in up.requests] == [1]


async def test_a_backend_that_does_not_generate_is_told_with_its_reason() -> None:
    """The probe fails as a request would, with the same error."""
    async with upstream(failing) as up, serving(up) as app, app.get("/health/generate") as response:
        assert response.status == 503
        assert (await response.json())["error"]["code"] == "busy"
