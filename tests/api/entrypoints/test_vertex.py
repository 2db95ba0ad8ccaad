"""Behind Vertex AI: its own client predicts, streams and invokes, and the app answers as its container contract says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from google.api_core.exceptions import BadGateway, BadRequest

from tests.api.entrypoints.vertex_platform import ENVIRONMENT, HEALTH, PREDICT, calling
from tests.api.process import refused, running_app
from tests.api.serving import CHAT, STREAM, routes_to, serving, settled, until
from tests.api.upstream import WHOLE, Exchange, complete, silence, upstream

KEYS = {"TRIMARAN_API_KEYS": "ci=secret-1"}
TEXT = {**WHOLE, "object": "text_completion", "choices": [{"index": 0, "text": "ab", "finish_reason": "stop"}]}
VECTORS = {"object": "list", "model": "mock-1", "data": [{"index": 0, "object": "embedding", "embedding": [0.5]}]}


def ask(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def asked(exchange: Exchange) -> str:
    return str(exchange.body["messages"][0]["content"])


def said(prediction: dict[str, Any]) -> str:
    return str(prediction["choices"][0]["message"]["content"])


async def echo(exchange: Exchange) -> None:
    """The question itself; the first one is answered last."""
    await asyncio.sleep(0.1 if asked(exchange) == "0" else 0)
    answer = {"index": 0, "message": {"role": "assistant", "content": asked(exchange)}, "finish_reason": "stop"}
    await exchange.json({**WHOLE, "choices": [answer]})


async def failing_one(exchange: Exchange) -> None:
    await (exchange.json({}, 500) if asked(exchange) == "fail" else echo(exchange))


async def by_kind(exchange: Exchange) -> None:
    """Each kind of request as OpenAI's API answers it."""
    await exchange.json(
        {"/v1/chat/completions": WHOLE, "/v1/completions": TEXT, "/v1/embeddings": VECTORS}[exchange.path]
    )


async def test_predictions_are_in_the_order_of_their_instances() -> None:
    """However long each takes."""
    async with upstream(echo) as up, serving(up, environment=ENVIRONMENT) as app:
        result = await calling(app, lambda endpoint: endpoint.predict([ask("0"), ask("1"), ask("2")]))
        counted = await app.metric("trimaran_requests_total")
    assert [said(each) for each in result.predictions] == ["0", "1", "2"]
    assert list(counted.values()) == [3]


async def test_each_instance_is_of_its_own_kind() -> None:
    """Chats, completions and embeddings stand side by side; parameters are the fields of those that have not their own."""
    instances = [CHAT, {"prompt": "hi", "max_tokens": 2}, {"input": "hi", "max_tokens": None}]
    async with upstream(by_kind) as up, serving(up, environment=ENVIRONMENT) as app:
        result = await calling(app, lambda endpoint: endpoint.predict(instances, {"max_tokens": 7}))
    assert [sorted(set(each) & {"choices", "data"}) for each in result.predictions] == [
        ["choices"],
        ["choices"],
        ["data"],
    ]
    limits = {each.path: each.body.get("max_tokens") for each in up.requests}
    assert limits == {"/v1/chat/completions": 7, "/v1/completions": 2, "/v1/embeddings": None}


async def test_whole_numbers_stay_whole() -> None:
    """In the platform's messages every number is a double: a backend would refuse 5.0 tokens, or 7.0 choices."""
    instance = {
        **CHAT,
        "seed": 5.0,
        "temperature": 0.5,
        "tools": [{"function": {"name": "f", "parameters": {"minimum": 1.0}}}],
    }
    async with upstream() as up, serving(up, environment=ENVIRONMENT) as app:
        await (await app.post({"instances": [instance]}, PREDICT)).read()
    sent = json.dumps(up.requests[0].body)
    assert '"seed": 5,' in sent
    assert '"temperature": 0.5' in sent
    assert '"minimum": 1}' in sent


@pytest.mark.parametrize("dedicated", [False, True])
async def test_a_failed_instance_leaves_the_others_their_answers(dedicated: bool) -> None:
    """They are paid for. Its own place has the error that a single request would have got."""
    instances = [ask("1"), ask("fail"), ask("2")]
    async with upstream(failing_one) as up, serving(up, environment=ENVIRONMENT) as app:
        result = await calling(app, lambda endpoint: endpoint.predict(instances), dedicated=dedicated)
    assert [said(result.predictions[0]), said(result.predictions[2])] == ["1", "2"]
    assert result.predictions[1]["error"]["type"] == "server_error"


