"""A real model of transformers under LitServe behind the app, on the CPU, from the weights that vLLM's tests use. One app for all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from tests.engines.real_vllm import LOADS_S, MODEL, only_on_linux, provided
from tests.faults.running import App, eventually, is_ready, running

pytestmark = [
    pytest.mark.long,  # torch takes minutes to install, and a minute to load on busy cores
    pytest.mark.alone,  # what it answers it answers within times
    pytest.mark.timeout(1800),
    only_on_linux,  # the weights are written by vLLM's tool
]

ROUTES = (
    f"version: 1\nbackends: {{own: {{adapter: litserve, model: '{MODEL}'}}}}\n"
    "models: {chat: {backends: [{use: own}], limits: {first_token_s: 300, between_tokens_s: 120}}}\ndefault_model: chat\n"
)
STORY = "Write a long story about a sailor and the sea."
CAPITAL = "What is the capital of France?"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    model, home = provided() / "model", provided("tools/litserve.sh")
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "HOME": folder,
            "TRIMARAN_ENGINE": "litserve",
            "TRIMARAN_ENGINE_MODEL": MODEL,
            "TRIMARAN_ENGINE_WEIGHTS": str(model),
            "TRIMARAN_ENGINE_ARGS": "--max-batch-size 4 --batch-timeout 2 --max-model-len 512",
            "TRIMARAN_DATA_DIR": folder,
        }
        with running(ROUTES, environment, loads=True, python=f"{home}/venv/bin/python") as started:
            eventually(lambda: is_ready(started.url), LOADS_S)
            yield started


def asked(app: App, text: str, **more: Any) -> Any:
    client = openai.OpenAI(base_url=f"{app.url}/v1", api_key="unused", max_retries=0, timeout=600)
    messages: Any = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="chat", messages=messages, **more)


def together(app: App, *requests: dict[str, Any]) -> list[Any]:
    """Their answers, asked within one batch's time."""
    with ThreadPoolExecutor(len(requests)) as callers:
        return list(callers.map(lambda each: asked(app, **each), requests))


def said(answer: Any) -> str:
    return answer.choices[0].message.content or ""


def test_a_whole_answer(app: App) -> None:
    """With its words, its end and the counts of tokens."""
    answer = asked(app, STORY, max_tokens=12, temperature=0)
    assert len(said(answer).split()) > 4
    assert answer.choices[0].finish_reason == "length"
    assert (answer.usage.prompt_tokens > 10, answer.usage.completion_tokens) == (True, 12)
    short = asked(app, CAPITAL, temperature=0)
    assert ("Paris" in said(short), short.choices[0].finish_reason) == (True, "stop")


def test_a_streamed_answer(app: App) -> None:
    """Piece by piece, and the counts at the end."""
    chunks = list(asked(app, STORY, max_tokens=12, temperature=0, stream=True, stream_options={"include_usage": True}))
    pieces = [each.choices[0].delta.content for each in chunks if each.choices and each.choices[0].delta.content]
    assert len(pieces) > 8
    assert chunks[-1].usage.completion_tokens == 12


def test_what_is_in_its_batch_changes_no_answer(app: App) -> None:
    """Each row has its own length, limit, temperature, seed and end."""
    capital: dict[str, Any] = {"text": CAPITAL, "max_tokens": 8, "temperature": 0}
    drawn: dict[str, Any] = {"text": STORY, "max_tokens": 8, "temperature": 1.0, "seed": 7}
    cut: dict[str, Any] = {"text": "Say: one, two, three.", "max_tokens": 24, "temperature": 0, "stop": ["two"]}
    other = {**drawn, "seed": 8}
    batch = [said(each) for each in together(app, capital, drawn, cut, other)]
    alone = [said(asked(app, **each)) for each in (capital, drawn, cut, other)]
    assert batch == alone
    assert alone[1] != alone[3]
    assert "two" not in alone[2]


def test_a_question_that_is_too_long_is_told(app: App) -> None:
    """By the code that clients know."""
    with pytest.raises(openai.BadRequestError) as refused:
        asked(app, "word " * 600, max_tokens=4)
    assert refused.value.code == "context_length_exceeded"
