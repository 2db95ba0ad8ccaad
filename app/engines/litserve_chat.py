"""OpenAI's chat completions as LitServe's process answers them: reads a request, hands it to a worker, and writes what the worker says.

LitServe's own OpenAISpec (0.2.19, read 2026-12-01) says `stop` at the end of every answer, ignores what it does not know, `stop` and `seed`
among it, counts no tokens as 0, and tells a stream's first error behind a status of 200. What it does not do otherwise is taken from it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Mapping, MutableMapping
from typing import Any

import litserve
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from litserve.utils import LitAPIStatus, ResponseBufferItem
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.engines.litserve_pipeline import ChatRequest, Piece, Usage

_LEFT = 499  # nginx's status for it


class Chat(litserve.OpenAISpec):
    """`/v1/chat/completions` for the one model whose name is ``model``.

    ``asking`` holds the requests whose callers are still there, for the workers to see: the server puts it here before anything is asked.
    """

    asking: MutableMapping[uuid.UUID, bool]

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model

    def encode_response(self, output_generator: Any, context_kwargs: Any = None) -> Any:
        """As it is: ``litserve_loop`` knows what a pipeline may yield."""
        yield from output_generator

    async def chat_completion(self, request: ChatRequest, http: Request) -> Response:
        if request.model != self._model:
            raise HTTPException(404, {"message": f"there is no model '{request.model}'", "code": "model_not_found"})
        pieces = self._pieces(request, http)
        first = await anext(pieces)  # an error before it has its own status
        head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": self._model}
        if request.stream:
            wants_usage = request.stream_options is not None and request.stream_options.include_usage
            return StreamingResponse(_events(head, first, pieces, wants_usage), media_type="text/event-stream")
        said = [first, *[each async for each in pieces]]
        message = {"role": "assistant", "content": "".join(each.text for each in said)}
        choice = {"index": 0, "message": message, "finish_reason": said[-1].finish}
        return JSONResponse({**head, "object": "chat.completion", "choices": [choice], **_usage(said[-1].usage)})

    async def _pieces(self, request: ChatRequest, http: Request) -> AsyncIterator[Piece]:
        """What a worker says, to the last piece. Raises HTTPException."""
        uid, queue, event = uuid.uuid4(), deque[Any](), asyncio.Event()
        self.response_buffer[uid] = ResponseBufferItem(event=event, response_queue=queue)
        self.asking[uid] = True
        leaving = asyncio.create_task(_when_left(http, queue, event))
        try:
            self.request_queue.put((self.response_queue_id, uid, time.monotonic(), request))
            async for said, status in self.data_streamer(queue, event, send_status=True):
                if status == LitAPIStatus.ERROR:
                    raise said
                yield said
                if said.finish:
                    return
            raise HTTPException(_LEFT, "the caller left")  # heard by nobody
        finally:
            leaving.cancel()
            del self.response_buffer[uid]  # what comes later is for nobody
            self.asking.pop(uid, None)


async def _when_left(http: Request, queue: deque[Any], event: asyncio.Event) -> None:
    """Ends the answer when its caller leaves, which FastAPI tells no handler of a whole answer."""
    while (await http.receive())["type"] != "http.disconnect":
        pass
    queue.append((None, LitAPIStatus.FINISH_STREAMING))
    event.set()


async def _events(
    head: Mapping[str, Any], first: Piece, pieces: AsyncIterator[Piece], wants_usage: bool
) -> AsyncIterator[bytes]:
    def event(**more: Any) -> bytes:
        return f"data: {json.dumps({**head, 'object': 'chat.completion.chunk', **more})}\n\n".encode()

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        return event(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])

    yield chunk({"role": "assistant", "content": ""})
    last = first
    try:
        if first.text:
            yield chunk({"content": first.text})
        async for last in pieces:
            if last.text:
                yield chunk({"content": last.text})
    except HTTPException as error:
        yield f"data: {json.dumps(_error(error.status_code, error.detail))}\n\n".encode()
        return
    yield chunk({}, last.finish)
    if wants_usage and last.usage is not None:
        yield event(choices=[], **_usage(last.usage))
    yield b"data: [DONE]\n\n"


def _usage(usage: Usage | None) -> dict[str, Any]:
    """Nothing where nobody counted: 0 would be believed."""
    return {} if usage is None else {"usage": {**usage._asdict(), "total_tokens": sum(usage)}}


def _error(status: int, detail: Any) -> dict[str, Any]:
    said = detail if isinstance(detail, dict) else {"message": str(detail)}
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"type": kind, "param": None, "code": None, **said}}


def openai_errors(app: FastAPI) -> None:
    """Errors in OpenAI's shape."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse(_error(error.status_code, error.detail), error.status_code, error.headers)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        param = ".".join(map(str, first["loc"][1:]))
        return JSONResponse(_error(400, {"message": f"{param}: {first['msg']}", "param": param}), 400)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)


class Keyed:
    """Lets through who has the key: other users of this machine reach the port too."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._app
        if scope["type"] == "http":
            given = Headers(scope=scope).get("authorization", "")
            if not secrets.compare_digest(given.encode(), self._expected):
                app = JSONResponse(_error(401, "this server wants its key"), 401)
        await app(scope, receive, send)
