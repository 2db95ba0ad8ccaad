"""Google's own client and our adapter at one fake of Gemini: both send the same and read the same, so the fake speaks Google's wire and not ours."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google import genai
from google.auth import compute_engine
from google.cloud import aiplatform_v1
from google.genai import errors, types
from google.oauth2 import credentials as oauth2
from google.protobuf import json_format

from app.inference.gemini_request import map_request
from app.logic.answer import Failure, Kind
from app.wire.events import Usage
from tests.inference.contract import KEY, MODEL, Heard, backend, call, heard, opened, streamed
from tests.inference.fakes.gemini import LOCATION, PROJECT, Gemini, event, usage_object
from tests.inference.fakes.server import Fake, Reply, Then, as_json, serving
from tests.inference.fakes.vendor import Fault, Said
from tests.inference.identity.google_metadata import Metadata, on_google

GEMINI = Gemini()
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
_static: Any = oauth2.Credentials
PNG = b"\x89PNG\r\n\x1a\nnot really"


@asynccontextmanager
async def client(*replies: Reply, credentials: Any = None) -> AsyncIterator[tuple[genai.Client, Fake]]:
    """Google's client, as it would call Vertex AI, in front of a fake. Its versions of paths are those of the beta; ours are v1's."""
    async with serving(*replies) as fake:
        google = genai.Client(
            vertexai=True,
            project=PROJECT,
            location=LOCATION,
            credentials=credentials or _static(KEY),
            http_options=types.HttpOptions(base_url=fake.url, api_version="v1"),
        )
        yield google, fake
        await google.aio.aclose()


async def google_said(reply: Reply, config: dict[str, Any] | None = None, contents: Any = "hi") -> tuple[Any, Any]:
    """What Google's client makes of a whole answer, and the body that it sent."""
    async with client(reply) as (google, fake):
        answer = await google.aio.models.generate_content(
            model=MODEL, contents=contents, config=types.GenerateContentConfig(**config or {})
        )
    assert fake.received[0].headers["authorization"] == f"Bearer {KEY}"
    return answer, fake.received[0]


async def google_streamed(reply: Reply) -> list[types.GenerateContentResponse]:
    async with client(reply) as (google, fake):
        stream = await google.aio.models.generate_content_stream(model=MODEL, contents="hi")
        chunks = [chunk async for chunk in stream]
    assert GEMINI.asked(fake.received[0]).stream
    return chunks


async def we_said(reply: Reply, *, stream: bool = False, **fields: Any) -> tuple[Heard, Any]:
    """What our adapter makes of the same, and what it sent."""
    async with backend(GEMINI, reply) as (subject, fake):
        answer = await heard(await opened(subject, call(stream=stream, **fields)), stream=stream)
    return answer, fake.received[0]


async def failed(reply: Reply, *, stream: bool = False) -> Failure:
    with pytest.raises(Failure) as raised:
        await we_said(reply, stream=stream)
    return raised.value


def message(body: dict[str, Any]) -> Any:
    """A request as Google's definition of it, of the version that is called, which knows every field and its type; both spellings are one.

    Raises ParseError.
    """
    return json_format.ParseDict(
        {**body, "generationConfig": body.get("generationConfig", {})},
        aiplatform_v1.GenerateContentRequest.pb(aiplatform_v1.GenerateContentRequest()),
    )


def text(answer: types.GenerateContentResponse) -> str:
    return "".join(part.text or "" for part in answer.parts or () if not part.thought)


async def test_plain() -> None:
    """A whole answer, and the same path, method and body."""
    reply = GEMINI.whole(Said(text=("Grüße, 世界",)))
    theirs, sent = await google_said(
        reply, {"system_instruction": "Be brief.", "max_output_tokens": 9, "temperature": 0.25}
    )
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    ours, ours_sent = await we_said(reply, messages=messages, max_tokens=9, temperature=0.25)

    assert (theirs.text, theirs.candidates[0].finish_reason) == ("Grüße, 世界", types.FinishReason.STOP)
    assert (ours.text, ours.finish) == (theirs.text, "stop")
    assert ours_sent.path == sent.path
    body = {
        **sent.body,
        "systemInstruction": {"parts": sent.body["systemInstruction"]["parts"]},
    }  # its role says nothing
    assert ours_sent.body == body


