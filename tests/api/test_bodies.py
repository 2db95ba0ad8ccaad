"""How much a request's body may be, beside its bytes: marks, depth, lengths of names; and how little of it an error repeats."""

from __future__ import annotations

import difflib
import json
from typing import Any

import pytest

from app.api import bodies
from app.api.errors import Fault
from tests.api.serving import CHAT, MESSAGES, routes_to, serving
from tests.api.upstream import Exchange, complete, upstream

IDS = list(range(300_000))
LONG = "x" * 201  # more than an error repeats
VERY_LONG = "x" * 2**20


async def embeds(exchange: Exchange) -> None:
    one = {"object": "embedding", "index": 0, "embedding": [0.5]}
    await exchange.json({"object": "list", "model": "m", "data": [one]})


@pytest.mark.parametrize("mark", ["{},", "[],", ","])
async def test_a_body_of_nothing_but_structure_is_refused_unread(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding it would hold up everybody: it is counted first, and never decoded."""
    monkeypatch.setattr(bodies, "_decode", None)
    raw = b'{"tools": [' + mark.encode() * 1_000_001
    async with upstream() as up, serving(up) as app:
        async with app.client.post("/v1/chat/completions", data=raw) as response:
            assert response.status == 400
            assert "braces, brackets and commas, and at most 1,000,000 are taken" in await response.text()
        assert up.requests == []


@pytest.mark.parametrize(
    ("path", "field"), [("/v1/completions", "prompt"), ("/v1/embeddings", "input")], ids=["completions", "embeddings"]
)
async def test_three_hundred_thousand_token_ids_pass(path: str, field: str) -> None:
    """The longest prompt that a model takes, written as numbers."""
    async with upstream(embeds if field == "input" else complete) as up, serving(up) as app:
        async with app.post({field: IDS}, path) as response:
            assert response.status == 200
        assert up.requests[0].body[field] == IDS


def test_a_million_marks_are_the_most() -> None:
    """The limit itself is taken, in bytes and in text."""
    raw = b"[" + b"1," * (bodies.MAX_MARKS - 1) + b"1]"
    assert len(bodies.parse(raw)) == len(bodies.parse(raw.decode())) == bodies.MAX_MARKS
    for more in (raw[:-1] + b",1]", raw[:-1].decode() + ",1]"):
        with pytest.raises(Fault, match="1,000,001 braces"):
            bodies.parse(more)


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_body_is_taken_or_too_deep_and_nothing_between(stream: str) -> None:
    """What could just be read here cannot be written for a backend, where the stack is higher: each depth around that is tried."""
    statuses = []
    async with upstream() as up, serving(up) as app:
        for depth in [100, 500, *range(850, 1_010, 2), 5_000]:
            deep = b'{"a":' * depth + b"1" + b"}" * depth
            tool = b'{"type":"function","function":{"name":"f","parameters":%s}}' % deep
            raw = b'{"messages":[{"role":"user","content":"hi"}],"stream":%s,"tools":[%s]}' % (stream.encode(), tool)
            async with app.client.post("/v1/chat/completions", data=raw) as response:
                statuses.append(response.status)
                assert response.status == 200 or "nested too deeply" in await response.text()
        assert await app.metric("trimaran_defects_total") == {'{revision="r1"}': 0.0}
    assert statuses == sorted(statuses)
    assert (statuses[1], statuses[-1]) == (200, 400)


async def test_a_recursion_of_our_own_is_no_callers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a flat body it is a defect."""

    def recurse(*args: Any) -> Any:
        return recurse(*args)

    monkeypatch.setattr("app.logic.router.Router.open", recurse)
    async with upstream() as up, serving(up) as app, app.post(CHAT) as response:
        assert response.status == 500


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "{}"},
        {"user": "{}"},
        {"prompt_cache_key": "{}"},
        {"safety_identifier": "{}"},
        {"stop": "{}"},
        {"stop": ["a", "{}"]},
    ],
    ids=["model", "user", "prompt_cache_key", "safety_identifier", "stop", "one of the stop words"],
)
async def test_names_and_ids_have_a_length(fields: dict[str, Any]) -> None:
    """512 characters are taken, one more is refused by the field's name."""
    (name,) = fields
    async with upstream() as up:
        routes = routes_to(up).replace("models: {chat:", f"models: {{{'m' * 512}: {{backends: [{{use: up0}}]}}, chat:")
        routes = routes.replace("adapter: openai_compatible", "adapter: openai, key_env: KEY")
        async with serving(routes_text=routes, environment={"KEY": "k"}) as app:
            for length, status in ((512, 200), (513, 400)):
                given = json.loads(json.dumps(fields).replace("{}", "m" * length))
                async with app.post(CHAT | given) as response:
                    assert response.status == status
                    said = await response.json()
            assert said["error"]["param"].startswith(name)
            assert "length <= 512" in said["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat", {"messages": MESSAGES, VERY_LONG: 1}),
        ("/v1/chat/completions", {"messages": MESSAGES, VERY_LONG: 1}),
        ("/v1/chat/completions", {"messages": MESSAGES, "model": LONG}),
        ("/v1/chat/completions", {"messages": [{"role": VERY_LONG, "content": "hi"}], "model": "claude"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": VERY_LONG}]}]}),
        ("/v1/chat/completions", {"messages": MESSAGES, "tools": [{"type": VERY_LONG}]}),
        ("/v1/chat/completions", {"messages": MESSAGES, "logit_bias": {VERY_LONG: VERY_LONG}}),
        ("/v1/chat/completions", {"messages": MESSAGES, "response_format": {"type": VERY_LONG}}),
        ("/v1/chat/completions", {"messages": MESSAGES, "tool_choice": VERY_LONG, "tools": [{}], "model": "claude"}),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "h"}]}]},
        ),
        ("/v1/models/" + "x" * 9_000, None),
        ("/v1/" + "x" * 9_000, None),
    ],
    ids=[
        *("field of /v1/chat", "field", "model", "role", "part", "tool", "bias", "format", "choice", "image"),
        *("model's path", "path"),
    ],
)
async def test_an_error_repeats_little_of_what_was_sent(path: str, body: dict[str, Any] | None) -> None:
    """At most 200 characters: an error is also logged and kept."""
    if body is not None and body["messages"] != MESSAGES:
        body = json.loads(json.dumps(body).replace('"h"', f'"http://{VERY_LONG}"'))
    async with upstream() as up:
        claude = "claude: {adapter: anthropic, key_env: KEY, base_url: 'http://127.0.0.1:1', model: claude-x}"
        routes = routes_to(up).replace("models: {", f"  {claude}\nmodels: {{claude: {{backends: [{{use: claude}}]}}, ")
        async with serving(routes_text=routes, environment={"KEY": "k"}) as app:
            request = app.client.get(path) if body is None else app.post(body, path)
            async with request as response:
                assert response.status in (400, 404)
                said = await response.text()
    assert len(said) < 1_000
    assert LONG not in said


async def test_a_long_name_is_compared_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing takes time that grows with the square of the length; for one of 200 characters it is still a help."""
    compared = []
    real = difflib.get_close_matches

    def recorded(word: str, *args: Any, **options: Any) -> list[str]:
        compared.append(len(word))
        return real(word, *args, **options)

    monkeypatch.setattr(difflib, "get_close_matches", recorded)
    async with upstream() as up, serving(up) as app:
        for name in ("c" * 200, "c" * 201, "chta"):
            async with app.post(CHAT | {"model": name}) as response:
                assert response.status == 404
                said = await response.text()
            async with app.get(f"/v1/models/{name}") as response:
                assert response.status == 404
    assert compared == [200, 200, 4, 4]
    assert "Did you mean 'chat'?" in said
