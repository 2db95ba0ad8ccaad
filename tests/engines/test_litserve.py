"""The app's own LitServe: the real one, with pipelines that need no model, as a process that the app starts, watches and ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import aiohttp
import psutil
import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st
from litserve.utils import LitAPIStatus

from app.engines.litserve import _refuse_missing
from app.engines.litserve_chat import Chat
from app.engines.litserve_loop import Batches, Cut, Joined, joined, plain
from app.engines.litserve_pipeline import ChatRequest
from app.engines.litserve_words import WordsError, parser
from app.logic.routes import RoutesError
from tests.api.process import Process, refused
from tests.api.upstream import upstream
from tests.engines.pipelines import STEPS, Telling
from tests.engines.test_vllm import FALLBACK
from tests.engines.vllm_app import asked, ready, running

MODEL = "own/telling"
TELLING = "tests.engines.pipelines:Telling"
WITHIN_S = 120.0  # LitServe is four processes of Python, and cores may be busy
FALLBACK = FALLBACK.replace("adapter: vllm", "adapter: litserve")


def environment(folder: Path, given: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        "TRIMARAN_PORT": "0",
        "TRIMARAN_ENGINE": "litserve",
        "TRIMARAN_ENGINE_MODEL": MODEL,
        "TRIMARAN_ENGINE_PIPELINE": TELLING,
        "TRIMARAN_DATA_DIR": str(folder),
        "TRIMARAN_API_KEYS": "me=sk-of-the-app",
        **(given or {}),
    }


@asynccontextmanager
async def app(folder: Path, given: Mapping[str, str] | None = None) -> AsyncIterator[Process]:
    async with running(environment(folder, given)) as process:
        await becomes_ready(process)
        yield process


async def becomes_ready(process: Process) -> None:
    async with asyncio.timeout(WITHIN_S):
        while (await ready(process))[0] != 200:
            await asyncio.sleep(0.05)


def question(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "chat", "messages": [{"role": "user", "content": text}], **more}


async def answer(process: Process, text: str, **more: Any) -> dict[str, Any]:
    status, body = await asked(process, question(text, **more))
    assert status == 200, body
    return dict(json.loads(body))


def said(whole: Mapping[str, Any]) -> str:
    return str(whole["choices"][0]["message"]["content"])


def pid_in(text: str) -> int:
    [pid] = re.findall(r"pid=(\d+)", text)
    return int(pid)


def below(process: Process) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def ends(processes: list[psutil.Process]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while any(lives(each) for each in processes):
            await asyncio.sleep(0.02)


async def becomes(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():
            await asyncio.sleep(0.02)


def answering(process: Process) -> psutil.Process:
    """LitServe's uvicorn, which it starts last."""
    [keeper] = psutil.Process(process.pid).children()
    [server] = keeper.children()
    return max(server.children(), key=psutil.Process.create_time)


def connections(process: Process) -> set[int]:
    """The ports of who is connected to LitServe."""
    there = answering(process).net_connections("tcp")
    return {each.raddr.port for each in there if each.status == psutil.CONN_ESTABLISHED and each.raddr}


class Stream:
    """A streamed answer, read as it comes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.chunks: list[dict[str, Any]] = []

    async def text(self, *, until: str = "") -> str:
        """What was said, to the end or until it holds ``until``."""
        async for line in self._response.content:
            if line.startswith(b"data: {"):
                self.chunks.append(json.loads(line.removeprefix(b"data: ")))
                if until and until in self._said():
                    break
        return self._said()

    def _said(self) -> str:
        return "".join(
            choice["delta"].get("content") or "" for chunk in self.chunks for choice in chunk.get("choices", ())
        )

    @property
    def finish(self) -> str | None:
        return next(
            (choice["finish_reason"] for each in self.chunks for choice in each["choices"] if choice["finish_reason"]),
            None,
        )


@asynccontextmanager
async def streamed(process: Process, text: str, **more: Any) -> AsyncIterator[Stream]:
    headers = {"authorization": "Bearer sk-of-the-app"}
    url = f"{process.url}/v1/chat/completions"
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(url, json=question(text, stream=True, **more)) as response,
    ):
        assert response.status == 200
        yield Stream(response)


@asynccontextmanager
async def streamed_beside(
    process: Process, text: str, other: str
) -> AsyncIterator[tuple[Stream, asyncio.Task[dict[str, Any]]]]:
    """A stream of an answer to ``text``, and beside it a whole answer to ``other``."""
    beside = asyncio.create_task(answer(process, other))
    async with streamed(process, text) as stream:
        yield stream, beside
    await beside


async def test_what_a_caller_gets(tmp_path: Path) -> None:
    """Whole and streamed: the words, why it ended, and the pipeline's own counts; `stop` cuts, and what is not obeyed is refused by name."""
    async with app(tmp_path) as process:
        whole = await answer(process, "one two long")
        assert said(whole).endswith("batch=1 one two long ")
        assert whole["choices"][0]["finish_reason"] == "length"
        assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}

        async with streamed(process, "one two", stream_options={"include_usage": True}) as stream:
            assert (await stream.text()).endswith("batch=1 one two ")
        assert (stream.finish, stream.chunks[-1]["usage"]["completion_tokens"]) == ("stop", 4)

        cut = await answer(process, "one two three", stop=["o t", "never"])
        assert (said(cut).endswith(" one tw"), cut["choices"][0]["finish_reason"]) == (True, "stop")

        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        for field, value in {"tools": tools, "n": 2, "logit_bias": {"1": 1}}.items():
            status, body = await asked(process, question("one", **{field: value}))
            assert (status, json.loads(body)["error"]["param"]) == (400, field)
        assert (await asked(process, question("one", response_format={"type": "text"}, presence_penalty=0)))[0] == 200


