"""An answer that breaks off goes on at the next backend, and its caller notices nothing: on the bare bytes and through OpenAI's own client."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults import running
from tests.faults.answers import Act, Break, Fault, Point
from tests.faults.callers import Caller, Heard, asked, read_stream
from tests.faults.cases import backend
from tests.faults.models import PROMPT_TOKENS, TEXT, Model, pieces_of
from tests.faults.proxy import FaultProxy
from tests.faults.running import KEY_ENV, App, Loop

pytestmark = pytest.mark.alone  # what is promised of a fault is promised within times

WIRES = ("openai", "anthropic")
# The adapters whose models take up an answer in each of the ways that there are, and the wire that each speaks.
HOW = {
    "final_message": ("vllm", "openai"),
    "prefix": ("mistral", "openai"),
    "bare": ("anthropic", "anthropic"),
    "instruct": ("openai_compatible", "openai"),
}
LIMITS = "{connect_s: 5, first_token_s: 20, between_tokens_s: 20, total_s: 40}"
CUTS = range(1, len(pieces_of(TEXT)))


@dataclass(frozen=True)
class Stage:
    """The app with a faulty backend of each wire and one healthy one behind it for each way to go on; models are named `WIRE-WAY`."""

    app: App
    faults: dict[str, Fault]
    first: dict[str, Model]
    second: dict[str, Model]
    proxies: dict[str, FaultProxy]

    def say(self, text: str) -> None:
        """From now on every model says ``text``."""
        for model in (*self.first.values(), *self.second.values()):
            model.text = text

    def cut(self, act: Act = Act.FIN, at: Point = Point.CONTENT, pieces: int = 2, settle_s: float = 0.0) -> None:
        self.faults["cut"] = Break(at=at, then=act, pieces=pieces)
        for proxy in self.proxies.values():
            proxy.settle_s = settle_s

    def ask(self, model: str, fault: str = "cut", **fields: Any) -> Heard:
        """One streamed answer; an uncut one comes before it, so that the circuit stays closed."""
        if fault != "none":
            assert self.ask(model, "none").wrong == []
        body = asked(model, fault, stream=True, stream_options={"include_usage": True}, **fields)
        request = urllib.request.Request(
            self.app.url + Caller.COMPLETIONS, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            heard = Heard(status=response.status, raw=response.read())
        read_stream(heard, Caller.COMPLETIONS)
        return heard


@pytest.fixture(scope="module")
def stage(loop: Loop) -> Iterator[Stage]:
    faults: dict[str, Fault] = {}
    first = {wire: Model(wire) for wire in WIRES}
    second = {how: Model(wire, repeats=20 if how == "instruct" else 0) for how, (_, wire) in HOW.items()}
    with ExitStack() as stack:
        proxies = {wire: stack.enter_context(loop.held(FaultProxy(first[wire], faults))) for wire in WIRES}
        healthy = {how: stack.enter_context(loop.held(FaultProxy(second[how], {}))) for how in HOW}
        app = stack.enter_context(running.running(routes(proxies, healthy)))
        yield Stage(app, faults, first, second, proxies)


def routes(proxies: dict[str, FaultProxy], healthy: dict[str, FaultProxy]) -> str:
    backends, models = [], []
    for how, (adapter, wire) in HOW.items():
        path, family = ("", "claude-haiku-4-5") if wire == "anthropic" else ("/v1", "mock")
        place = f"base_url: '{healthy[how].url}{path}', model: {family}-{how}, key_env: {KEY_ENV}"
        backends.append(
            f"  {how}: {{adapter: {adapter}, {place}, price: {{input_usd_per_mtok: 2, output_usd_per_mtok: 10}}}}"
        )
    for wire in WIRES:
        for name, uses, more in _models():
            backends.append(backend(f"{wire}-{name}-a", wire, proxies[wire].url))
            chain = ", ".join(f"{{use: {use}}}" for use in (f"{wire}-{name}-a", *uses))
            models.append(f"  {wire}-{name}: {{backends: [{chain}], limits: {LIMITS}{more}}}")
    backends.append(backend("broken", "openai", proxies["openai"].url))
    return "\n".join(("version: 1", "backends:", *backends, "models:", *models, ""))


def _models() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Name, backends behind the first one, further settings."""
    for how in HOW:
        yield how, (how,), ""
    yield "off", ("final_message",), ", rescue: false"
    yield "twice", ("broken", "final_message"), ""


def whole(heard: Heard, text: str = TEXT) -> None:
    """One valid answer with every character once."""
    assert heard.wrong == []
    assert (heard.code, heard.finish) == ("", "stop")
    assert heard.text == text


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("wire", WIRES)
def test_every_cut_is_joined(stage: Stage, wire: str, how: str) -> None:
    """Wherever it breaks off, and however the next backend takes it up: the same text, first prompt, joined output."""
    stage.say(TEXT)
    for cut in CUTS:
        stage.cut(pieces=cut, settle_s=0.005)
        heard = stage.ask(f"{wire}-{how}")
        whole(heard)
        assert heard.backend == how
        if how != "instruct":  # what it repeats it has written, too
            assert heard.counts == [(PROMPT_TOKENS, len(pieces_of(TEXT)))] * 2, f"cut after {cut} pieces"


