"""Pipelines for LitServe that need no model: what they answer tells how they were asked."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litserve
from fastapi import HTTPException

from app.engines.litserve_pipeline import ChatRequest

STEPS: dict[str, Any] = {
    "dict": {"content": "one"},
    "text": "one",
    "none": None,
    "short": [],
    "long": ["one", "two"],
    "generator": (each for each in ["one"]),
}


class Telling(litserve.LitAPI):
    """Answers a word at a time: the worker's process, how many requests it was asked together, and the question's words.

    A question `wait FILE` waits for that file before its last word, `note FILE` writes that file, `refuse me` is refused, `fail` fails in
    `predict`, and `step NAME` has that one of STEPS yielded. `odd` is refused with what is no answer, `exit` ends the process if it can.
    """

    def setup(self, device: str) -> None:
        self._device = device

    def decode_request(self, request: ChatRequest) -> list[str]:
        words = str(request.messages[-1].content).split()
        if words[0] == "refuse":
            raise HTTPException(400, {"message": "this one is refused", "param": "messages"})
        if words[0] == "odd":
            raise HTTPException(400, {"message": "this one is odd", "param": lambda: words})
        if words[0] == "exit":
            sys.exit("the end")
        return words

    def predict(self, batch: list[list[str]]) -> Iterator[list[Any]]:
        if any(words == ["fail"] for words in batch):
            raise ValueError("it fails")
        for words in batch:
            if words[0] == "step":
                yield STEPS[words[1]]
            if words[0] == "note":
                Path(words[1]).touch()
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


class Alone(Failing):
    """Takes none of LitAPI's arguments."""

    def __init__(self) -> None:
        super().__init__()


class Halves(Failing):
    """Answers with a character in two halves, and at the end with half a one."""

    def setup(self, device: str) -> None:
        """Nothing to do."""

    def predict(self, batch: list[Any]) -> Iterator[list[str]]:
        for text in ("a\ud83d", "\ude00b", "\ud83d"):
            yield [text] * len(batch)


class Killed(Failing):
    """Takes more memory than there is while it is set up."""

    def setup(self, device: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