async def test_stream() -> None:
    """Piece by piece."""
    reply = streamed(GEMINI, *GEMINI.stream(Said(text=("Hel", "lo"))))
    chunks = await google_streamed(reply)
    ours, _ = await we_said(reply, stream=True)

    assert [text(chunk) for chunk in chunks] == ["", "Hel", "lo", ""]
    assert ours.text == "Hello"


async def test_stream_with_googles_line_ends() -> None:
    """Google ends its lines with CR and LF."""
    events = [part.replace(b"\n", b"\r\n") for part in GEMINI.stream(Said(text=("Hel", "lo")))]
    chunks = await google_streamed(streamed(GEMINI, *events))
    ours, _ = await we_said(streamed(GEMINI, *events), stream=True)

    assert "".join(map(text, chunks)) == ours.text == "Hello"


FUNCTIONS: list[dict[str, Any]] = [
    {"name": "get_weather", "description": "d", "parameters": SCHEMA},
    {"name": "now"},
]


def declared(function: dict[str, Any]) -> dict[str, Any]:
    return {("parameters_json_schema" if name == "parameters" else name): value for name, value in function.items()}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_is_called(stream: bool) -> None:
    """Declared in JSON schema, forced by name, and called."""
    said = Said(tools=(("get_weather", ('{"city":', '"Paris"}')),), finish="tool_calls")
    whole = GEMINI.whole(said)
    calling = {"mode": "ANY", "allowed_function_names": ["get_weather"]}
    config = {
        "tools": [{"function_declarations": [declared(function) for function in FUNCTIONS]}],
        "tool_config": {"function_calling_config": calling},
        "automatic_function_calling": {"disable": True},
    }
    theirs, sent = await google_said(whole, config)
    ours, ours_sent = await we_said(
        streamed(GEMINI, *GEMINI.stream(said)) if stream else whole,
        stream=stream,
        tools=[{"type": "function", "function": function} for function in FUNCTIONS],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
    )

    [one] = theirs.function_calls
    assert (one.name, one.args) == ("get_weather", {"city": "Paris"})
    assert [(name, json.loads(arguments)) for _, name, arguments in ours.tools] == [(one.name, one.args)]
    assert ours.finish == "tool_calls"
    assert message(ours_sent.body) == message(sent.body)


async def test_parallel_tools_and_their_results() -> None:
    """Two calls of one function, answered in the wrong order: the results go back in the order of the calls, in one turn."""
    said = Said(tools=(("now", ('{"at": 1}',)), ("now", ('{"at": 2}',))), finish="tool_calls")
    theirs, _ = await google_said(GEMINI.whole(said))
    ours, _ = await we_said(GEMINI.whole(said))
    calls = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call_id, name, arguments in ours.tools
    ]
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "two"},
        {"role": "tool", "tool_call_id": "call_0", "content": "one"},
        {"role": "user", "content": "and?"},
    ]
    contents = [
        types.UserContent("hi"),
        types.Content(
            role="model",
            parts=[types.Part.from_function_call(name=each.name, args=each.args) for each in theirs.function_calls],
        ),
        types.UserContent(
            [types.Part.from_function_response(name="now", response={"output": word}) for word in ("one", "two")]
        ),
        types.UserContent("and?"),
    ]
    reply = GEMINI.whole(Said(text=("x",)))
    _, sent = await google_said(reply, contents=contents)
    _, ours_sent = await we_said(reply, messages=messages)

    assert [each.args for each in theirs.function_calls] == [{"at": 1}, {"at": 2}]
    assert message(ours_sent.body) == message(sent.body)


