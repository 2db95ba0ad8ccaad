"""What stands in front of every route: keys, request ids, the revision, other pages' origins."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.serving import CHAT, serving
from tests.api.upstream import upstream

KEYS = {"TRIMARAN_API_KEYS": "ci=secret-1\nweb=secret-2"}
ORIGINS = {"TRIMARAN_CORS_ORIGINS": "https://a.example, https://b.example:8443"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("HEAD", "/health/live", 200),
        ("GET", "/v1/models", 401),
        ("GET", "/no-such", 401),
        ("POST", "/v1/chat/completions", 401),
        ("OPTIONS", "/v1/chat/completions", 401),
    ],
)
async def test_every_answer_has_an_id_and_the_revision(method: str, path: str, status: int) -> None:
    """Also a refusal can be found in the log, and tells which revision refused."""
    async with upstream() as up, serving(up, environment=KEYS) as app, app.client.request(method, path) as response:
        assert response.status == status
        assert len(response.headers["x-request-id"]) == 32
        assert response.headers["x-revision"] == "r1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/no-such", 404), ("GET", "/v1/chat", 405), ("POST", "/health", 405), ("GET", "/v1/chat/", 404)],
)
async def test_what_is_not_there_is_told_in_the_error_shape(method: str, path: str, status: int) -> None:
    """No such path and no such method are errors in OpenAI's shape, with an id."""
    async with upstream() as up, serving(up) as app, app.client.request(method, path) as response:
        assert response.status == status
        assert path in (await response.json())["error"]["message"]
        assert response.headers["x-request-id"]
        assert status == 404 or response.headers["allow"]


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-DEF_1", True), ("x" * 128, True), ("x" * 129, False), ("a b", False)]
)
async def test_a_callers_own_id_is_kept_when_it_is_a_plain_one(given: str, kept: bool) -> None:
    """A usable id comes back and goes on to the backend; any other is replaced, so that nobody writes into our log."""
    async with upstream() as up, serving(up) as app:
        async with app.post(CHAT, headers={"x-request-id": given}) as response:
            seen = response.headers["x-request-id"]
        assert (seen == given) == kept
        assert up.requests[0].headers["x-request-id"] == seen.lower()


async def test_a_defect_of_ours_is_a_500_with_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that nobody foresaw is told in the error shape; its id is the one in the log."""
    monkeypatch.setattr("app.api.models.Models._object", lambda self, name: self.no_such_thing)
    async with upstream() as up, serving(up) as app, app.get("/v1/models") as response:
        assert response.status == 500
        assert (await response.json())["error"]["type"] == "server_error"
        assert response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": "Basic secret-1"}, 401),
        ({"x-api-key": "secret-3"}, 401),
        ({"authorization": "Bearer secret-1"}, 200),
        ({"authorization": "bearer  secret-2"}, 200),
        ({"x-api-key": "secret-2"}, 200),
    ],
)
async def test_a_key_is_asked_for(headers: dict[str, str], status: int) -> None:
    """Any of the keys opens the API, as a bearer token or in x-api-key; a refusal says how to send one."""
    async with (
        upstream() as up,
        serving(up, environment=KEYS) as app,
        app.get("/v1/models", headers=headers) as response,
    ):
        assert response.status == status
        if status == 401:
            assert response.headers["www-authenticate"] == "Bearer"
            assert "x-api-key" in (await response.json())["error"]["message"]


@pytest.mark.parametrize("path", ["/metrics", "/v1/routes", "/health/generate", "/v1/models/chat"])
async def test_the_inside_is_not_shown_without_a_key(path: str) -> None:
    """Metrics, routes and whatever generates want a key when there are keys."""
    async with upstream() as up, serving(up, environment=KEYS) as app:
        async with app.get(path) as response:
            assert response.status == 401
        async with app.get(path, headers={"x-api-key": "secret-1"}) as response:
            assert response.status == 200


@pytest.mark.parametrize("path", ["/", "/health", "/health/live", "/health/ready", "/openapi.json"])
async def test_probes_and_the_page_need_no_key(path: str) -> None:
    """A load balancer has no key, and the page asks for one itself."""
    async with upstream() as up, serving(up, environment=KEYS) as app, app.get(path) as response:
        assert response.status == 200


async def test_the_second_port_shows_the_inside_and_nothing_else() -> None:
    """Whoever reaches the metrics port needs no key for metrics and routes, and can call nothing that costs."""
    async with upstream() as up, serving(up, environment=KEYS, metrics_port=True) as app:
        inside = f"http://127.0.0.1:{app.parts.inspection_port}"
        for path in ("/metrics", "/v1/routes", "/health/live"):
            async with app.client.get(inside + path) as response:
                assert response.status == 200
        for method, path in (("POST", "/v1/chat"), ("GET", "/v1/models"), ("GET", "/health/generate"), ("GET", "/")):
            async with app.client.request(method, inside + path, json=CHAT) as response:
                assert response.status == 404
        async with app.get("/metrics", headers={"host": f"127.0.0.1:{app.parts.inspection_port}"}) as response:
            assert response.status == 401
        assert up.requests == []


async def test_the_routes_are_shown_as_they_are_now() -> None:
    """Models lead to backends with their adapter, model and state; no key, address or variable's name is shown."""
    async with upstream() as up, serving(up) as app, app.get("/v1/routes") as response:
        shown = await response.json()
        assert "127.0.0.1" not in await response.text()
    backend: dict[str, Any] = {"name": "up0", "adapter": "openai_compatible", "model": "mock-1", "weight": 1}
    assert shown["default_model"] == "chat"
    assert shown["models"]["chat"]["strategy"] == "failover"
    [found] = shown["models"]["chat"]["backends"]
    now = {"running": 0, "ready": True, "circuit": "closed", "asked_again_in_s": 0.0}
    assert found.items() >= (backend | now).items()


