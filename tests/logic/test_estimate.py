"""The guess at token counts, against the counts that a real model's server reports."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from app.engines.embedded import EmbeddedEngine
from app.logic import estimate
from app.logic.answer import Call, Endpoint
from app.logic.selection import Needs
from tests.clock import PATIENCE_S
from tests.logic.fixture_texts import TEXTS

SYSTEM = {"role": "system", "content": "Answer briefly."}  # or the model's template would add one of its own
WITHIN = 0.05  # in sum over the fixture: what an invoice adds up


async def test_the_guess_is_within_five_percent_of_a_real_tokenizer() -> None:
    """Prompt tokens of prose, lists, code and letters, guessed and reported by llama.cpp."""
    engine = EmbeddedEngine("smollm2-135m-instruct")
    engine.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while engine.base_url is None:
                await asyncio.sleep(0.02)
        bodies = [{"messages": [SYSTEM, {"role": "user", "content": text}], "max_tokens": 1} for text in TEXTS.values()]
        async with aiohttp.ClientSession(headers=engine.headers) as http:
            reported = [await _reported(http, engine.base_url, body) for body in bodies]
    finally:
        await engine.aclose()
    guessed = [estimate.prompt_tokens(body) for body in bodies]
    assert sum(guessed) == pytest.approx(sum(reported), rel=WITHIN)


async def _reported(http: aiohttp.ClientSession, base_url: str, body: dict[str, object]) -> int:
    async with http.post(f"{base_url}/chat/completions", json=body) as answer:
        return int((await answer.json())["usage"]["prompt_tokens"])


@pytest.mark.parametrize("times", [1, 40, 2_000])
def test_a_long_text_is_sampled_within_five_percent(times: int) -> None:
    """Of the fixture again and again; what fits into a read is counted exactly. In one text or in many, which is what a caller chooses."""
    texts = list(TEXTS.values())
    exact = sum(map(estimate._count, texts)) * times
    assert estimate.tokens(*texts * times) == pytest.approx(exact, rel=WITHIN if times > 1 else 0)
    assert estimate.tokens("".join(texts) * times) == pytest.approx(exact, rel=WITHIN)


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "7" * 2**25},
        {"input": ["7" * 2**15] * 2**10},
        {"messages": [{"content": "7" * 2**25}]},
        {"messages": [{"content": "7" * 2**15}] * 2**10},
        {"messages": [{"content": [{"type": "text", "text": "7" * 2**15}] * 2**10}]},
    ],
    ids=["prompt", "inputs", "message", "messages", "parts"],
)
def test_the_longest_body_is_not_read_whole(body: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """32 MiB of digits, each a token, took 4.6 s from everybody: whatever the shape, a few slices are read."""
    read: list[int] = []
    count = estimate._count

    def recorded(text: str) -> int:
        read.append(len(text))
        return count(text)

    monkeypatch.setattr(estimate, "_count", recorded)
    assert estimate.prompt_tokens(body) == pytest.approx(2**25, rel=WITHIN)
    assert sum(read) <= 2 * estimate.EXACT_CHARS


def test_an_answer_that_nobody_counted_is_sampled_too() -> None:
    """What the ledger has of an answer that broke off."""
    assert estimate.usage({"prompt": "hi"}, "ab " * 2**20).output == pytest.approx(2**20, rel=WITHIN)


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({"max_tokens": 7}, Needs(prompt_tokens=10, output_tokens=7)),
        ({"max_tokens": 7, "max_completion_tokens": 9}, Needs(prompt_tokens=10, output_tokens=9)),
        ({}, Needs(prompt_tokens=10, output_tokens=estimate.DEFAULT_OUTPUT)),
        ({"tools": [{}], "max_tokens": 1}, Needs(prompt_tokens=10, output_tokens=1, tools=True)),
        (
            {"response_format": {"type": "json_schema"}, "max_tokens": 1},
            Needs(prompt_tokens=10, output_tokens=1, schema=True),
        ),
    ],
)
def test_what_a_request_needs(fields: dict[str, object], needs: Needs) -> None:
    """Room for prompt and answer, tools, a schema: read from the body."""
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    assert estimate.needs(Call(endpoint=Endpoint.CHAT, model="m", body=body)) == needs


def test_an_image_needs_eyes() -> None:
    """A message with an image needs a model that sees, and counts for more than its address."""
    parts = [{"type": "text", "text": "what"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    found = estimate.needs(
        Call(endpoint=Endpoint.CHAT, model="m", body={"messages": [{"role": "user", "content": parts}]})
    )
    assert found.images
    assert found.prompt_tokens > estimate.IMAGE_TOKENS


@pytest.mark.parametrize(
    ("text", "least", "most"), [("привет " * 30, 40, 100), ("καλημέρα " * 30, 60, 130), ("你好吗" * 10, 20, 40)]
)
def test_other_alphabets_are_not_counted_by_the_letter(text: str, least: int, most: int) -> None:
    """Tokenizers cut them smaller than Latin words, and not into letters; a Chinese character is about one."""
    assert least <= estimate.tokens(text) <= most
