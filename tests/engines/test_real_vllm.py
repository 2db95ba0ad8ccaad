"""A real vLLM behind the app: it starts, answers, and comes back from whatever ends it. One app for all, in this order."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from app.engines.keeper import vllm
from stacks.aws.components.engine_service import server_arguments
from tests.engines.real_vllm import LOADS_S, app_with_vllm, only_on_linux, processes, provided, said, starts
from tests.engines.test_documented import BLOCK
from tests.engines.vllm_app import ARGS as SCRIPTED
from tests.faults.callers import Caller, Heard, read_stream
from tests.faults.running import ROOT, App, eventually, is_ready

pytestmark = [
    pytest.mark.long,  # vLLM takes a minute to start on idle cores, and it starts five times
    pytest.mark.alone,  # what it answers it answers within times
    pytest.mark.timeout(1800),
    only_on_linux,
]

QUESTION: Any = [{"role": "user", "content": "Write a long story about a sailor and the sea."}]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def home() -> Path:
    return provided()


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[App]:
    with app_with_vllm(home) as started:
        becomes_ready(started)
        yield started


def becomes_ready(app: App, time: int = 1) -> None:
    """For the ``time``-th time."""
    eventually(lambda: starts(app) >= time and is_ready(app.url), LOADS_S)


def client(app: App) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{app.url}/v1", api_key="unused", max_retries=0, timeout=300)


def streamed(app: App, tokens: int) -> Heard:
    """One streamed answer of so many tokens, judged byte by byte."""
    body = {
        "model": "chat",
        "messages": QUESTION,
        "stream": True,
        "max_tokens": tokens,
        "temperature": 0,
        "stream_options": {"include_usage": True},
    }
    request = urllib.request.Request(
        app.url + Caller.COMPLETIONS, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as response:
        heard = Heard(status=response.status, raw=response.read())
    read_stream(heard, Caller.COMPLETIONS)
    return heard


def test_a_whole_answer(app: App) -> None:
    """With its words, its end and vLLM's own counts."""
    answer = client(app).chat.completions.create(model="chat", messages=QUESTION, max_tokens=16, temperature=0)
    assert len((answer.choices[0].message.content or "").split()) > 4
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 10
    assert answer.usage.completion_tokens == 16


def test_a_streamed_answer(app: App) -> None:
    """Piece by piece, each as it comes, and the counts at the end."""
    heard = streamed(app, 16)
    assert heard.wrong == []
    assert len(heard.text.split()) > 4
    assert {written for _, written in heard.counts} == {16}
    assert heard.raw.count(b'"content":') > 8


def test_json_that_matches_a_schema(app: App) -> None:
    """A model this small would never write it unforced."""
    form: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}
    asked: Any = [{"role": "user", "content": "Anna is 31 years old. Write her as JSON."}]
    answer = client(app).chat.completions.create(
        model="chat", messages=asked, response_format=form, max_tokens=100, temperature=0
    )
    person = json.loads(answer.choices[0].message.content or "")
    assert (set(person), type(person["age"])) == ({"name", "age"}, int)


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "save_person"}}], ids=["required", "named"]
)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_a_forced_tool_call(app: App, choice: Any, is_streamed: bool) -> None:
    """Its arguments are what the function takes, where the caller asks for that with `strict`."""
    function = {"name": "save_person", "description": "Saves a person.", "parameters": PERSON, "strict": True}
    asked: Any = {
        "model": "chat",
        "messages": [{"role": "user", "content": "Save Ann, who is 31."}],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": choice,
        "max_tokens": 100,
        "temperature": 0,
    }
    calls = client(app).chat.completions
    if is_streamed:
        with calls.stream(**asked) as events:
            answer = events.get_final_completion()
    else:
        answer = calls.create(**asked)

    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "save_person"
    person = json.loads(call.function.arguments)
    assert (set(person), type(person["age"])) == ({"name", "age"}, int)


def test_a_completion(app: App) -> None:
    """Of a bare text."""
    answer = client(app).completions.create(
        model="chat", prompt="The capital of France is", max_tokens=8, temperature=0
    )
    assert "Paris" in answer.choices[0].text
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


@pytest.mark.parametrize(
    ("who", "number"),
    [("core", signal.SIGKILL), ("server", signal.SIGKILL), ("server", signal.SIGSTOP)],
    ids=["core-killed", "server-killed", "server-hangs"],
)
def test_it_comes_back(app: App, who: str, number: signal.Signals) -> None:
    """Whatever ends it: nothing of the first one is left, and the next one answers."""
    first, before = processes(app), starts(app)
    first[who].send_signal(number)
    becomes_ready(app, before + 1)
    assert [each for each in first.values() if _lives(each)] == []
    assert streamed(app, 4).wrong == []


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_an_answer_under_way_is_finished_when_the_app_ends(app: App) -> None:
    """SIGTERM with a stream running: the stream comes to its end, and then nothing is left. It ends the app of these tests."""
    running = processes(app)
    heard: list[Heard] = []
    asking = threading.Thread(target=lambda: heard.append(streamed(app, 100)))
    asking.start()
    eventually(lambda: any(app.metric("trimaran_running").values()), 60)
    os.kill(app.pid, signal.SIGTERM)
    asking.join(120)
    assert [(each.wrong, each.finish) for each in heard] == [([], "length")]
    eventually(lambda: not [each for each in running.values() if _lives(each)], 60)


def test_too_little_memory_is_one_sentence(home: Path) -> None:
    """A cache of more than there is: what is free, what it wants and what to do, out of what vLLM really writes."""
    with app_with_vllm(home, cache_gib=100_000) as app:
        line = json.loads(said(app, "ended with status"))
    assert re.search(
        r"status 1: too little memory is free \(\S+/\S+ GiB, and its cache wants 100000\S* GiB\): lower VLLM_CPU_KV",
        line["message"],
    )


def test_every_option_is_one_of_its_own(home: Path) -> None:
    """What the app gives, what the page, the stack and the scripted one say: this version has them all."""
    done = subprocess.run(
        [f"{home}/venv/bin/vllm", "serve", "--help=all"], capture_output=True, text=True, check=True, timeout=900
    )
    has = set(re.findall(r"^  (--[a-z0-9-]+)", done.stdout, re.MULTILINE))
    [page] = re.findall(r'TRIMARAN_ENGINE_ARGS="(.*)"', BLOCK)
    [row] = re.findall(r"^\| `TRIMARAN_ENGINE_ARGS` .*", (ROOT / "docs/engines.md").read_text(), re.MULTILINE)
    named = re.findall(r"--[a-z][a-z-]+", row)
    stack = re.findall(r'"(--[a-z0-9-]+)"', inspect.getsource(server_arguments).partition("LITSERVE")[0])
    server = re.findall(r'"(--[a-z0-9-]+)"', inspect.getsource(vllm))
    words = [*shlex.split(page), *shlex.split(SCRIPTED), *named, *stack, *server]
    asked = {word for word in words if word.startswith("--")}
    assert len(asked) > 8
    assert asked - has == set()