async def test_a_listed_page_may_ask_first_without_a_key() -> None:
    """A browser's preflight carries no key and is answered for the origins of the setting."""
    asked = {"origin": "https://b.example:8443", "access-control-request-method": "POST"}
    asked["access-control-request-headers"] = "authorization, content-type, x-stainless-os"
    async with upstream() as up, serving(up, environment=KEYS | ORIGINS) as app:
        async with app.client.options("/v1/chat/completions", headers=asked) as response:
            assert response.status == 200
            assert response.headers["access-control-allow-origin"] == "https://b.example:8443"
            assert "x-stainless-os" in response.headers["access-control-allow-headers"]
        async with app.client.options("/v1/chat", headers=asked | {"origin": "https://evil.example"}) as response:
            assert response.status == 400


async def test_a_listed_page_can_read_the_answer_and_its_headers() -> None:
    """Answers to other pages expose the app's own headers; a refusal can be read too, or the page could not tell why."""
    origin = {"origin": "https://a.example"}
    async with upstream() as up, serving(up, environment=KEYS | ORIGINS) as app:
        async with app.post(CHAT, headers={**origin, "x-api-key": "secret-1"}) as response:
            assert response.headers["access-control-allow-origin"] == "https://a.example"
            assert "x-trimaran-backend" in response.headers["access-control-expose-headers"]
        async with app.get("/v1/models", headers=origin) as response:
            assert response.status == 401
            assert response.headers["access-control-allow-origin"] == "https://a.example"


async def test_without_the_setting_no_other_page_may_call() -> None:
    """By default no origin is allowed."""
    origin = {"origin": "https://a.example"}
    async with upstream() as up, serving(up) as app, app.post(CHAT, headers=origin) as response:
        assert "access-control-allow-origin" not in response.headers


async def test_one_model_is_described_by_its_public_name() -> None:
    """A known model has an object in OpenAI's form; an unknown one is 404 with the names that there are."""
    async with upstream() as up, serving(up) as app:
        async with app.get("/v1/models/chat") as response:
            assert (await response.json())["id"] == "chat"
        for path in ("/v1/models/chta", "/v1/models/"):
            async with app.get(path) as response:
                assert response.status == 404