async def test_requests_that_come_together_are_one_batch(tmp_path: Path) -> None:
    """One call of `predict` for all of them; each caller gets its own answer, and no more are taken than the batch may hold."""
    async with app(tmp_path, {"TRIMARAN_ENGINE_ARGS": "--max-batch-size 3 --batch-timeout 2"}) as process:
        answers = await asyncio.gather(*(answer(process, f"question {number}") for number in range(3)))
        assert [re.sub(r"pid=\d+ ", "", said(each)) for each in answers] == [
            f"batch=3 question {number} " for number in range(3)
        ]


async def test_an_answer_ends_before_the_longest_of_its_batch(tmp_path: Path) -> None:
    """The first words of a stream are there while the last are not made yet, and a short answer beside it is whole."""
    file = tmp_path / "go-on"
    given = {"TRIMARAN_ENGINE_ARGS": "--max-batch-size 2 --batch-timeout 30"}
    async with app(tmp_path, given) as process, streamed_beside(process, f"wait {file}", "short") as (stream, short):
        assert "batch=2" in await stream.text(until="wait ")
        assert said(await short).endswith("batch=2 short ")
        assert stream.finish is None
        file.touch()
        assert (await stream.text()).endswith(f"wait {file} ")


async def test_one_that_is_refused_fails_alone(tmp_path: Path) -> None:
    """In `decode_request`, with the pipeline's own status and words, also where a stream is wanted; in `predict`, with a whole batch."""
    async with app(tmp_path, {"TRIMARAN_ENGINE_ARGS": "--max-batch-size 3 --batch-timeout 2"}) as process:
        good, bad, streaming = await asyncio.gather(
            answer(process, "good"),
            asked(process, question("refuse it")),
            asked(process, question("refuse", stream=True)),
        )
        assert "batch=1 good " in said(good)
        for status, body in (bad, streaming):
            assert (status, "this one is refused" in body) == (400, True)
        worker = pid_in(said(good))
        failed = await asyncio.gather(*(asked(process, question(text)) for text in ("fail", "beside it")))
        assert [status >= 500 for status, _ in failed] == [True, True]
        assert pid_in(said(await answer(process, "again"))) == worker


async def test_what_one_request_does_leaves_the_worker(tmp_path: Path) -> None:
    """A refusal that cannot be sent as it is, and an end of the process: their callers alone are told, and the same worker answers on."""
    async with app(tmp_path) as process:
        worker = pid_in(said(await answer(process, "one")))
        status, body = await asked(process, question("odd"))
        assert (status, "this one is odd" in body) == (400, True)
        assert (await asked(process, question("exit")))[0] >= 500
        assert (await asked(process, question("step dict")))[0] >= 500
        assert pid_in(said(await answer(process, "again"))) == worker


