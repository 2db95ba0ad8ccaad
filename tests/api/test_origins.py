"""Which web pages may reach the app through somebody's browser, and by which names it may be called."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app.api.keys import Keys
from app.main import origins_of
from app.settings import SettingsError, from_environment
from tests.api.serving import CHAT, App, serving
from tests.api.upstream import upstream

LISTED = {"TRIMARAN_CORS_ORIGINS": "https://app.example, chrome-extension://abc"}
KEYS = {"TRIMARAN_API_KEYS": "ci=secret-1"}
KEY = {"x-api-key": "secret-1"}
EVIL = "https://evil.example"


async def ask(app: App, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    headers = {name: value.format(port=app.port) for name, value in headers.items()}
    body = CHAT if method == "POST" else None
    async with app.client.request(method, path, json=body, headers=headers) as response:
        return response.status, await response.text()


async def connected(app: App, headers: dict[str, str]) -> int:
    """The status of a handshake: 101 when it is accepted."""
    headers = {name: value.format(port=app.port) for name, value in headers.items()}
    try:
        async with connect(f"ws://127.0.0.1:{app.port}/v1/chat/socket", additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:{port}"}, True),
        ({"origin": "https://behind.example", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "https://app.example", "sec-fetch-site": "cross-site"}, True),
        ({"origin": "chrome-extension://abc", "sec-fetch-site": "none"}, True),
        ({"origin": EVIL, "sec-fetch-site": "cross-site"}, False),
        ({"origin": EVIL}, False),
        ({"origin": EVIL, "sec-fetch-site": "none"}, False),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://localhost:{port}", "sec-fetch-site": "same-site"}, False),
        ({"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-site"}, False),
        ({"origin": "https://app.example.evil.example"}, False),
        ({"origin": "http://["}, False),
        ({"origin": ""}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
    ids=[
        *("no browser", "own page", "own page, old browser", "own page, proxy", "typed in"),
        *("listed", "listed extension", "foreign", "foreign, old browser", "foreign, none"),
        *("sandboxed", "other name", "other port", "longer name", "broken", "empty", "image", "sibling's image"),
    ],
)
async def test_a_foreign_page_is_refused(headers: dict[str, str], welcome: bool) -> None:
    """By either of the two headers with which a browser says where a request comes from; on each path, and with the WebSocket too."""
    async with upstream() as up, serving(up, environment=LISTED) as app:
        for method, path in (("POST", "/v1/chat/completions"), ("POST", "/v1/chat"), ("GET", "/v1/models")):
            status, said = await ask(app, method, path, headers)
            assert status == (200 if welcome else 403)
            assert welcome or "TRIMARAN_CORS_ORIGINS" in said
        assert await connected(app, headers) == (101 if welcome else 403)
        assert len(up.requests) == (2 if welcome else 0)


async def test_every_page_may_call_where_the_setting_says_so() -> None:
    """`*` is the operator's word."""
    foreign = {"origin": EVIL, "sec-fetch-site": "cross-site"}
    async with upstream() as up, serving(up, environment={"TRIMARAN_CORS_ORIGINS": "*"}) as app:
        assert (await ask(app, "POST", "/v1/chat", foreign))[0] == 200
        assert await connected(app, foreign) == 101