texts = st.text(st.sampled_from('ab \n\t.é世🌊"\\<'), min_size=8, max_size=70).filter(str.strip)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=texts,
    part=st.floats(0, 1),
    point=st.sampled_from((Point.CONTENT, Point.HALF_EVENT)),
    act=st.sampled_from((Act.FIN, Act.END, Act.RESET, Act.ERROR, Act.GARBAGE)),
    settle_s=st.sampled_from((0.0, 0.004)),
    wire=st.sampled_from(WIRES),
    how=st.sampled_from(("final_message", "prefix", "bare")),
)
def test_not_a_character_is_lost_or_doubled(
    stage: Stage, text: str, part: float, point: Point, act: Act, settle_s: float, wire: str, how: str
) -> None:
    """Any text, cut anywhere in any way, whether or not the cut comes in one read with what was before it."""
    stage.say(text)
    stage.cut(act, point, int(part * (len(pieces_of(text)) - 1)), settle_s)
    whole(stage.ask(f"{wire}-{how}"), text)


@pytest.mark.parametrize("wire", WIRES)
def test_openais_client_notices_nothing(stage: Stage, wire: str) -> None:
    """The blocking client, unchanged: one id, one role, one finish reason, every character, the usage that was asked for."""
    stage.say(TEXT)
    with openai.OpenAI(base_url=f"{stage.app.url}/v1", api_key="unused", max_retries=0) as client:
        for cut in CUTS:
            assert stage.ask(f"{wire}-final_message", "none").wrong == []
            stage.cut(pieces=cut, settle_s=0.005)
            chunks = list(
                client.chat.completions.create(
                    model=f"{wire}-final_message",
                    messages=[{"role": "user", "content": "fault=cut"}],
                    stream=True,
                    stream_options={"include_usage": True},
                )
            )
            choices = [choice for chunk in chunks for choice in chunk.choices]
            assert "".join(choice.delta.content or "" for choice in choices) == TEXT
            assert len({(chunk.id, chunk.model, chunk.created) for chunk in chunks}) == 1
            assert [choice.delta.role for choice in choices if choice.delta.role] == ["assistant"]
            assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
            usage = chunks[-1].usage
            assert usage is not None
            assert (usage.prompt_tokens, usage.completion_tokens) == (PROMPT_TOKENS, len(pieces_of(TEXT)))
            assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@pytest.mark.parametrize("wire", WIRES)
def test_two_cuts_in_one_answer(stage: Stage, wire: str) -> None:
    """The backend that goes on breaks off too; a third one brings it to its end."""
    stage.say(TEXT)
    stage.cut(pieces=3, settle_s=0.005)
    heard = stage.ask(f"{wire}-twice")

    whole(heard)
    assert (heard.backend, heard.attempts) == ("final_message", 3)


def test_a_rescue_can_be_switched_off(stage: Stage) -> None:
    """Then the caller gets a clean error event after what it has, and no end."""
    stage.say(TEXT)
    stage.cut(pieces=3, settle_s=0.005)
    heard = stage.ask("openai-off")

    assert heard.wrong == []
    assert (heard.code, heard.text) == ("cut", "".join(pieces_of(TEXT)[:3]))


@pytest.mark.parametrize(
    "fields",
    [{"response_format": {"type": "json_object"}}, {"logprobs": True}],
    ids=["structured", "logprobs"],
)
def test_what_cannot_be_joined_is_not(stage: Stage, fields: dict[str, Any]) -> None:
    """An answer in a schema, or with log-probabilities, ends in an error event rather than in two halves that do not fit."""
    stage.say(TEXT)
    stage.cut(pieces=3, settle_s=0.005)
    heard = stage.ask("openai-final_message", **fields)

    assert heard.wrong == []
    assert heard.code == "cut"


def test_the_token_limit_holds_for_the_whole_answer(stage: Stage) -> None:
    """The next backend may write what the first one left of the limit."""
    stage.say(TEXT)
    stage.cut(pieces=4, settle_s=0.005)
    whole(stage.ask("openai-final_message", max_tokens=50))

    assert stage.second["final_message"].asked[-1]["max_tokens"] == 46


def test_the_next_backend_minds_the_stop_strings(stage: Stage) -> None:
    """An answer that was cut before its stop string still ends there."""
    stage.say(TEXT)
    text = TEXT.partition("wind — 5")[0]
    for cut in range(1, len(pieces_of(text))):
        stage.cut(pieces=cut, settle_s=0.005)
        whole(stage.ask("openai-final_message", stop=["wind — 5"]), text)