async def test_the_client_raises_when_no_instance_was_answered() -> None:
    """The status is then that of the first failure."""
    async with upstream(failing_one) as up, serving(up, environment=ENVIRONMENT) as app:
        with pytest.raises(BadGateway, match="up0"):
            await calling(app, lambda endpoint: endpoint.predict([ask("fail"), ask("fail")]))


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "instances[1].messages"),
        ({"text": "hi"}, "instances[1]"),
        ({**CHAT, "temperature": 9}, "instances[1].temperature"),
        (STREAM, "instances[1].stream"),
    ],
)
async def test_a_wrong_instance_refuses_all_before_anything_is_spent(wrong: dict[str, Any], param: str) -> None:
    """The error says which one, and the client raises it."""
    async with upstream() as up, serving(up, environment=ENVIRONMENT) as app:
        with pytest.raises(BadRequest):
            await calling(app, lambda endpoint: endpoint.predict([CHAT, wrong]))
        async with app.post({"instances": [CHAT, wrong]}, PREDICT) as response:
            error = (await response.json())["error"]
        counted = await app.metric("trimaran_requests_total")
    assert error["param"] == param
    assert error["message"].startswith("instances[1]: ")
    assert not up.requests
    assert [(labels.split('outcome="')[1].split('"')[0], count) for labels, count in counted.items()] == [
        ("bad_request", 2)
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"instances": []}', "length >= 1"),
        (b'{"instances": {}}', "instances: expected 'array'"),
        (b'{"instances": [1]}', "instances[0]: expected 'object'"),
        (b'{"instances": [{}], "parameters": []}', "parameters: expected 'object"),
        (b'{"instances": [' + b",".join([b'{"input":"a"}'] * 129) + b"]}", "length <= 128"),
        (b'{"instances": [{"messages": ' + b"[" * 900 + b"]" * 900 + b"}]}", "nested too deeply"),
        (b'{"instances": [', "not valid JSON"),
        (b"{}", "messages"),
        (b"[]", "expected 'object'"),
        (b"\xff", "not valid JSON"),
    ],
)
async def test_a_body_that_is_neither_is_refused(body: bytes, message: str) -> None:
    """With a sentence in the usual error body, and the status that says whose mistake it is."""
    async with upstream() as up, serving(up, environment=ENVIRONMENT) as app:
        async with app.client.post(PREDICT, data=body) as response:
            assert (response.status, message in (await response.json())["error"]["message"]) == (400, True)
        assert list((await app.metric("trimaran_requests_total")).values()) == [1]
    assert not up.requests


async def test_a_request_of_openais_is_answered_as_one() -> None:
    """rawPredict hands a body on as it is: whole answers and errors come back as from OpenAI's own paths."""

    def raw(endpoint: Any) -> list[Any]:
        bodies = [CHAT, {"prompt": "hi"}, {"input": "hi"}, {**CHAT, "temperature": 9}]
        return [
            endpoint.raw_predict(json.dumps(body).encode(), {"content-type": "application/json"}) for body in bodies
        ]

    async with upstream(by_kind) as up, serving(up, environment=ENVIRONMENT) as app:
        chat, text, vectors, refusal = await calling(app, raw, dedicated=True)
    assert chat.json()["choices"][0]["message"]["content"] == "ab"
    assert text.json()["choices"][0]["text"] == "ab"
    assert vectors.json()["data"][0]["embedding"] == [0.5]
    assert (refusal.status_code, refusal.json()["error"]["param"]) == (400, "temperature")
    assert [chat.headers["x-trimaran-backend"], chat.headers["x-revision"]] == ["up0", "r1"]


async def test_a_stream_is_read_event_by_event() -> None:
    """streamRawPredict gives the client the lines of server-sent events, up to the end mark."""

    def lines(endpoint: Any) -> list[bytes]:
        return list(endpoint.stream_raw_predict(json.dumps(STREAM).encode(), {"content-type": "application/json"}))

    async with upstream() as up, serving(up, environment=ENVIRONMENT) as app:
        events = [
            line.removeprefix(b"data: ") for line in await calling(app, lines, dedicated=True) if line[:5] == b"data:"
        ]
    assert events[-1] == b"[DONE]"
    assert "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events[:-1]) == "ab"


async def test_all_other_paths_can_be_invoked() -> None:
    """A model with an invoke route has them; keys are asked for there, and neither for predictions nor for health."""
    key = {"x-api-key": "secret-1", "authorization": "Bearer ya29.googles-own"}

    def invoke(endpoint: Any) -> list[int]:
        body = json.dumps(CHAT).encode()
        answers = [endpoint.invoke("/v1/chat/completions", body, headers) for headers in ({}, key)]
        return [answer.status_code for answer in answers]

    async with upstream() as up, serving(up, environment={**ENVIRONMENT, **KEYS}) as app:
        assert await calling(app, invoke, dedicated=True) == [401, 200]
        async with app.post({"instances": [CHAT]}, PREDICT) as predicted, app.get(HEALTH) as health:
            assert (predicted.status, health.status) == (200, 200)


