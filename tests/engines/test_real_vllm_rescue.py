"""An answer that one real vLLM began and another went on with, by `continue_final_message`: held against the answer that was not cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.engines.child import ModelServer
from app.engines.vllm import program
from tests.engines.real_vllm import ARGS, LOADS_S, MODEL, only_on_linux, provided
from tests.faults import running
from tests.faults.running import Loop, eventually
from tests.faults.test_oracle import AGREE_OF_FEW, COMPARED, COUNT_OFF, Oracle, agrees, between, differs_at_the_seam

pytestmark = [
    pytest.mark.long,  # two vLLMs take some minutes to start
    pytest.mark.alone,
    pytest.mark.timeout(1800),
    only_on_linux,
]

CUTS = 24


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    home, folder = provided(), tmp_path_factory.mktemp("vllm")
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        patched.setenv("PATH", f"{home}/venv/bin:{os.environ['PATH']}")
        patched.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        loop = stack.enter_context(running.loop())
        first, second = (_started(loop, stack, home, folder) for _ in range(2))
        eventually(lambda: first.base_url and second.base_url, LOADS_S)
        yield stack.enter_context(between(loop, first, second, "vllm"))


def _started(loop: Loop, stack: ExitStack, home: Path, folder: Path) -> ModelServer:
    ours = ("--kind", "vllm", "--program", f"{home}/venv/bin/vllm", "--model", MODEL, "--weights", f"{home}/model")
    server = ModelServer(MODEL, program((*ours, "--data-dir", str(folder), "--", *ARGS.split())))
    loop.run(_start(server))
    stack.callback(lambda: loop.run(server.aclose()))
    return server


async def _start(server: ModelServer) -> None:
    server.start()


def test_a_joined_answer_is_the_uncut_one(oracle: Oracle) -> None:
    """To the letter, or another at the seam first, where two tokens are nearly as likely: a prompt is read in other batches than it was written."""
    answers = [joined for number in range(CUTS) if (joined := oracle.joined(number, CUTS)) is not None]
    assert len(answers) >= CUTS * COMPARED
    others = [each for each in answers if not agrees(each)]
    assert len(others) <= len(answers) * (1 - AGREE_OF_FEW), others
    assert [each for each in others if not differs_at_the_seam(each)] == []
    off = [
        each
        for each in answers
        for (prompt, written), (uncut_prompt, uncut_written) in zip(each.counts, each.uncut_counts, strict=True)
        if abs(prompt - uncut_prompt) > COUNT_OFF or abs(written - uncut_written) > COUNT_OFF
    ]
    assert off == []
