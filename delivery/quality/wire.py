"""Reads answers in OpenAI's chat form, whole or as server-sent events, and what our app adds to them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from delivery.quality.answer import Answer

_SUMMARY = b": trimaran "  # the comment in which our app tells at the end of a stream what it knows only then


def read_whole(head: Answer, raw: bytes) -> Answer:
    """An answer that came at once."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, Mapping):
        return replace(head, failure=f"status {head.status} with a body that is no JSON object")
    if head.status >= 400 or "error" in body:
        return replace(head, error=_error(body))
    try:
        choice = body["choices"][0]
        message, usage = choice["message"], body.get("usage") or {}
        return replace(
            head,
            text=message.get("content") or "",
            refusal=message.get("refusal") or "",
            tool_calls=tuple(_call(each["function"]) for each in message.get("tool_calls") or ()),
            finish=choice.get("finish_reason") or "",
            model=str(body.get("model") or ""),
            tokens_in=usage.get("prompt_tokens"),
            tokens_out=usage.get("completion_tokens"),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        return replace(head, failure=f"not in OpenAI's form: {type(error).__name__}: {error}")


class Streamed:
    """A stream while it comes, line by line. ``began`` is when the request was sent, by time.perf_counter."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._known: dict[str, Any] = {}
        self._pieces = 0
        self._done = False

    def read(self, line: bytes) -> None:
        """Takes one line. Raises ValueError when it is no JSON where JSON must be."""
        line = line.strip()
        if line.startswith(_SUMMARY):
            self._summary(json.loads(line.removeprefix(_SUMMARY)))
        elif line == b"data: [DONE]":
            self._done = True
        elif line.startswith(b"data:"):
            self._event(json.loads(line.removeprefix(b"data:")))

    def partial(self, head: Answer) -> Answer:
        """What has come so far."""
        return replace(
            head,
            text="".join(self._texts),
            refusal="".join(self._refusals),
            tool_calls=tuple(self._calls[index] for index in sorted(self._calls)),
            pieces=self._pieces,
            **self._known,
        )

    def complete(self, head: Answer) -> Answer:
        """The answer of a stream that has ended, which is not whole without its end mark."""
        answer = self.partial(head)
        if self._done or answer.error:
            return answer
        return replace(answer, failure="the stream ended without [DONE]")

    def _event(self, event: Mapping[str, Any]) -> None:
        if "error" in event:
            self._known["error"] = _error(event)
        if event.get("model"):
            self._known["model"] = str(event["model"])
        if usage := event.get("usage"):
            self._known |= {"tokens_in": usage.get("prompt_tokens"), "tokens_out": usage.get("completion_tokens")}
        for choice in event.get("choices") or ():
            if choice.get("finish_reason"):
                self._known["finish"] = choice["finish_reason"]
            self._delta(choice.get("delta") or {})

    def _delta(self, delta: Mapping[str, Any]) -> None:
        for name, parts in (("content", self._texts), ("refusal", self._refusals)):
            if delta.get(name):
                parts.append(delta[name])
                self._content()
        for call in delta.get("tool_calls") or ():
            into = self._calls.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
            for name in into:
                into[name] += (call.get("function") or {}).get(name) or ""
            self._content()

    def _content(self) -> None:
        self._known.setdefault("first_token_ms", (time.perf_counter() - self._began) * 1000)
        self._pieces += 1

    def _summary(self, told: Mapping[str, Any]) -> None:
        names = {
            "tokens_in": "tokens_in",
            "tokens_out": "tokens_out",
            "cost_usd": "usd",
            "attempts": "attempts",
            "rescued": "rescues",
        }
        self._known |= {ours: told[theirs] for theirs, ours in names.items() if theirs in told}
        if told.get("rescued") or told.get("attempts", 1) > 1:
            self._known["rescued"] = f"{told.get('attempts', 1)} attempts, {told.get('rescued', 0)} of them rescues"


def failure_of(answer: Answer) -> str:
    """Why an answer that came whole is none of the version that was asked; empty when it is one."""
    if answer.rescued:
        return f"another backend answered or a second attempt was needed ({answer.rescued})"
    if answer.error or answer.status >= 400:
        return f"{answer.status}: {answer.error.get('message') or 'no error body'}"
    return ""


def _error(body: Mapping[str, Any]) -> Mapping[str, Any]:
    error = body.get("error")
    return error if isinstance(error, Mapping) else {}


def _call(function: Mapping[str, Any]) -> dict[str, str]:
    return {"name": function.get("name") or "", "arguments": function.get("arguments") or ""}
