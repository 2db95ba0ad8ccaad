"""Two engines of the same model, one killed in the middle of twenty streams: twenty complete answers, and OpenAI's client notices nothing."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import openai
import psutil
import pytest

from tests.faults import running
from tests.faults.conftest import MODEL

pytestmark = pytest.mark.alone  # what is promised of a fault is promised within times

STREAMS = 20
TOKENS = 32
BEGUN = 6  # each engine answers four at once: with six begun, both are in the middle of some
ROUTES = f"""
version: 1
backends:
  one: {{adapter: embedded, model: {MODEL}}}
  two: {{adapter: embedded, model: {MODEL}}}
models:
  chat: {{strategy: least_busy, backends: [{{use: one}}, {{use: two}}], limits: {{first_token_s: 120, total_s: 240}}}}
"""


@dataclass
class Begun:
    """How many streams have shown content."""

    count: int = 0
    enough: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self) -> None:
        with self.lock:
            self.count += 1
        if self.count >= BEGUN:
            self.enough.set()


@dataclass(frozen=True)
class Answer:
    ids: set[str]
    roles: list[str]
    finishes: list[str]
    pieces: int


def say(client: openai.OpenAI, number: int, begun: Begun) -> Answer:
    """One stream, read to its end as any program would."""
    chunks = []
    pieces = 0
    for chunk in client.chat.completions.create(
        model="chat",
        messages=[{"role": "user", "content": f"Tell a long story about ship number {number}."}],
        max_tokens=TOKENS,
        temperature=0,
        stream=True,
    ):
        chunks.append(chunk)
        pieces += bool(chunk.choices[0].delta.content)
        if pieces == 1 and chunk.choices[0].delta.content:
            begun.add()
    choices = [choice for chunk in chunks for choice in chunk.choices]
    return Answer(
        ids={chunk.id for chunk in chunks},
        roles=[choice.delta.role for choice in choices if choice.delta.role],
        finishes=[choice.finish_reason for choice in choices if choice.finish_reason],
        pieces=pieces,
    )


def engines(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if "app.engines.embedded_server" in child.cmdline()]


@pytest.mark.timeout(280)
def test_twenty_streams_survive_the_kill_of_an_engine() -> None:
    """kill -9 of one engine process: every answer has its end, those in the middle go on, and those that wait start elsewhere."""
    begun = Begun()
    with (
        running.running(ROUTES, {"TRIMARAN_ENGINE": "embedded"}) as app,
        openai.OpenAI(base_url=f"{app.url}/v1", api_key="unused", max_retries=0, timeout=240) as client,
        ThreadPoolExecutor(STREAMS) as threads,
    ):
        victim, survivor = engines(app.pid)
        asking = [threads.submit(say, client, number, begun) for number in range(STREAMS)]
        assert begun.enough.wait(120)
        os.kill(victim.pid, signal.SIGKILL)
        answers = [each.result(240) for each in asking]
        records = app.recorded(STREAMS)
        assert survivor.is_running()

    assert [len(answer.ids) for answer in answers] == [1] * STREAMS
    assert [answer.roles for answer in answers] == [["assistant"]] * STREAMS
    assert [len(answer.finishes) for answer in answers] == [1] * STREAMS
    assert min(answer.pieces for answer in answers) > 0
    assert [record["outcome"] for record in records] == ["ok"] * STREAMS
    broken = [record for record in records if record["attempts"][0].get("failure") == "cut"]
    assert broken, "the kill came when no answer ran there"
