"""The oracle of rescue: two engines with the same weights at temperature 0, so that a joined answer can be compared with the uncut one."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from app.engines.child import ModelServer
from app.engines.embedded import EmbeddedEngine
from tests.faults import running
from tests.faults.answers import Act, Break, Fault, Point
from tests.faults.callers import Caller, Heard, read_stream
from tests.faults.models import server
from tests.faults.proxy import FaultProxy
from tests.faults.running import App, Loop

pytestmark = pytest.mark.alone  # what is promised of a fault is promised within times

# The model is sure of these answers: each token is at least 0.3 nats ahead of the next best (measured 2026-11-24). At a near tie it says now
# this and now that, by the batches in which it happens to read, with or without a cut.
PROMPTS = (
    "What is an island?",
    "What is the speed of light?",
    "Write a line of Python that prints hello.",
    "What is 2+2?",
    "What is a sail?",
    "What is the Moon?",
    "What is gravity?",
    "What is photosynthesis?",
)
TOKENS = 12  # of an answer: a short one, since each is written twice
COMPARED = 0.9  # of the cuts
TRIES = 3  # for the first engine to begin as it did before, which has nothing to do with the joint
LONGEST_TOKEN = 12  # characters, in these answers
AGREE = 0.95  # of 200 cuts; some 3 % differ, since a prefill's batches round other than one token at a time does
AGREE_OF_FEW = 0.9  # of 40, where chance weighs more
COUNT_OFF = 2  # tokens by which a joined count may differ: the seam is tokenized anew


@dataclass(frozen=True)
class Joined:
    """An answer that was cut after ``cut`` pieces and went on, and the one that was not."""

    cut: int
    shown: str
    text: str
    uncut: str
    finish: str
    counts: list[tuple[int, int]]
    uncut_counts: list[tuple[int, int]]


class Oracle:
    def __init__(self, app: App, faults: dict[str, Fault]) -> None:
        self._app = app
        self._faults = faults

    def joined(self, number: int, of: int) -> Joined | None:
        """The ``number``-th cut: another position each time, the prompts one after the other, since engines remember the last one.

        The uncut answer is asked for right before: at a near tie an engine says now this and now that, by the batches in which it reads.
        None where it began otherwise even so: then there is nothing to compare with.
        """
        prompt = PROMPTS[number * len(PROMPTS) // of]
        for _ in range(TRIES):
            uncut = self._ask(
                prompt, "none"
            )  # a complete answer, too: three broken ones in a row would open the circuit
            pieces = _pieces(uncut.raw)
            cut = 1 + number % max(1, len(pieces) - 2)  # behind the last piece there is nothing to go on with
            self._faults["cut"] = Break(at=Point.CONTENT, then=Act.FIN, pieces=cut)
            heard = self._ask(prompt, "cut")
            assert (heard.wrong, heard.code, heard.backend, heard.attempts) == ([], "", "b", 2)
            shown = "".join(pieces[:cut])
            if "".join(_pieces(heard.raw)[:cut]) == shown:
                return Joined(cut, shown, heard.text, uncut.text, heard.finish, heard.counts, uncut.counts)
        return None

    def _ask(self, prompt: str, fault: str, tokens: int = TOKENS) -> Heard:
        body = {
            "model": "chat",
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            "user": f"fault={fault}",
        }
        request = urllib.request.Request(
            self._app.url + Caller.COMPLETIONS, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            heard = Heard(status=response.status, raw=response.read())
        read_stream(heard, Caller.COMPLETIONS)
        return heard


def _pieces(raw: bytes) -> list[str]:
    """The pieces of text of a raw stream, as they came."""
    data = [line.removeprefix("data: ") for line in raw.decode().splitlines() if line.startswith("data: {")]
    choices = [choice for chunk in map(json.loads, data) for choice in chunk["choices"]]
    return [choice["delta"]["content"] for choice in choices if choice["delta"].get("content")]


@contextmanager
def between(loop: Loop, first: ModelServer, second: ModelServer, adapter: str) -> Iterator[Oracle]:
    """The app with the two as backends of one model; what the first one says is cut."""
    faults: dict[str, Fault] = {}
    assert first.base_url is not None
    with ExitStack() as stack:
        source = stack.enter_context(loop.held(server(first.base_url)))
        proxy = stack.enter_context(loop.held(FaultProxy(source, faults)))
        keys = {
            name: engine.headers["authorization"].removeprefix("Bearer ")
            for name, engine in (("KEY_A", first), ("KEY_B", second))
        }
        routes = (
            "version: 1\nbackends:\n"
            f"  a: {{adapter: {adapter}, base_url: '{proxy.url}/v1', model: '{first.model}', key_env: KEY_A}}\n"
            f"  b: {{adapter: {adapter}, base_url: '{second.base_url}', model: '{second.model}', key_env: KEY_B}}\n"
            "models: {chat: {backends: [{use: a}, {use: b}]}}\n"
        )
        yield Oracle(stack.enter_context(running.running(routes, keys)), faults)


@pytest.fixture(scope="module")
def oracle(loop: Loop, engines: tuple[EmbeddedEngine, EmbeddedEngine]) -> Iterator[Oracle]:
    with between(loop, *engines, "llama_cpp") as made:
        yield made


@pytest.mark.parametrize(
    "cuts", [40, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(600)])], ids=["40", "200"]
)
def test_a_joined_answer_is_the_uncut_one(oracle: Oracle, cuts: int) -> None:
    """In at least 95 % of 200 cuts to the letter, and otherwise it differs at the seam first; the counts are those of one answer."""
    answers = [joined for number in range(cuts) if (joined := oracle.joined(number, cuts)) is not None]
    assert len(answers) >= cuts * COMPARED
    others = [each for each in answers if not agrees(each)]
    off = [
        each
        for each in answers
        for (prompt, written), (uncut_prompt, uncut_written) in zip(each.counts, each.uncut_counts, strict=True)
        if abs(prompt - uncut_prompt) > COUNT_OFF or abs(written - uncut_written) > COUNT_OFF
    ]

    agree = AGREE if cuts >= 200 else AGREE_OF_FEW
    assert len(others) <= len(answers) * (1 - agree), others
    assert [each for each in others if not differs_at_the_seam(each)] == []
    assert off == []


def agrees(joined: Joined) -> bool:
    """Whether it is the uncut answer. White space that the prefill left out is written again, and may cost the limit's last token."""
    if joined.finish == "length" and joined.uncut.startswith(joined.text):
        return len(joined.uncut) - len(joined.text) <= LONGEST_TOKEN
    return joined.text == joined.uncut


def differs_at_the_seam(joined: Joined) -> bool:
    """Whether what was shown stands, and the next word after it is the first that is another."""
    if not joined.text.startswith(joined.shown):
        return False
    rest, uncut_rest = joined.text[len(joined.shown) :], joined.uncut[len(joined.shown) :]
    same = next((n for n, (a, b) in enumerate(zip(rest, uncut_rest, strict=False)) if a != b), 0)
    return not rest[:same].strip().count(" ")