async def test_one_that_left_before_its_turn_is_passed_over(tmp_path: Path) -> None:
    """Its caller is gone, and the model works for those that wait."""
    go_on, note = tmp_path / "go-on", tmp_path / "note"
    async with app(tmp_path, {"TRIMARAN_ENGINE_ARGS": "--max-batch-size 1"}) as process:
        async with streamed(process, f"wait {go_on}") as stream:
            await stream.text(until="wait ")
            at_work = connections(process)
            leaving = asyncio.create_task(asked(process, question(f"note {note}")))
            await becomes(lambda: len(connections(process)) > len(at_work))
            leaving.cancel()
            await becomes(lambda: connections(process) == at_work)
            staying = asyncio.create_task(answer(process, "short"))
            await becomes(lambda: len(connections(process)) > len(at_work))
            go_on.touch()
            await stream.text()
        assert said(await staying).endswith("short ")
        assert not note.exists()
        await answer(process, f"note {note}")
        assert note.exists()


async def test_a_character_in_halves_comes_whole(tmp_path: Path) -> None:
    """Whole and streamed alike; half of one is the sign for what is broken."""
    async with app(tmp_path, {"TRIMARAN_ENGINE_PIPELINE": "tests.engines.pipelines:Halves"}) as process:
        assert said(await answer(process, "one")) == "a\U0001f600b\ufffd"
        async with streamed(process, "one") as stream:
            assert await stream.text() == "a\U0001f600b\ufffd"


async def test_a_killed_process_that_answers_is_noticed(tmp_path: Path) -> None:
    """kill -9 of it: the log says so, and another answers; no look at its health has to be missed."""
    async with app(tmp_path) as process:
        first = below(process)
        answering(process).kill()
        await process.logged(f"engine {MODEL} ended with status 1: its process that answers requests ended")
        await ends(first)
        await becomes_ready(process)
        await answer(process, "two")


@pytest.mark.parametrize("who", ["worker", "server", "keeper"])
async def test_a_killed_process_comes_back(tmp_path: Path, who: str) -> None:
    """kill -9 of any of its processes: all of them end, and new ones answer."""
    async with app(tmp_path) as process:
        worker = pid_in(said(await answer(process, "one")))
        first = below(process)
        [keeper] = psutil.Process(process.pid).children()
        [server] = keeper.children()
        os.kill({"worker": worker, "server": server.pid, "keeper": keeper.pid}[who], signal.SIGKILL)
        await ends(first)
        await becomes_ready(process)
        assert pid_in(said(await answer(process, "two"))) != worker


async def test_it_dies_with_the_app(tmp_path: Path) -> None:
    """kill -9 of the app leaves none of its processes."""
    async with app(tmp_path) as process:
        processes = below(process)
        assert len(processes) >= 4
        os.kill(process.pid, signal.SIGKILL)
        await ends(processes)


async def test_an_answer_under_way_is_finished_when_the_app_ends(tmp_path: Path) -> None:
    """SIGTERM with a stream running: the stream comes to its end, and then nothing is left."""
    file = tmp_path / "go-on"
    async with app(tmp_path) as process:
        processes = below(process)
        async with streamed(process, f"wait {file}") as stream:
            await stream.text(until="wait ")
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(WITHIN_S):
                while (await ready(process))[0] == 200:
                    await asyncio.sleep(0.02)
            file.touch()
            assert (await stream.text()).endswith(f"wait {file} ")
        assert stream.finish == "stop"
        assert await process.wait() == 0
        await ends(processes)


async def test_only_the_app_may_ask_it(tmp_path: Path) -> None:
    """Its port is open to every user of the machine, on loopback alone, so it asks for the key that only the app has, on every path."""
    async with app(tmp_path) as process:
        listening = [
            each.laddr
            for child in below(process)
            for each in child.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        ]
        assert {address.ip for address in listening} == {"127.0.0.1"}
        ports = {address.port for address in listening}
        async with aiohttp.ClientSession() as http:
            for path in ("/health", "/v1/models", "/info", "/v1/chat/completions"):
                for port in ports:
                    async with http.get(f"http://127.0.0.1:{port}{path}") as response:
                        assert response.status == 401


