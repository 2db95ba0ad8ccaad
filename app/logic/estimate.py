"""A guess at token counts where nobody reported any. Its name goes with it, and what it gives is never called exact.

Calibrated on English prose, lists and Python code against the counts that llama.cpp reports for SmolLM2's tokenizer (within 5 % in sum on the
fixture of tests/logic/test_estimate.py, 2026-11-24). Other tokenizers and languages differ more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.logic.answer import Call
from app.logic.selection import Needs
from app.wire.events import Usage

TOKENIZER = "words-1"
LETTERS_PER_TOKEN = 9  # a longer word is two tokens
OTHER_LETTERS_PER_TOKEN = (
    3  # of other alphabets, which tokenizers cut smaller; a character of Chinese, Japanese, Korean or Thai is one
)
PER_MESSAGE = 5  # what a chat template puts around each message
PER_PROMPT = 4  # and before the answer
DEFAULT_OUTPUT = 512  # where the caller set no limit
IMAGE_TOKENS = 1000
EXACT_CHARS = 32 * 2**10  # 3 ms
SLICES = 32  # of a longer text, evenly spread
SLICE_CHARS = 2**10
PLACEHOLDER = 3  # times as many tokens as a backend counted, by our guess: no tokenizer is so far from another

_PIECE = re.compile(
    r"[A-Za-z]+|\d|[^\W\d_A-Za-z\u0e00-\u0eff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+|[^\sA-Za-z\d]|\n+|[ \t]{2,}"
)


def tokens(*texts: str) -> int:
    """About how many tokens ``texts`` are. Long ones are not read whole: 32 MiB took 5 s from everybody (2026-11-30)."""
    length = sum(map(len, texts))
    if length <= EXACT_CHARS:
        return sum(map(_count, texts))
    text = " ".join(texts)
    starts = range(0, len(text) - SLICE_CHARS, len(text) // SLICES)
    counted = sum(_count(text[start : start + SLICE_CHARS]) for start in starts)
    return counted * len(text) // (len(starts) * SLICE_CHARS)


def _count(text: str) -> int:
    if text.isascii():
        return sum(1 + (len(piece) - 1) // LETTERS_PER_TOKEN for piece in _PIECE.findall(text))
    return sum(
        1 + (len(piece) - 1) // (LETTERS_PER_TOKEN if piece.isascii() else OTHER_LETTERS_PER_TOKEN)
        for piece in _PIECE.findall(text)
    )


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """About how many tokens a request's prompt is, in OpenAI's form."""
    if messages := body.get("messages"):
        parts = [part for message in messages for part in _parts(message.get("content"))]
        texts = [part for part in parts if part is not None]
        return PER_PROMPT + PER_MESSAGE * len(messages) + IMAGE_TOKENS * (len(parts) - len(texts)) + tokens(*texts)
    given = body.get("prompt") or body.get("input") or ""
    if isinstance(given, list):
        if set(map(type, given)) == {int}:  # token ids, of which there may be hundreds of thousands
            return len(given)
        texts = [part for part in given if isinstance(part, str)]
        lists = [part for part in given if isinstance(part, list)]
        return tokens(*texts) + sum(map(len, lists)) + len(given) - len(texts) - len(lists)
    return tokens(given)


def _parts(content: str | list[dict[str, Any]] | None) -> list[str | None]:
    """The texts of a message; None stands for an image."""
    if isinstance(content, list):
        return [(part.get("text") or "") if part.get("type") == "text" else None for part in content]
    return [content] if content else []


def usage(body: Mapping[str, Any], answer: str, share: float = 1.0) -> Usage:
    """About what an answer took that was ``share`` times as long as ``answer``."""
    return Usage(input=prompt_tokens(body), output=round(tokens(answer) * share))


def is_placeholder(usage: Usage, guess: Usage) -> bool:
    """Whether a backend's own count of its answer cannot be meant: Anthropic's streams begin with 1, some servers send zeros throughout."""
    return usage.completion * PLACEHOLDER < guess.completion


def completed(usage: Usage | None, guess: Usage) -> Usage:
    """``guess``, with the prompt as the backend counted it where it did."""
    return replace(usage, output=guess.output, reasoning=0) if usage is not None and usage.prompt else guess


def needs(call: Call) -> Needs:
    """What a request asks of a backend, as far as its body says."""
    body = call.body
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_OUTPUT
    form = body.get("response_format") or {}
    return Needs(
        prompt_tokens=prompt_tokens(body),
        output_tokens=limit,
        tools=bool(body.get("tools")),
        images=any(_has_image(message.get("content")) for message in body.get("messages") or ()),
        schema=form.get("type") == "json_schema",
    )


def _has_image(content: Any) -> bool:
    return isinstance(content, list) and any(part.get("type") == "image_url" for part in content)
