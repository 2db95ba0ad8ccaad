"""Pipelines for LitServe that need no model: what they answer tells how they were asked."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litserve
from fastapi import HTTPException

from app.engines.litserve_pipeline import ChatRequest


class Telling(litserve.LitAPI):
    """Answers a word at a time: the worker's process, how many requests it was asked together, and the question's words.

    A question `wait FILE` waits for that file before its last word, `refuse me` is refused, `fail` fails in `predict`.
    """

    def setup(self, device: str) -> None:
        self._device = device

    def decode_request(self, request: ChatRequest) -> list[str]:
        words = str(request.messages[-1].content).split()
        if words[0] == "refuse":
            raise HTTPException(400, {"message": "this one is refused", "param": "messages"})
        return words

    def predict(self, batch: list[list[str]]) -> Iterator[list[Any]]:
        if any(words == ["fail"] for words in batch):
            raise ValueError("it fails")
        said = [[f"pid={os.getpid()}", f"batch={len(batch)}", *words] for words in batch]
        for at in range(max(map(len, said))):
            for words in batch:
                if words[0] == "wait" and at == len(words) + 1:
                    _until_there(Path(words[1]))
            yield [self._step(words, at) for words in said]

    def _step(self, words: list[str], at: int) -> dict[str, Any] | None:
        if at >= len(words):
            return None
        finish = ("length" if words[-1] == "long" else "stop") if at == len(words) - 1 else None
        return {
            "content": f"{words[at]} ",
            "finish_reason": finish,
            "prompt_tokens": len(words) - 2,
            "completion_tokens": at + 1,
        }


def _until_there(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


class Failing(litserve.LitAPI):
    """Cannot be set up."""

    def setup(self, device: str) -> None:
        raise OSError("no such model")

    def predict(self, batch: list[Any]) -> Iterator[list[str]]:
        yield [""] * len(batch)


class Killed(Failing):
    """Takes more memory than there is while it is set up."""

    def setup(self, device: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
