"""The OpenAPI document: complete, true, and no request that it allows makes the app fail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode, checks
from schemathesis.core.result import Ok

from app.api.openapi import document
from tests.api.serving import CHAT, serving
from tests.api.upstream import Exchange, complete, upstream
from tests.clock import PATIENCE_S

EXAMPLES = 8
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


async def like_a_server(exchange: Exchange) -> None:
    """What a real server answers on each path."""
    if exchange.path.endswith("/embeddings"):
        one = {"object": "embedding", "index": 0, "embedding": [0.5]}
        await exchange.json({"object": "list", "model": "mock-1", "data": [one], "usage": {"prompt_tokens": 1}})
    elif exchange.path.endswith("/chat/completions"):
        await complete(exchange)
    elif exchange.streams:
        choice = {"index": 0, "text": "ab", "finish_reason": "stop"}
        await exchange.head()
        event = json.dumps({"id": "c1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]})
        await exchange.send(f"data: {event}\n\ndata: [DONE]\n\n".encode())
    else:
        choice = {"index": 0, "text": "ab", "finish_reason": "stop"}
        await exchange.json(
            {"id": "c1", "object": "text_completion", "created": 1, "model": "mock-1", "choices": [choice]}
        )


async def test_every_route_is_in_the_document() -> None:
    """Each path that the app answers is described, but for the page and the WebSocket, which OpenAPI cannot describe."""
    async with upstream() as up, serving(up) as app, app.get("/openapi.json") as response:
        described = set((await response.json())["paths"])
    assert described == {
        "/v1/chat",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/routes",
        "/metrics",
        "/health",
        "/health/live",
        "/health/ready",
        "/health/generate",
    }


def test_what_needs_a_key_says_so() -> None:
    """Only the probes are described as open."""
    paths = document("r1")["paths"]
    described = {path: next(iter(methods.values())) for path, methods in paths.items()}
    assert {path for path, operation in described.items() if operation.get("security") == []} == {
        "/health",
        "/health/live",
        "/health/ready",
    }
    assert all("401" in operation["responses"] for operation in described.values() if operation.get("security") != [])


def test_a_request_is_described_by_the_type_that_checks_it() -> None:
    """What the document forbids the app refuses: ranges, missing fields, and unknown fields of /v1/chat."""
    schemas = document("r1")["components"]["schemas"]

    def allows(name: str, body: Any) -> bool:
        root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        return bool(Draft202012Validator(root).is_valid(body))

    assert allows("ChatRequest", {**CHAT, "temperature": 1, "unknown": True})
    assert not allows("ChatRequest", {**CHAT, "temperature": 3})
    assert not allows("ChatRequest", {})
    assert not allows("TextbookRequest", {**CHAT, "seed": 1})


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]}, True),
        ({"messages": [{"role": "assistant", "tool_calls": [CALL | {"function": {"arguments": {"a": 1}}}]}]}, True),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:,"}]}]}, True),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {}}]}]}, True),
        ({"messages": [{"role": "user", "content": "hi", "unknown": 1}]}, True),
        ({"tools": [TOOL, {"type": "custom", "custom": {}}], "tool_choice": "auto"}, True),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}, "tools": [TOOL]}, True),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}}, True),
        ({"logit_bias": {"1": -100}}, True),
        ({"logit_bias": [[1, -100]]}, True),
        ({"stream_options": {"include_usage": True, "unknown": 1}}, True),
        ({"messages": [{"content": "hi"}]}, False),
        ({"messages": [{"role": 5}]}, False),
        ({"messages": ["hi"]}, False),
        ({"messages": [{"role": "user", "content": ["hi"]}]}, False),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, False),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, False),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": "f"}]}]}, False),
        ({"tools": ["f"]}, False),
        ({"tools": [{"type": "function", "function": {"name": 5}}]}, False),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, False),
        ({"tool_choice": 5}, False),
        ({"response_format": "json"}, False),
        ({"response_format": {"type": "json_schema", "json_schema": []}}, False),
        ({"logit_bias": {"1": "x"}}, False),
        ({"stream_options": {"include_usage": "yes"}}, False),
        ({"user": 5}, False),
        ({"prompt_cache_key": []}, False),
    ],
    ids=str,
)
async def test_the_document_says_what_is_taken_at_every_depth(fields: dict[str, Any], taken: bool) -> None:
    """The app and the document agree, also on what clients add that no reference has."""
    root = {"$ref": "#/components/schemas/ChatRequest", "components": document("r1")["components"]}
    assert Draft202012Validator(root).is_valid({**CHAT, **fields}) is taken
    async with upstream() as up, serving(up) as app, app.post({**CHAT, **fields}) as response:
        message = (await response.json()).get("error", {}).get("message", "")
        assert taken is (response.status == 200 or "backend 'up0' does not take" in message)


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings"])
@pytest.mark.parametrize("field", ["messages", "tools", "tool_choice", "response_format"])
async def test_a_chats_field_is_refused_elsewhere(path: str, field: str) -> None:
    """By its name; null is as good as none."""
    good = {"prompt": "hi"} if path == "/v1/completions" else {"input": "hi"}
    async with upstream(like_a_server) as up, serving(up) as app:
        async with app.post(good | {field: "x"}, path) as response:
            assert response.status == 400
            assert (await response.json())["error"]["param"] == field
        async with app.post(good | {field: None}, path) as response:
            assert response.status == 200


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
async def test_no_request_makes_the_app_fail(mode: GenerationMode) -> None:
    """Neither what the document allows nor what it forbids gets a 5xx, and every answer is as described."""
    async with upstream(like_a_server) as up, serving(up) as app:
        await asyncio.to_thread(_try_all, app.url, mode)


def _try_all(url: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(document("r1"))
    operations: list[Any] = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == 12
    for operation in operations:
        if mode is GenerationMode.POSITIVE or operation.body or operation.path_parameters:
            _try(operation, url, mode)


def _try(operation: Any, url: str, mode: GenerationMode) -> None:
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=EXAMPLES if operation.body else 2,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    def each(case: Any) -> None:
        response = case.call(base_url=url, timeout=PATIENCE_S)
        case.validate_response(response, checks=CHECKS)

    each()
