"""What a codec costs for each chunk: microseconds of one core. Run `python -m benchmarks.codec`; it prints, and judges nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.wire import sse
from app.wire.anthropic import Anthropic
from app.wire.chat import Chat
from app.wire.openai_chat import OpenAIChat

REPEATS = 20_000
OPENAI = (
    b'data: {"id":"chatcmpl-BxYz0123456789abcdefghijklmn","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"gpt-4o-2024-11-20","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,'
    b'"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
)
ANTHROPIC = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word"}}\n\n'
)


def us_per_chunk(work: Callable[[], object], chunks: int) -> float:
    """The best of five runs: the others had to share their core."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(REPEATS // chunks):
            work()
        best = min(best, time.perf_counter() - started)
    return best / (REPEATS // chunks * chunks) * 1e6


def main() -> None:
    openai, anthropic = OpenAIChat(), Anthropic()
    print(f"{'microseconds a chunk':<46}{'1 a read':>10}{'10 a read':>10}")
    for name, work in (
        ("cut reads into events", lambda raw: sse.Cutter().feed(raw)),
        ("scan openai (passed on)", lambda raw: openai.scan(raw, hide_usage=True)),
        ("scan anthropic", lambda raw: anthropic.scan(raw, hide_usage=True)),
        ("read openai, write /v1/chat", lambda raw: Chat().render(openai.reader().read(raw))),
        (
            "read anthropic, write openai",
            lambda raw: openai.writer(include_usage=True).render(anthropic.reader().read(raw)),
        ),
        (
            "read openai, write anthropic",
            lambda raw: anthropic.writer(include_usage=True).render(openai.reader().read(raw)),
        ),
    ):
        chunk = ANTHROPIC if "anthropic" in name.split(",")[0] else OPENAI
        one, ten = chunk, chunk * 10
        costs = [us_per_chunk(lambda raw=raw, work=work: work(raw), count) for raw, count in ((one, 1), (ten, 10))]  # type: ignore[misc]
        print(f"{name:<46}{costs[0]:>10.2f}{costs[1]:>10.2f}")


if __name__ == "__main__":
    main()