@pytest.mark.parametrize(
    ("name", "logged"), [("Failing", "OSError: no such model"), ("Killed", "the pipeline could not be set up")]
)
async def test_a_pipeline_that_cannot_be_set_up_is_told(tmp_path: Path, name: str, logged: str) -> None:
    """Where readiness says what it waits for, and the log has the pipeline's own error; one that is killed is not waited for."""
    given = {"TRIMARAN_ENGINE_PIPELINE": f"tests.engines.pipelines:{name}"}
    async with running(environment(tmp_path, given)) as process:
        async with asyncio.timeout(WITHIN_S):
            while "the pipeline could not be set up" not in (await ready(process))[1]["waits_for"][MODEL]:
                await asyncio.sleep(0.05)
        await process.logged(f"engine {MODEL} ended with status 1: the pipeline could not be set up")
    assert any(logged in line["message"] for line in process.log)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TRIMARAN_ENGINE_PIPELINE": "tests.engines.pipelines:Nobody"}, "tests.engines.pipelines has no class Nobody"),
        (
            {"TRIMARAN_ENGINE_PIPELINE": "tests.engines.unimportable:Any"},
            "TRIMARAN_ENGINE_PIPELINE=tests.engines.unimportable:Any cannot be imported: ModuleNotFoundError: No module named",
        ),
        (
            {"TRIMARAN_ENGINE_PIPELINE": "tests.engines.pipelines:Alone"},
            "TRIMARAN_ENGINE_PIPELINE=tests.engines.pipelines:Alone cannot be constructed: TypeError",
        ),
    ],
)
async def test_what_only_its_own_process_sees_is_told(tmp_path: Path, given: dict[str, str], said: str) -> None:
    """In the log, as the reason for its end."""
    async with running(environment(tmp_path, given)) as process, asyncio.timeout(WITHIN_S):
        while said not in (await ready(process))[1]["waits_for"][MODEL]:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TRIMARAN_ENGINE_MODEL": ""}, "TRIMARAN_ENGINE=litserve needs a model."),
        ({"TRIMARAN_ENGINE_ARGS": "--port=9"}, "TRIMARAN_ENGINE_ARGS holds --port, which the app sets itself."),
        ({"TRIMARAN_ENGINE_ARGS": "--max-batch-siz=8"}, "unrecognized arguments: --max-batch-siz=8"),
        ({"TRIMARAN_ENGINE_WEIGHTS": "/no/such"}, "TRIMARAN_ENGINE_WEIGHTS=/no/such is no folder on this machine."),
        ({"TRIMARAN_ENGINE_PIPELINE": "pipeline.py"}, "TRIMARAN_ENGINE_PIPELINE=pipeline.py is not of the form"),
        ({"TRIMARAN_ENGINE_PIPELINE": "no.such:Class"}, "there is no module 'no.such'.\nhint: put its folder into"),
        ({"TRIMARAN_ENGINE": "vllm"}, "TRIMARAN_ENGINE_PIPELINE is set, and only TRIMARAN_ENGINE=litserve reads it"),
        (
            {"TRIMARAN_ROUTES_YAML": FALLBACK.format(model="other", url="http://x/v1")},
            "own LitServe runs 'own/telling'",
        ),
        (
            {"TRIMARAN_ROUTES_YAML": FALLBACK.format(model=MODEL, url="").replace("openai_compatible", "litserve")},
            "backends own, small would each be a litserve of the app's own",
        ),
    ],
)
async def test_what_cannot_be_started_is_one_sentence(tmp_path: Path, given: dict[str, str], said: str) -> None:
    """Before the app listens."""
    error = await refused(environment(tmp_path, given))
    assert error.startswith("trimaran: ")
    assert said in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--batch-timeout inf", "argument --batch-timeout: 'inf' is not a number of seconds from 0 up"),
        ("--batch-timeout nan", "argument --batch-timeout: 'nan' is not a number of seconds from 0 up"),
        ("--batch-timeout -1", "argument --batch-timeout: '-1' is not a number of seconds from 0 up"),
        ("--batch-timeout 1e300", "argument --batch-timeout: '1e300' is not a number of seconds from 0 up"),
        ("--max-batch-size abc", "argument --max-batch-size: 'abc' is not a whole number from 1 up"),
        ("--max-batch-size 0", "argument --max-batch-size: '0' is not a whole number from 1 up"),
        ("--max-batch 3", "unrecognized arguments: --max-batch 3"),
        ("--help", "unrecognized arguments: --help"),
    ],
)
def test_a_word_that_cannot_be_is_refused_by_name(word: str, said: str) -> None:
    """Whichever it is, in words that a person typed."""
    with pytest.raises(WordsError) as refusal:
        parser().parse_args(word.split())
    assert str(refusal.value) == said


