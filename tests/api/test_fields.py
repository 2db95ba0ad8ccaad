"""What clients really send: taken where it is meant, named where it is left out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.serving import CHAT, STREAM, routes_to, serving
from tests.api.upstream import Exchange, upstream

TOOL = {"function": {"name": "f", "parameters": {}}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"max_tokens": 128.0}, {"max_tokens": 128}),
        ({"max_completion_tokens": 16.0}, {"max_completion_tokens": 16}),
        ({"max_tokens": -1}, {}),
        ({"tools": [TOOL]}, {"tools": [{"type": "function", **TOOL}]}),
        ({"tools": [{"type": "function", **TOOL}]}, {"tools": [{"type": "function", **TOOL}]}),
    ],
)
async def test_what_many_clients_send_is_taken(given: dict[str, Any], sent: dict[str, Any]) -> None:
    """A limit as a float or as -1 for none, a tool without a type: backends get it as OpenAI's reference has it."""
    async with upstream() as up, serving(up) as app, app.post(CHAT | given) as response:
        assert response.status == 200
    body = up.requests[0].body
    assert {name: body[name] for name in body if name in ("max_tokens", "max_completion_tokens", "tools")} == sent


@pytest.mark.parametrize(
    "given",
    [{"max_tokens": 0}, {"max_tokens": 0, "echo": True}, {"max_tokens": 1.5}, {"max_tokens": -2}, {"max_tokens": "7"}],
)
async def test_what_means_nothing_is_refused(given: dict[str, Any]) -> None:
    """By the field's name."""
    async with upstream() as up, serving(up) as app, app.post(CHAT | given) as response:
        assert (response.status, (await response.json())["error"]["param"]) == (400, "max_tokens")


async def test_no_tokens_but_the_prompt() -> None:
    """The one request for no answer at all that means something: a backend that echoes gets it as it is."""
    asked = {"prompt": "Once", "max_tokens": 0, "echo": True}

    async def echo(exchange: Exchange) -> None:
        choice = {"index": 0, "text": "Once", "finish_reason": "length"}
        await exchange.json({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 0}})

    async with upstream(echo) as up, serving(up) as app, app.post(asked, "/v1/completions") as response:
        assert (response.status, (await response.json())["choices"][0]["text"]) == (200, "Once")
    assert {name: up.requests[0].body[name] for name in ("max_tokens", "echo")} == {"max_tokens": 0, "echo": True}


@pytest.mark.parametrize("asked", [CHAT, STREAM], ids=["whole", "stream"])
async def test_what_only_hints_is_named_and_stops_nothing(asked: dict[str, Any]) -> None:
    """The first backend is busy, the second knows neither field: it answers, and says what it did not get."""

    async def busy(exchange: Exchange) -> None:
        await exchange.json({"error": {"message": "overloaded"}}, 503)

    hints = {"prompt_cache_key": "k", "store": True, "metadata": {"a": "b"}, "service_tier": "auto"}
    async with upstream(busy) as first, upstream() as second, serving(first, second) as app:
        async with app.post(asked | hints) as response:
            await response.read()
            assert response.status == 200
            assert response.headers["x-trimaran-ignored"] == "metadata, prompt_cache_key, service_tier, store"
        async with app.post(asked) as response:
            assert "x-trimaran-ignored" not in response.headers
    assert not hints.keys() & second.requests[0].body.keys()


async def test_a_route_may_drop_what_no_backend_takes() -> None:
    """`unsupported: drop`; a name that fits into no header is left out of it."""
    async with upstream() as up:
        refusing = routes_to(up)
        dropping = refusing.replace("limits:", "unsupported: drop, limits:")
        odd = {"min_p": 0.1, "x\r\nset-cookie: a": 1}
        async with serving(routes_text=refusing) as app, app.post(CHAT | {"min_p": 0.1}) as response:
            assert (response.status, (await response.json())["error"]["param"]) == (400, "min_p")
        async with serving(routes_text=dropping) as app, app.post(CHAT | odd) as response:
            assert (response.status, response.headers["x-trimaran-ignored"]) == (200, "min_p")
            assert "set-cookie" not in response.headers