async def test_a_schema() -> None:
    """JSON to the caller's schema."""
    reply = GEMINI.whole(Said(text=('{"a": 7}',)))
    config = {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
    theirs, sent = await google_said(reply, config)
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    ours, ours_sent = await we_said(reply, response_format=form)

    assert theirs.parsed == json.loads(ours.text) == {"a": 7}
    assert message(ours_sent.body) == message(sent.body)


async def test_an_image() -> None:
    """In the request itself."""
    reply = GEMINI.whole(Said(text=("a cat",)))
    contents = [types.Part.from_text(text="what?"), types.Part.from_bytes(data=PNG, mime_type="image/png")]
    _, sent = await google_said(reply, contents=contents)
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}]
    _, ours_sent = await we_said(reply, messages=[{"role": "user", "content": parts}])

    assert message(ours_sent.body) == message(sent.body)


async def test_sampling_and_thinking() -> None:
    """Every number by Google's name."""
    numbers: dict[str, Any] = {"top_p": 0.5, "top_k": 5, "seed": 7, "presence_penalty": 0.5, "frequency_penalty": 0.25}
    config = {**numbers, "candidate_count": 2, "stop_sequences": ["END"]}
    reply = GEMINI.whole(Said(text=("x",)))
    _, sent = await google_said(
        reply, {**config, "thinking_config": {"thinking_budget": 1024, "include_thoughts": True}}
    )
    _, ours_sent = await we_said(reply, **numbers, n=2, stop="END", reasoning_effort="low", include_reasoning=True)

    assert message(ours_sent.body) == message(sent.body)


async def test_thoughts() -> None:
    """What was thought is told apart."""
    reply = GEMINI.whole(Said(reasoning=("hm",), text=("ok",)))
    theirs, _ = await google_said(reply)
    ours, _ = await we_said(reply)

    assert [(part.text, bool(part.thought)) for part in theirs.parts] == [("hm", True), ("ok", False)]
    assert (ours.reasoning, ours.text) == ("hm", "ok")


async def test_a_throttle() -> None:
    """With the delay that RetryInfo asks for."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.837906927s"}]
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Resource exhausted.", "details": details}
    for body in ({"error": error}, [{"error": error}]):
        reply = as_json(body, status=429)
        with pytest.raises(errors.ClientError) as theirs:
            await google_said(reply)
        ours = await failed(reply)

        assert (theirs.value.code, theirs.value.status) == (429, "RESOURCE_EXHAUSTED")
        assert (ours.kind, ours.status, ours.retry_after_s) == (Kind.BUSY, 429, 45.837906927)
        assert ours.reported.code == "resource_exhausted"


@pytest.mark.parametrize("fault", list(Fault))
async def test_every_fault_is_an_error_to_googles_client(fault: Fault) -> None:
    """Of the status that the fake claims."""
    reply = GEMINI.fault(fault)
    with pytest.raises(errors.APIError) as theirs:
        await google_said(reply)
    assert theirs.value.code == reply.status


async def test_an_answer_that_safety_stopped() -> None:
    """Without content, with its reason."""
    reply = GEMINI.whole(Said(finish="content_filter"))
    theirs, _ = await google_said(reply)
    ours, _ = await we_said(reply)

    assert theirs.candidates[0].finish_reason is types.FinishReason.SAFETY
    assert (ours.text, ours.finish) == ("", "content_filter")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_prompt_that_is_blocked(stream: bool) -> None:
    """With status 200 and no candidate: refused, so that nobody is asked again."""
    body = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"},
        "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
    }
    theirs, _ = await google_said(as_json(body))
    ours = await failed(streamed(GEMINI, event(body)) if stream else as_json(body), stream=stream)

    assert theirs.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT
    assert (ours.kind, ours.status) == (Kind.REFUSED_BY_POLICY, 400)
    assert "PROHIBITED_CONTENT: no" in ours.message


async def test_a_stream_that_is_cut() -> None:
    """Google's client takes it for an end; here it is a failure."""
    reply = streamed(GEMINI, *GEMINI.stream(Said(text=("Hel", "lo")))[:2])
    chunks = await google_streamed(reply)
    ours = await failed(reply, stream=True)

    assert not chunks[-1].candidates or chunks[-1].candidates[0].finish_reason is None
    assert ours.kind is Kind.CUT