async def test_a_plain_post_needs_no_content_type() -> None:
    """`curl -d` sends a form's, and is no browser; the same from a page is refused for the page."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with upstream() as up, serving(up) as app:
        assert (await ask(app, "POST", "/v1/chat", form))[0] == 200
        assert (await ask(app, "POST", "/v1/chat", {"content-type": "text/plain", "origin": EVIL}))[0] == 403


async def test_a_link_from_anywhere_opens_the_chat_page_and_nothing_else() -> None:
    """The page holds no secret, and may not be framed; what it calls is not opened by a link."""
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    async with upstream() as up, serving(up) as app:
        assert (await ask(app, "GET", "/", link))[0] == 200
        for method, path, headers in (
            ("GET", "/health/generate", link),
            ("GET", "/v1/routes", link),
            ("POST", "/", link),
            ("GET", "/", link | {"sec-fetch-mode": "no-cors"}),
        ):
            assert (await ask(app, method, path, headers))[0] == 403


HOSTS = {
    "127.0.0.1:{port}": True,
    "127.9.9.9": True,
    "localhost:{port}": True,
    "LocalHost.": True,
    "chat.localhost:1": True,
    "[::1]:{port}": True,
    "chat.example": True,
    "CHAT.example:8080": True,
    "a.lan.example": True,
    "evil.example": False,
    "localhost.evil.example": False,
    "evillocalhost": False,
    "127.0.0.1.nip.example": False,
    "lan.example": False,
    "notchat.example": False,
    "10.0.0.5": False,
    "[fe80::1]": False,
    "[::ffff:10.0.0.5]": False,
    "localhost@evil.example": False,
    "evil.example#.localhost": False,
    "localhost evil.example": False,
    "[": False,
    "x" * 5000 + ".localhost": False,
}


@asynccontextmanager
async def named(**environment: str) -> Any:
    settings = {"TRIMARAN_ALLOWED_HOSTS": "chat.example, *.lan.example", **environment}
    async with upstream() as up, serving(up, environment=settings) as app:
        yield app


@pytest.mark.parametrize("with_keys", [False, True], ids=["open", "with keys"])
async def test_on_loopback_the_app_answers_to_its_own_names_only(with_keys: bool) -> None:
    """A page whose name was made to lead to 127.0.0.1 is known by that name, also with a key that it has tricked out of somebody."""
    async with named(**(KEYS if with_keys else {})) as app:
        for host, ours in HOSTS.items():
            status, said = await ask(app, "POST", "/v1/chat", {"host": host, **KEY})
            assert (host, status) == (host, 200 if ours else 403)
            assert ours or "TRIMARAN_ALLOWED_HOSTS" in said
            assert len(said) < 500
        assert await connected(app, {"host": "evil.example", **KEY}) == 403
        assert (await ask(app, "GET", "/", {"host": "evil.example"}))[0] == 403


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/health/generate"])
async def test_health_is_told_under_any_name(path: str) -> None:
    """Load balancers and container platforms probe by address. What only begins so is not meant."""
    async with named() as app:
        assert (await ask(app, "GET", path, {"host": "10.0.0.5:8000"}))[0] == 200
        assert (await ask(app, "GET", "/healthy", {"host": "10.0.0.5:8000"}))[0] == 403


@pytest.mark.parametrize(
    ("environment", "judged"),
    [
        ({}, True),
        (KEYS, True),
        ({"TRIMARAN_HOST": "localhost"} | KEYS, True),
        ({"TRIMARAN_HOST": "::1"} | KEYS, True),
        ({"TRIMARAN_HOST": "0.0.0.0", "TRIMARAN_ALLOW_NO_KEYS": "1"}, True),
        ({"TRIMARAN_HOST": "0.0.0.0"} | KEYS, False),
        ({"TRIMARAN_HOST": "::"} | KEYS, False),
        ({"TRIMARAN_ALLOWED_HOSTS": "*"}, False),
    ],
    ids=["loopback", "with keys", "localhost", "::1", "public, open", "public", "public, IPv6", "any"],
)
def test_names_are_judged_on_loopback_or_without_keys(environment: dict[str, str], judged: bool) -> None:
    """A public app with keys stands behind load balancers and proxies, which call it by names of their own."""
    settings = from_environment(environment)
    keys = Keys(settings.api_keys.get_secret_value(), None)
    assert (origins_of(settings, settings.host, is_open=not keys.required).hosts is not None) is judged


def test_the_address_that_an_open_app_listens_on_is_its_name() -> None:
    """Who says where it listens need not say it twice."""
    settings = from_environment({"TRIMARAN_HOST": "10.0.0.5", "TRIMARAN_ALLOW_NO_KEYS": "1"})
    assert origins_of(settings, settings.host, is_open=True).hosts == frozenset({"10.0.0.5"})


async def test_the_second_port_is_judged_by_where_it_listens() -> None:
    """Its default is loopback, where whoever scrapes calls it so."""
    async with upstream() as up, serving(up, environment=KEYS, metrics_port=True) as app:
        url = f"http://127.0.0.1:{app.parts.inspection_port}/metrics"
        for host, status in (("localhost:9090", 200), ("evil.example", 403)):
            async with app.client.get(url, headers={"host": host}) as response:
                assert response.status == status


@pytest.mark.parametrize("given", ["https://chat.example", "chat.example:80", "a b", "chat.example/x", "*x.example"])
def test_a_name_that_is_none_is_refused_at_start(given: str) -> None:
    """It would never match, and nobody would know why."""
    with pytest.raises(SettingsError, match="TRIMARAN_ALLOWED_HOSTS"):
        from_environment({"TRIMARAN_ALLOWED_HOSTS": given})