async def test_a_path_that_is_there_already_is_read_as_it_was() -> None:
    """A predict route may be one of the app's own paths: instances are taken there too, and nothing else changes."""
    routes = {"AIP_PREDICT_ROUTE": "/v1/chat", "AIP_HEALTH_ROUTE": "/v1/models"}
    async with upstream() as up, serving(up, environment={**ENVIRONMENT, **routes}) as app:
        async with app.post(CHAT, "/v1/chat") as single, app.post({"instances": [CHAT]}, "/v1/chat") as many:
            assert await single.json() == {"content": "ab"}
            assert said((await many.json())["predictions"][0]) == "ab"
        async with app.get("/v1/models") as health:
            assert await health.json() == {"status": "ready"}


async def test_a_body_of_many_leaves_room_for_others() -> None:
    """At most 16 of its instances run at once; the others wait for them."""
    async with upstream(silence) as up, serving(up, environment=ENVIRONMENT) as app:
        asking = asyncio.create_task(app.client.post(PREDICT, json={"instances": [CHAT] * 20}))
        await until(lambda: up.running == 16)
        await settled()
        assert up.running == 16
        up.script = complete
        asking.cancel()


async def test_a_caller_that_leaves_stops_all_that_runs() -> None:
    """And what still waits is asked of nobody; each is told to the metrics as its caller's leaving."""
    async with upstream(silence) as up, serving(up, environment=ENVIRONMENT) as app:
        asking = asyncio.create_task(app.client.post(PREDICT, json={"instances": [CHAT] * 20}))
        await until(lambda: up.running == 16)
        asking.cancel()
        await until(lambda: up.running == 0 and not app.lifecycle.running)
        counted = await app.metric("trimaran_requests_total")
        assert len(up.requests) == 16
        assert [('outcome="client_gone"' in labels, count) for labels, count in counted.items()] == [(True, 20)]


async def test_what_a_body_holds_is_given_back(held: Any) -> None:
    """Whether it was answered, refused, or left."""
    async with upstream() as up, serving(up, environment=ENVIRONMENT) as app:
        asked: list[dict[str, Any]] = [{"instances": [CHAT] * 3}, {"instances": [{}]}, CHAT]
        for body in asked:
            async with app.post(body, PREDICT) as response:
                await response.read()
    assert held() == 0


async def test_health_is_readiness() -> None:
    """The platform sends no predictions while its path answers 503, as it does when the app has been told to stop."""
    async with upstream() as up, serving(up, environment=ENVIRONMENT) as app:
        app.lifecycle.draining = True
        async with app.get(HEALTH) as response:
            assert (response.status, await response.json()) == (503, {"status": "draining"})


async def test_the_platforms_paths_are_there_for_it_alone() -> None:
    """Another entry point has neither, whatever the environment says: nothing asks for a key on them."""
    async with upstream() as up, serving(up, environment={**ENVIRONMENT, "TRIMARAN_ENTRYPOINT": "server"}) as app:
        predicted, health = await app.post({"instances": [CHAT]}, PREDICT), await app.get(HEALTH)
        assert (predicted.status, health.status) == (404, 404)


async def test_it_listens_where_the_platform_says() -> None:
    """On all addresses, whatever the image has set, without keys, and to any name by which the platform calls it."""
    environment = {**ENVIRONMENT, "AIP_HTTP_PORT": "0", "TRIMARAN_HOST": "127.0.0.1", "TRIMARAN_PORT": "1"}
    async with upstream() as up, running_app(routes_to(up), environment) as process, aiohttp.ClientSession() as client:
        assert process.log[-1]["message"].startswith("listening on 0.0.0.0 port")
        async with client.post(process.url + PREDICT, json=CHAT, headers={"host": "model-7.example"}) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AIP_HTTP_PORT": ""}, "AIP_HTTP_PORT is not set, as it is in every container that Vertex AI starts"),
        ({"AIP_HEALTH_ROUTE": ""}, "AIP_HEALTH_ROUTE is not set"),
        ({"AIP_HTTP_PORT": "80a"}, "AIP_HTTP_PORT='80a' cannot be used: a port is a number"),
        ({"AIP_PREDICT_ROUTE": "predict"}, "AIP_PREDICT_ROUTE='predict' cannot be used: a path is written as in"),
        ({"AIP_PREDICT_ROUTE": "/{x}"}, "AIP_PREDICT_ROUTE='/{x}' cannot be used"),
    ],
)
async def test_what_is_not_vertex_ai_is_no_place_to_start(environment: dict[str, str], message: str) -> None:
    """It would be open without keys; the words name the variable."""
    assert message in await refused({**ENVIRONMENT, **environment, "TRIMARAN_ROUTES_YAML": "{}"})