async def test_a_connection_that_breaks() -> None:
    """For both."""
    reply = streamed(GEMINI, *GEMINI.stream(Said(text=("Hel", "lo")))[:2], Then.RESET)
    assert (await failed(reply, stream=True)).kind is Kind.CUT


async def test_a_token_that_has_ended_is_fetched_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Google's client asks the fake metadata server as ours does."""
    metadata, reply = Metadata(), GEMINI.whole(Said(text=("x",)))
    async with on_google(metadata, monkeypatch, tmp_path):
        credentials: Any = compute_engine.Credentials()
        async with client(reply, credentials=credentials) as (google, fake):
            await google.aio.models.generate_content(model=MODEL, contents="hi")
            credentials.expiry = credentials.expiry.replace(year=2020)
            await google.aio.models.generate_content(model=MODEL, contents="hi")
    assert [received.headers["authorization"] for received in fake.received] == [
        "Bearer ya29.token-1",
        "Bearer ya29.token-2",
    ]


async def test_usage_with_cache_and_thoughts() -> None:
    """Google's counts overlap and ours do not; the sum is the same."""
    usage = Usage(input=20, cache_read=7, output=11, reasoning=4)
    counts = usage_object(usage) | {"toolUsePromptTokenCount": 5}
    body = json.loads(b"".join(s for s in GEMINI.whole(Said(text=("x",))).steps if isinstance(s, bytes)))
    reply = as_json(body | {"usageMetadata": counts | {"totalTokenCount": counts["totalTokenCount"] + 5}})
    theirs, _ = await google_said(reply)
    ours, _ = await we_said(reply)

    assert ours.usage == Usage(input=25, cache_read=7, output=11, reasoning=4)
    assert theirs.usage_metadata.total_token_count == ours.usage.prompt + ours.usage.completion


@pytest.mark.parametrize("stream", [True, False])
async def test_an_unknown_field(stream: bool) -> None:
    """What Google adds tomorrow disturbs neither."""
    new: dict[str, Any] = {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Hello", "newKind": {"a": [1]}}], "newField": 1},
                "finishReason": "STOP",
                "novel": {},
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "novelTokenCount": 3},
        "modelVersion": "m",
        "novel": ["x"],
    }
    theirs, _ = await google_said(as_json(new))
    ours, _ = await we_said(streamed(GEMINI, event(new)) if stream else as_json(new), stream=stream)

    assert theirs.text == ours.text == "Hello"


ASKED: dict[str, dict[str, Any]] = {
    "text": {"max_tokens": 9, "temperature": 0.5, "stop": ["a", "b"], "seed": 7, "top_k": 5, "n": 2},
    "tools": {"tools": [{"type": "function", "function": f} for f in FUNCTIONS], "tool_choice": "required"},
    "schema": {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
    "thinking": {"reasoning_effort": "high", "include_reasoning": True},
    "image": {
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;base64,aGk="}]}]
    },
    "results": {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
            {"role": "tool", "tool_call_id": "1", "content": "x"},
        ]
    },
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3.5-flash"])
def test_requests_are_of_the_apis_schema(asked: str, model: str) -> None:
    """Nothing in them is unknown to it, and nothing is lost."""
    body = map_request(call(**ASKED[asked]), model=model, backend="b").body
    assert body.keys() <= json_format.MessageToDict(message(body)).keys() | {"generationConfig"}


@pytest.mark.parametrize("fake", ["whole", "stream"])
def test_what_the_fake_says_is_of_the_apis_schema(fake: str) -> None:
    """But for the ids of calls and the counts that only the beta has, which are read where they come."""
    said = Said(reasoning=("hm",), text=("a",), finish="length")
    bodies = GEMINI.whole(said).steps if fake == "whole" else GEMINI.stream(said)
    for body in bodies:
        assert isinstance(body, bytes)
        answer = aiplatform_v1.GenerateContentResponse.pb(aiplatform_v1.GenerateContentResponse())
        json_format.Parse(body.decode().removeprefix("data: "), answer)
        assert answer.candidates
