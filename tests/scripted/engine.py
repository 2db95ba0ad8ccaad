"""A small, fast model server that speaks OpenAI's API and behaves as its models are scripted: a process on a real socket.

`python -m tests.scripted.engine --port N`; it prints `ready` once it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiohttp import web

from tests.scripted import models
from tests.scripted.models import MODELS, Said, answer, prompt_tokens


def application(chance: random.Random) -> web.Application:
    """The server's routes; `chance` draws the jitter and the faults."""
    app = web.Application()

    async def chat(request: web.Request) -> web.StreamResponse:
        return await _chat(request, chance)

    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/v1/models", _models)
    app.router.add_get("/health", _models)
    return app


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]})


async def _chat(request: web.Request, chance: random.Random) -> web.StreamResponse:
    body = await request.json()
    behaviour = MODELS.get(body.get("model", ""))
    if behaviour is None:
        return web.json_response({"error": {"message": "no such model", "code": "model_not_found"}}, status=404)
    fails, is_cut = chance.random() < models.fault_share(body), chance.random() < 0.5
    said = answer(body)
    tokens, finish = _limited(body, said)
    waits_s = models.waits_s(behaviour, len(tokens), chance)
    if fails and not is_cut:  # at once, so that an error is no slowness too
        return web.json_response({"error": {"message": "the server had an error"}}, status=500)
    usage = _usage(body, len(tokens))
    if not body.get("stream"):
        if fails:
            _cut(request)
        await asyncio.sleep(sum(waits_s))
        return web.json_response(_whole(body, said, "".join(tokens), finish, usage))
    return await _stream(request, body, said, tokens, waits_s, finish, usage, is_cut=fails)


def _limited(body: dict[str, Any], said: Said) -> tuple[list[str], str]:
    """The tokens that are sent and why they end: a text that was begun is continued, a limit is kept."""
    tokens = said.tokens
    last = body["messages"][-1]
    if last["role"] == "assistant" and body.get("continue_final_message"):
        tokens = Said(text=said.text.removeprefix(last["content"].rstrip()).lstrip()).tokens
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit and len(tokens) > limit and not said.tool:
        return tokens[:limit], "length"
    return tokens, "tool_calls" if said.tool else "stop"


def _usage(body: dict[str, Any], completion: int) -> dict[str, int]:
    prompt = prompt_tokens(body)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"]}


def _whole(body: dict[str, Any], said: Said, text: str, finish: str, usage: dict[str, int]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if said.tool else text}
    if said.tool:
        call = {"id": "call_1", "type": "function", "function": {"name": said.tool, "arguments": said.arguments}}
        message["tool_calls"] = [call]
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {**_head(body, "chat.completion"), "choices": [choice], "usage": usage}


async def _stream(
    request: web.Request,
    body: dict[str, Any],
    said: Said,
    tokens: Sequence[str],
    waits_s: Sequence[float],
    finish: str,
    usage: dict[str, int],
    *,
    is_cut: bool,
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    async for delta in _deltas(said, tokens, waits_s):
        await response.write(_event(body, delta))
        if is_cut:
            _cut(request)
            return response
    await response.write(_event(body, {}, finish))
    if (body.get("stream_options") or {}).get("include_usage"):
        await response.write(_data({**_head(body, "chat.completion.chunk"), "choices": [], "usage": usage}))
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _deltas(said: Said, tokens: Sequence[str], waits_s: Sequence[float]) -> AsyncIterator[dict[str, Any]]:
    call: dict[str, Any] = {"index": 0, "id": "call_1", "type": "function"}
    for token, wait_s in zip(tokens, waits_s, strict=False):
        await asyncio.sleep(wait_s)
        if not said.tool:
            yield {"content": token}
            continue
        yield {
            "tool_calls": [call | {"function": {"arguments": token, **({"name": said.tool} if "id" in call else {})}}]
        }
        call = {"index": 0}


def _event(body: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _data({**_head(body, "chat.completion.chunk"), "choices": [choice]})


def _data(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _serve(port: int, seed: int) -> None:
    runner = web.AppRunner(application(random.Random(seed)), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.seed))


if __name__ == "__main__":
    main()