def test_the_hint_installs_for_the_python_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be typed as it stands, in any folder."""
    monkeypatch.setattr("app.engines.litserve.find_spec", lambda _: None)
    with pytest.raises(RoutesError) as refusal:
        _refuse_missing(TELLING)
    command = str(refusal.value).partition("hint: ")[2].partition(", or")[0].split()
    assert command[:-1] == [sys.executable, "-m", "pip", "install", "-r"]
    assert Path(command[-1]).is_absolute()
    assert Path(command[-1]).is_file()


class Sent:
    """Where a worker's answers go: what cannot be pickled does not."""

    def __init__(self) -> None:
        self.answers: list[tuple[Any, ...]] = []

    def send(self, item: Any, consumer_id: int) -> None:
        uid, (said, status, *_) = pickle.loads(pickle.dumps(item))
        self.answers.append((uid, said, status))


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_a_value_for_each(step: str, caplog: pytest.LogCaptureFixture) -> None:
    """Any other is the whole batch's 500, and a sentence in the log."""
    pipeline = Telling(max_batch_size=1, batch_timeout=0, spec=Chat(MODEL), loop=Batches())
    pipeline.pre_setup(pipeline.spec)
    waiting: Queue[Any] = Queue()
    request = ChatRequest.model_validate(question(f"step {step}"))
    for uid in ("left", "there"):
        waiting.put((0, uid, 0.0, request))
    pipeline.spec.asking = {"there": True}
    sent = Sent()
    with caplog.at_level(logging.ERROR, "litserve"):
        pipeline.loop.run(pipeline, "cpu", 0, waiting, sent, {}, None)
    [(uid, error, status)] = sent.answers
    assert (uid, error.status_code, status) == ("there", 500, LitAPIStatus.ERROR)
    assert "predict yielded" in caplog.text
    assert "for each request of its batch (1)" in caplog.text


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (HTTPException(400, {"message": 1}), (400, {"message": 1}, None)),
        (HTTPException(400, {"at": Path("/a")}), (400, {"at": "/a"}, None)),
        (HTTPException(400, float("nan")), (400, "nan", None)),
        (HTTPException(400, {(1, 2): 3}), (400, "{(1, 2): 3}", None)),
        (HTTPException(400, "\ud83d"), (400, "\ufffd", None)),
        (HTTPException(204, "its words"), (500, "its words", None)),
        (HTTPException(302, "its words"), (500, "its words", None)),
        (HTTPException(101, "its words"), (500, "its words", None)),
        (
            HTTPException(429, "later", {"Retry-After": "7", "content-length": "9"}),
            (429, "later", {"retry-after": "7"}),
        ),
    ],
)
def test_a_refusal_is_told_in_plain_words(refusal: HTTPException, told: tuple[Any, ...]) -> None:
    """Whatever a pipeline puts into it goes to another process and is an answer there."""
    got = pickle.loads(pickle.dumps(plain(refusal)))
    assert (got.status_code, got.detail, got.headers) == told


def test_a_question_is_the_users_last_text() -> None:
    """Its parts in one; a message without text is refused."""
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    later = {"role": "assistant", "content": "three"}
    messages = [{"role": "user", "content": "zero"}, {"role": "user", "content": parts}, later]
    assert ChatRequest.model_validate({"model": MODEL, "messages": messages}).question == "one two"
    with pytest.raises(HTTPException):
        _ = ChatRequest.model_validate({"model": MODEL, "messages": [later]}).question


@given(st.text(st.characters(codec=None, categories=["L", "Cs"])), st.integers(0, 9))
def test_text_is_joined_however_it_is_cut(text: str, at: int) -> None:
    """As if it had come in one."""
    pieces = Joined()
    assert pieces.feed(text[:at], is_last=False) + pieces.feed(text[at:], is_last=True) == joined(text)


async def test_what_it_cannot_do_another_backend_does(tmp_path: Path) -> None:
    """A request with tools goes to the route's next backend."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    async with upstream() as up:
        given = {"TRIMARAN_ROUTES_YAML": FALLBACK.format(model=MODEL, url=up.url)}
        async with app(tmp_path, given) as process:
            assert (await asked(process, question("one", tools=tools)))[0] == 200
            record = await process.logged("chat")
    assert [each["backend"] for each in record["attempts"]][-1] == "small"


@given(st.lists(st.text("abc", max_size=4), max_size=8), st.lists(st.text("abc", min_size=1, max_size=3), max_size=3))
def test_a_stop_is_found_however_the_text_comes(pieces: list[str], stops: list[str]) -> None:
    """What is shown is the text up to the first stop, and not a letter of a stop before."""
    cut = Cut(stops)
    shown, stopped = "", False
    for each in pieces:
        text, stopped = cut.feed(each)
        shown += text
        if stopped:
            break
    if not stopped:
        shown += cut.rest()
    whole = "".join(pieces)
    found = [at for stop in stops if (at := whole.find(stop)) >= 0]
    if len(found) <= 1:
        assert shown == (whole[: found[0]] if found else whole)
    assert not any(stop in shown for stop in stops)
