"""The app's callers: they ask on each wire that it speaks, and judge every byte of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import aiohttp

HEADERS = {"content-type": "application/json"}
OPENAI_COUNTS = ("prompt_tokens", "completion_tokens")


class Caller(StrEnum):
    COMPLETIONS = "/v1/chat/completions"
    CHAT = "/v1/chat"
    SOCKET = "/v1/chat/socket"


@dataclass(slots=True, kw_only=True)
class Heard:
    """What a caller got. ``wrong``: what is not as a valid answer must be; ``backend`` and ``attempts`` as the app says at the end.

    ``counts``: tokens of prompt and answer, in each place where they are told.
    """

    status: int = 0
    code: str = ""
    text: str = ""
    finish: str = ""
    backend: str = ""
    attempts: int = 0
    counts: list[tuple[int, int]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    raw: bytes = b""

    def count(self, usage: Mapping[str, Any] | None, prompt: str, answer: str) -> None:
        if usage and prompt in usage:
            self.counts.append((usage[prompt], usage[answer]))

    def expect(self, true: bool, what: str) -> None:
        if not true:
            self.wrong.append(what)


def asked(model: str, fault: str, *, stream: bool, **fields: Any) -> dict[str, Any]:
    """A request that names the fault it is to meet."""
    text = f"Tell me about boats. fault={fault}"
    return {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, **fields}


async def ask(http: aiohttp.ClientSession, url: str, caller: Caller, body: Mapping[str, Any]) -> Heard:
    """One request and all of its answer, or what went wrong in place of one."""
    try:
        return await _asked(http, url, caller, body)
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError) as error:
        return Heard(wrong=[f"no answer that can be read: {error!r}"])


async def _asked(http: aiohttp.ClientSession, url: str, caller: Caller, body: Mapping[str, Any]) -> Heard:
    if caller is Caller.SOCKET:
        return await _over_socket(http, url, body)
    if body["stream"] and caller is Caller.COMPLETIONS:
        body = {**body, "stream_options": {"include_usage": True}}
    async with http.post(url + caller, data=json.dumps(body), headers=HEADERS) as response:
        raw = await response.read()
        heard = Heard(status=response.status, headers=response.headers, raw=raw)
    if response.status != 200 or not body["stream"]:
        _read_whole(heard, caller)
    else:
        read_stream(heard, caller)
    return heard


def _read_whole(heard: Heard, caller: Caller) -> None:
    said = json.loads(heard.raw)
    if "error" in said:
        heard.code = said["error"]["code"] or "null"
        return
    heard.backend = heard.headers["x-trimaran-backend"]
    heard.attempts = int(heard.headers["x-trimaran-attempts"])
    if caller is Caller.CHAT:
        heard.text = said["content"]
        return
    [choice] = said["choices"]
    heard.text, heard.finish = choice["message"]["content"], choice["finish_reason"]
    heard.count(said.get("usage"), *OPENAI_COUNTS)
    heard.expect(choice["message"]["role"] == "assistant", "the role is not assistant")


def read_stream(heard: Heard, caller: Caller) -> None:
    """Reads ``heard.raw``, a whole stream, strictly: one id, role, finish reason and end, usage once, nothing after the end."""
    blocks = heard.raw.decode().replace("\r\n", "\n").split("\n\n")
    heard.expect(blocks.pop() == "", "the last event is not whole")
    heard.expect(all(block.startswith(("data:", ": ")) for block in blocks), "something else than data and comments")
    for block in blocks:
        if block.startswith(": trimaran "):
            summary = json.loads(block.removeprefix(": trimaran "))
            heard.backend, heard.attempts = summary["backend"], summary["attempts"]
            heard.count(summary, "tokens_in", "tokens_out")
    data = [block.removeprefix("data:").strip() for block in blocks if block.startswith("data:")]
    ends = data.count("[DONE]")
    chunks = [json.loads(each) for each in data if each != "[DONE]"]
    errors = [chunk["error"] for chunk in chunks if "error" in chunk]
    if errors:
        heard.code = errors[0]["code"] or "null"
        heard.expect("error" in chunks[-1] and len(errors) == 1, "the error is not the last event")
        chunks.pop()
    heard.expect(ends == (0 if errors else 1), f"{ends} ends")
    heard.expect(bool(errors) or data[-1] == "[DONE]", "something follows the end")
    _read_chunks(heard, chunks, caller, broken=bool(errors))


def _read_chunks(heard: Heard, chunks: Sequence[dict[str, Any]], caller: Caller, *, broken: bool) -> None:
    if caller is Caller.CHAT:
        heard.text = "".join(chunk["content"] for chunk in chunks)
        return
    for name in ("id", "model"):
        found = {chunk[name] for chunk in chunks}
        heard.expect(len(found) == 1, f"{name} is not one: {found}")
    counts = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    heard.expect(len(counts) <= 1, f"usage {len(counts)} times")
    heard.count(counts[0] if counts else None, *OPENAI_COUNTS)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    roles = [choice["delta"]["role"] for choice in choices if choice["delta"].get("role")]
    heard.expect(roles == ["assistant"] and bool(choices[0]["delta"].get("role")), f"roles {roles}")
    finishes = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    heard.expect(broken or len(finishes) == 1, f"finish reasons {finishes}")
    heard.finish = finishes[0] if finishes else ""
    heard.expect(not finishes or bool(choices[-1]["finish_reason"]), "content after the finish reason")
    heard.text = "".join(choice["delta"].get("content") or "" for choice in choices)


async def _over_socket(http: aiohttp.ClientSession, url: str, body: Mapping[str, Any]) -> Heard:
    """A stream over a WebSocket, which has no status: 200 stands for content that came."""
    heard = Heard()
    async with http.ws_connect(url + Caller.SOCKET) as socket:
        asking = {name: value for name, value in body.items() if name != "stream"}
        await socket.send_json({"type": "chat", "id": "a", **asking})
        types: list[str] = []
        while not types or types[-1] not in ("end", "error"):
            message = json.loads((await socket.receive(timeout=30)).data)
            types.append(message["type"])
            match message["type"]:
                case "start":
                    heard.status = 200
                case "delta":
                    heard.text += message.get("content", "")
                case "end":
                    heard.finish = message["finish_reason"]
                    heard.count(message.get("usage"), *OPENAI_COUNTS)
                    heard.backend, heard.attempts = message["backend"], message["attempts"]
                case "error":
                    heard.code = message["error"]["code"] or "null"
    heard.expect(types[0] == "ready" and types.count("start") <= 1, f"messages {types}")
    return heard
