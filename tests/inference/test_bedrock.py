"""How a request in OpenAI's form becomes one of Bedrock's, and what Bedrock's errors mean: held against botocore's model of the service."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from app.inference import http
from app.inference.adapter import Surroundings
from app.inference.adapters import ADAPTERS, ability, build, price
from app.inference.bedrock_errors import map_error
from app.inference.bedrock_request import admitted, map_request
from app.inference.fields import Admitted
from app.inference.images import ImageFetcher
from app.logic.answer import Blame, Failure, Kind
from app.logic.routes import BackendSpec, Guardrail, RoutesError, parse
from app.wire import event_stream
from tests.inference.contract import KEY, call, heard, opened
from tests.inference.contract import backend as backend_of
from tests.inference.fakes.bedrock import KEY_ID, REGION, SECRET, Bedrock, event, named, only_signed, signed_by
from tests.inference.fakes.server import Fake, Received, Reply, as_json, as_stream, serving
from tests.inference.fakes.vendor import Fault, Said
from tests.inference.test_contract import ADMITTED, BESIDE

FAKE = Bedrock()
CLAUDE = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA, NOVA_2 = "amazon.nova-lite-v1:0", "us.amazon.nova-2-lite-v1:0"
GPT_OSS, LLAMA = "openai.gpt-oss-120b-1:0", "meta.llama3-3-70b-instruct-v1:0"
OWN_PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
SHAPE = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "now", "description": "The time", "strict": True}}
USED = {"id": "call_0", "type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}
IMAGE = "data:image/png;base64,aGk="
CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief.", **CACHED},
    {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": IMAGE}}]},
    {
        "role": "assistant",
        "content": "Let me see.",
        "thinking_blocks": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "enp6"},
        ],
        "tool_calls": [USED],
    },
    {"role": "tool", "tool_call_id": "call_0", "content": "noon", **CACHED},
    {"role": "user", "content": "And now?"},
]


def made(model: str, guardrail: Guardrail | None = None, **given: Any) -> Admitted:
    body, hints = admitted(call(**given), model=model, backend="a")
    mapped, ignored = map_request(body, model=model, backend="a", guardrail=guardrail)
    return Admitted(mapped, hints | ignored)


def mapped(model: str = CLAUDE, *, guardrail: Guardrail | None = None, **given: Any) -> dict[str, Any]:
    """The request's body, which botocore would send, too."""
    body = made(model, guardrail, **given).body
    report = ParamValidator().validate({"modelId": model, **body}, SHAPE).generate_report()
    assert report == ""
    return body


def ignored(model: str = CLAUDE, **given: Any) -> frozenset[str]:
    return made(model, **given).ignored


def refused(model: str = CLAUDE, **given: Any) -> str:
    """The field at which a request is refused, as another backend may take it."""
    with pytest.raises(Failure, match="backend 'a' does not take") as raised:
        made(model, **given)
    assert (raised.value.kind, raised.value.blame) == (Kind.BAD_REQUEST, Blame.BACKEND)
    return raised.value.param or ""


def test_a_whole_conversation() -> None:
    """System prompt, image, thoughts with their signatures, a call and its result, and marks of the cache behind what they keep."""
    body = mapped(messages=CONVERSATION, tools=[TOOL | CACHED])
    mark = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["system"] == [{"text": "Be brief."}, mark]
    user, assistant, result = body["messages"]
    assert user["content"] == [{"text": "Look"}, {"image": {"format": "png", "source": {"bytes": "aGk="}}}]
    assert assistant["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "enp6"}},
        {"text": "Let me see."},
        {"toolUse": {"toolUseId": "call_0", "name": "now", "input": {"zone": "UTC"}}},
    ]
    assert result["content"] == [
        {"toolResult": {"toolUseId": "call_0", "content": [{"text": "noon"}]}},
        mark,
        {"text": "And now?"},
    ]
    spec = {"name": "now", "description": "The time", "strict": True}
    schema = {"inputSchema": {"json": {"type": "object", "properties": {}}}}
    assert body["toolConfig"] == {"tools": [{"toolSpec": spec | schema}, mark]}


@pytest.mark.parametrize("model", [CLAUDE, NOVA, NOVA_2, GPT_OSS, LLAMA, OWN_PROFILE])
@pytest.mark.parametrize("field", ADMITTED)
def test_whatever_is_admitted_is_a_request_that_botocore_would_send(model: str, field: str) -> None:
    """Each field alone, for each family: mapped into the service's own shape, or refused by name."""
    given = {**BESIDE.get(field, {}), field: ADMITTED[field]}
    try:
        mapped(model, **given)
        at = field
    except Failure as failure:
        at = failure.param or ""
    assert at in given


def test_thoughts_and_marks_go_only_to_models_that_know_them() -> None:
    """Nova has a cache and no signed thoughts; of others, and of an application's own profile, neither is known."""
    body = mapped(NOVA, messages=CONVERSATION, tools=[TOOL])
    assert "cachePoint" in json.dumps(body)
    assert "reasoningContent" not in json.dumps(body)
    assert {"thinking", "redacted_thinking"} <= ignored(NOVA, messages=CONVERSATION, tools=[TOOL])
    for model in (LLAMA, OWN_PROFILE):
        assert {"cache_control", "thinking_blocks"} <= ignored(model, messages=CONVERSATION, tools=[TOOL])
        assert not any(
            word in json.dumps(mapped(model, messages=CONVERSATION, tools=[TOOL])) for word in ("cachePoint", "reason")
        )


def test_a_thought_without_its_signature_is_left_out_and_named() -> None:
    """The model would refuse it; what is encrypted must be base64."""
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "redacted_thinking", "data": "?"}]
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "thinking_blocks": blocks}]
    assert "reasoningContent" not in json.dumps(mapped(messages=messages))
    assert ignored(messages=messages) == {"thinking", "redacted_thinking"}


def test_an_empty_turn_is_left_out_and_neighbours_are_one() -> None:
    """Bedrock answers both with an error; the white space at the end of an answer that is to go on, Claude does."""
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "  "},
        {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": " "}]},
        {"role": "assistant", "content": "So far \n"},
    ]
    assert mapped(messages=messages)["messages"] == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        {"role": "assistant", "content": [{"text": "So far"}]},
    ]
    assert refused(messages=[{"role": "user", "content": " "}]) == "messages"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("call_1.a:b-c", "call_1.a:b-c"),
        ("toolu/ü 1", "toolu___1_e9b87131f94b0475e2f0cfa996c5c32f"),
        ("", "call"),
        (None, "call"),
    ],
)
def test_another_vendors_tool_id_fits_bedrocks_pattern(given: str | None, expected: str) -> None:
    """The call's and its result's stay the same one."""
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [USED | {"id": given}]},
        {"role": "tool", "tool_call_id": given, "content": "noon"},
    ]
    body = mapped(messages=messages, tools=[TOOL])
    assert body["messages"][1]["content"][0]["toolUse"]["toolUseId"] == expected
    assert body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == expected


def test_a_long_tool_id_is_shortened_and_stays_another_than_its_neighbours() -> None:
    """64 characters are what Bedrock takes."""
    calls = [USED | {"id": "x" * 70 + end} for end in "ab"]
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": calls}]
    one, other = mapped(messages=messages, tools=[TOOL])["messages"][1]["content"]
    assert one["toolUse"]["toolUseId"] != other["toolUse"]["toolUseId"]
    assert len(one["toolUse"]["toolUseId"]) <= 64


@pytest.mark.parametrize("given", [("a/b", "a b"), ("a/b", "a_b"), ("x" * 70, "x" * 69 + "/")])
def test_two_tool_ids_stay_two(given: tuple[str, str]) -> None:
    """Although Bedrock takes neither, and each would have the same characters in place of those that it does not take."""
    calls = [USED | {"id": id} for id in given]
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": calls}]
    one, other = mapped(messages=messages, tools=[TOOL])["messages"][1]["content"]
    assert one["toolUse"]["toolUseId"] != other["toolUse"]["toolUseId"]


def test_tool_choice() -> None:
    """`auto` is what Converse does unasked; `none` is a request without tools."""
    assert "toolChoice" not in mapped(tools=[TOOL], tool_choice="auto")["toolConfig"]
    assert mapped(tools=[TOOL], tool_choice="required")["toolConfig"]["toolChoice"] == {"any": {}}
    one = {"type": "function", "function": {"name": "now"}}
    assert mapped(tools=[TOOL], tool_choice=one)["toolConfig"]["toolChoice"] == {"tool": {"name": "now"}}
    assert "toolConfig" not in mapped(tools=[TOOL], tool_choice="none")
    assert refused(tools=[TOOL], tool_choice="some") == "tool_choice"


def test_a_conversation_with_calls_must_have_tools() -> None:
    """Bedrock answers one without with an error, and has no way to forbid a call."""
    assert refused(messages=CONVERSATION) == "messages"
    assert refused(messages=CONVERSATION, tools=[TOOL], tool_choice="none") == "tool_choice"


def test_one_call_at_a_time_is_asked_of_claude_since_4_5() -> None:
    """The choice's type stands there only where Bedrock does not write it itself; other models cannot be told."""
    alone: dict[str, Any] = {"tools": [TOOL], "parallel_tool_calls": False}
    more = mapped(**alone)["additionalModelRequestFields"]
    assert more == {"tool_choice": {"disable_parallel_tool_use": True, "type": "auto"}}
    more = mapped(**alone, tool_choice="required")["additionalModelRequestFields"]
    assert more == {"tool_choice": {"disable_parallel_tool_use": True}}
    assert refused("anthropic.claude-3-haiku-20240307-v1:0", **alone) == "parallel_tool_calls"
    assert refused(NOVA, **alone) == "parallel_tool_calls"
    assert "additionalModelRequestFields" not in mapped(NOVA, tools=[TOOL], parallel_tool_calls=True)


def test_sampling_is_claudes_on_claudes_ids() -> None:
    """Region and vendor are taken off; what a model would refuse is left out and named."""
    both: dict[str, Any] = {"temperature": 0.5, "top_p": 0.5}
    assert mapped(**both)["inferenceConfig"] == {"temperature": 0.5}
    assert ignored(**both) == {"top_p"}
    assert "inferenceConfig" not in mapped("global.anthropic.claude-opus-4-8", **both)
    assert mapped(LLAMA, **both)["inferenceConfig"] == {"temperature": 0.5, "topP": 0.5}
    assert refused(temperature=1.5) == "temperature"


def test_limit_and_stop_words() -> None:
    """Without a limit Bedrock takes the model's own; a stop word of white space would be an error."""
    config = mapped(max_tokens=5, max_completion_tokens=7, stop=["END", "\n"])["inferenceConfig"]
    assert config == {"maxTokens": 7, "stopSequences": ["END"]}
    assert "inferenceConfig" not in mapped()


def test_a_schema_is_text_within_the_request() -> None:
    """With its name; JSON without a schema, Bedrock does not promise."""
    schema = {"type": "object", "properties": {"ü": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "description": "d", "schema": schema}}
    [given] = mapped(response_format=form)["outputConfig"]["textFormat"]["structure"].values()
    assert (json.loads(given["schema"]), given["name"], given["description"]) == (schema, "a", "d")
    assert refused(response_format={"type": "json_object"}) == "response_format"
    assert refused(response_format={"type": "json_schema", "json_schema": {"name": "a"}}) == "response_format"


def test_effort_has_each_familys_own_name() -> None:
    """Bedrock's own field for Claude, the vendors' for Nova 2 and gpt-oss; nobody else's can be set."""
    assert mapped(reasoning_effort="xhigh")["outputConfig"] == {"effort": "xhigh"}
    assert mapped(reasoning_effort="none")["additionalModelRequestFields"] == {"thinking": {"type": "disabled"}}
    of_nova = mapped(NOVA_2, reasoning_effort="minimal")["additionalModelRequestFields"]
    assert of_nova == {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}
    off = mapped(NOVA_2, reasoning_effort="none")["additionalModelRequestFields"]
    assert off == {"reasoningConfig": {"type": "disabled"}}
    assert mapped(GPT_OSS, reasoning_effort="high")["additionalModelRequestFields"] == {"reasoning_effort": "high"}
    for model, effort in ((GPT_OSS, "none"), (CLAUDE, "most"), (LLAMA, "low"), (NOVA, "low")):
        assert refused(model, reasoning_effort=effort) == "reasoning_effort"


def test_a_guardrail_goes_with_every_request() -> None:
    """By its version, which does not change."""
    body = mapped(guardrail=Guardrail(id="gr-1", version="3"))
    assert body["guardrailConfig"] == {"guardrailIdentifier": "gr-1", "guardrailVersion": "3"}


async def sent(
    spec: BackendSpec, environment: dict[str, str], reply: Any, *asked: dict[str, Any], images: Any = None
) -> Fake:
    """The fake after requests to a backend of ``spec``, whose address is the fake's."""
    async with serving(reply) as fake, http.session() as session:
        around = Surroundings(http=session, engines={}, environment=environment, images=images or ImageFetcher())
        own = spec.model_copy(update={"base_url": fake.url})
        backend = ADAPTERS["bedrock"].build("a", own, around)
        for each in asked or ({},):
            await heard(await opened(backend, call(stream=False, **each)), stream=False)
    return fake


STATIC = FAKE.environment(KEY)
HELLO = FAKE.whole(Said(text=("Hello",)))


@pytest.mark.parametrize(
    "model",
    [CLAUDE, OWN_PROFILE, "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"],
)
async def test_a_model_id_arrives_whole_and_signed(model: str) -> None:
    """With its colons and slashes escaped as they were signed."""
    fake = await sent(BackendSpec(adapter="bedrock", model=model, region=REGION), STATIC, only_signed(HELLO))
    [received] = fake.received
    assert named(received) == (model, False)
    assert ":" not in received.path
    assert "/model/" in received.path


async def test_a_profile_is_called_and_the_model_is_known() -> None:
    """The profile's ARN tells nobody what its model takes and costs: the entry says both."""
    through = {"adapter": "bedrock", "model": CLAUDE, "region": REGION}
    spec = BackendSpec.model_validate({**through, "profile": OWN_PROFILE})
    fake = await sent(spec, STATIC, only_signed(HELLO))
    assert named(fake.received[0]) == (OWN_PROFILE, False)
    assert price(spec) == price(BackendSpec.model_validate(through)) is not None
    assert ability(spec).thinks
    units = "arn:aws:bedrock:eu-central-1:123456789012:provisioned-model/a1b2c3d4e5f6"
    assert price(BackendSpec.model_validate({**through, "profile": units})) is None


async def test_another_profile_or_guardrail_fails_alone() -> None:
    """A profile without quota, a guardrail that was deleted: the model itself is not down."""
    more: list[dict[str, Any]] = [
        {},
        {"profile": OWN_PROFILE},
        {"profile": OWN_PROFILE[:-1] + "7"},
        {"guardrail": {"id": "gr1", "version": "1"}},
        {"guardrail": {"id": "gr1", "version": "2"}},
    ]
    backends = {
        f"b{n}": {"adapter": "bedrock", "model": CLAUDE, "region": REGION, **each} for n, each in enumerate(more)
    }
    file = {"version": 1, "backends": backends, "models": {"chat": {"backends": [{"use": "b0"}]}}}
    async with http.session() as session:
        around = Surroundings(http=session, engines={}, environment=STATIC)
        members = build(parse(json.dumps(file), "r"), around)
    assert len({member.circuit_key for member in members.values()}) == len(more)


async def test_a_bedrock_api_key_is_shown_as_it_is() -> None:
    """`key_env` in place of the machine's identity: no signature, and no region needed beside an address."""
    spec = BackendSpec(adapter="bedrock", model=CLAUDE, key_env="AWS_BEARER_TOKEN_BEDROCK")
    fake = await sent(spec, {"AWS_BEARER_TOKEN_BEDROCK": KEY}, HELLO)
    assert fake.received[0].headers["authorization"] == f"Bearer {KEY}"


async def test_an_image_by_address_is_fetched_and_put_in() -> None:
    """Converse takes bytes alone."""
    png = b"\x89PNG\r\n\x1a\n123"
    async with serving(Reply(content_type="image/png", steps=[png])) as host:
        url = f"{host.url.replace('127.0.0.1', 'images.example')}/a.png"

        async def resolve(name: str, port: int) -> list[str]:
            del name, port
            return ["127.0.0.1"]

        images = ImageFetcher(resolve=resolve, permitted=lambda address: True)
        messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
        fake = await sent(
            BackendSpec(adapter="bedrock", model=CLAUDE, region=REGION),
            STATIC,
            HELLO,
            {"messages": messages},
            images=images,
        )
    [block] = fake.received[0].body["messages"][0]["content"]
    assert block["image"] == {"format": "png", "source": {"bytes": "iVBORw0KGgoxMjM="}}


async def test_a_token_that_has_ended_is_fetched_anew_for_the_next_request() -> None:
    """The request itself goes to the next backend; the token is quoted to nobody."""
    async with (
        serving(FAKE.credentials()) as giver,
        serving(FAKE.but_for("token-1")) as fake,
        http.session() as session,
    ):
        around = Surroundings(http=session, engines={}, environment={"AWS_CONTAINER_CREDENTIALS_FULL_URI": giver.url})
        spec = BackendSpec(adapter="bedrock", model=CLAUDE, region=REGION, base_url=fake.url)
        backend = ADAPTERS["bedrock"].build("a", spec, around)
        with pytest.raises(Failure, match=r"refuses this app's credentials \(expiredtokenexception") as raised:
            await opened(backend, call(stream=False))
        answer = await heard(await opened(backend, call(stream=False)), stream=False)
        for identity in around.identities.values():
            await identity.aclose()
    assert (raised.value.kind, answer.text) == (Kind.MISCONFIGURED, "Hello")
    assert "token-1" not in f"{raised.value.message} {raised.value!r}"
    assert [received.headers["x-amz-security-token"] for received in fake.received] == ["token-1", "token-2"]
    assert len(giver.received) == 2


async def test_a_guardrail_that_stops_an_answer_is_a_content_filter() -> None:
    """The words in its place are the guardrail's own, and reach the caller."""
    said = Said(text=("Sorry, I cannot.",), finish="content_filter")
    async with backend_of(FAKE, as_stream(*FAKE.stream(said), content_type=FAKE.stream_type)) as (subject, _):
        answer = await heard(await opened(subject, call()))
    assert (answer.text, answer.finish) == ("Sorry, I cannot.", "content_filter")


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_what_bedrock_could_not_read_of_a_model_is_no_answer(reason: str, stream: bool) -> None:
    """Another backend may write one that can be read."""
    stop = event("messageStop", {"stopReason": reason})
    answer = {"output": {"message": {"role": "assistant", "content": []}}, "stopReason": reason}
    reply = as_stream(FAKE.stream(Said())[0], stop, content_type=FAKE.stream_type) if stream else as_json(answer)
    async with backend_of(FAKE, reply) as (subject, _):
        with pytest.raises(Failure, match=reason) as raised:
            await heard(await opened(subject, call(stream=stream)), stream=stream)
    assert raised.value.kind is Kind.UNREACHABLE


async def test_a_message_of_type_error_is_an_error() -> None:
    """The protocol has a second form, whose words stand in its headers."""
    error = event_stream.message(
        {":message-type": "error", ":error-code": "ThrottlingException", ":error-message": "slow down"}, b""
    )
    async with backend_of(FAKE, as_stream(error, content_type=FAKE.stream_type)) as (subject, _):
        with pytest.raises(Failure, match="slow down") as raised:
            await heard(await opened(subject, call()))
    assert (raised.value.kind, raised.value.status) == (Kind.BUSY, 429)


def told(message: str, kind: str = "ValidationException", status: int = 400) -> Failure:
    where = {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    return map_error("a", status, where, json.dumps({"message": message}).encode())


ON_DEMAND = (
    "Invocation of model ID anthropic.claude-3-5-sonnet-20241022-v2:0 with on-demand throughput isn’t supported. "
    "Retry your request with the ID or ARN of an inference profile that contains this model."
)
PASSED_ON = "The model returned the following errors: "


@pytest.mark.parametrize(
    ("message", "kind", "blame"),
    [
        (ON_DEMAND, Kind.MISCONFIGURED, Blame.CALLER),
        ("The provided model doesn't support on-demand throughput.", Kind.MISCONFIGURED, Blame.CALLER),
        ("The provided model identifier is invalid.", Kind.MISCONFIGURED, Blame.CALLER),
        ("Operation not allowed", Kind.MISCONFIGURED, Blame.CALLER),
        ("This action doesn't support the model that you provided. Try again", Kind.MISCONFIGURED, Blame.CALLER),
        (
            "The guardrail identifier or version provided in the request does not exist.",
            Kind.MISCONFIGURED,
            Blame.CALLER,
        ),
        ("Input is too long for requested model.", Kind.CONTEXT_TOO_LONG, Blame.CALLER),
        (PASSED_ON + "prompt is too long: 203456 tokens > 200000 maximum", Kind.CONTEXT_TOO_LONG, Blame.CALLER),
        ("Input Tokens Exceeded: Number of input tokens exceeds maximum length.", Kind.CONTEXT_TOO_LONG, Blame.CALLER),
        ("This model doesn't support the toolConfig.toolChoice.any field.", Kind.BAD_REQUEST, Blame.BACKEND),
        ("This model doesn’t support tool use.", Kind.BAD_REQUEST, Blame.BACKEND),
        ("The model is unsupported for streaming.", Kind.BAD_REQUEST, Blame.BACKEND),
        ("Malformed input request: extraneous key [foo] is not permitted", Kind.BAD_REQUEST, Blame.BACKEND),
        (PASSED_ON + "system.0.cache_control: Extra inputs are not permitted", Kind.BAD_REQUEST, Blame.BACKEND),
        (PASSED_ON + "messages.0.content.0: Could not process image", Kind.BAD_REQUEST, Blame.CALLER),
        ("The maximum tokens you requested exceeds the model limit of 8192.", Kind.BAD_REQUEST, Blame.BACKEND),
        (PASSED_ON + "Output blocked by content filtering policy", Kind.REFUSED_BY_POLICY, Blame.CALLER),
        ("A conversation must start with a user message.", Kind.BAD_REQUEST, Blame.UNKNOWN),
    ],
)
def test_whose_fault_a_validation_exception_is(message: str, kind: Kind, blame: Blame) -> None:
    """By the words that Bedrock was seen to write, its typographic apostrophe and all."""
    failure = told(message)
    assert (failure.kind, failure.blame) == (kind, blame)
    assert failure.code == "validationexception"


@pytest.mark.parametrize(
    ("type", "status", "kind", "shown"),
    [
        ("ThrottlingException", 429, Kind.BUSY, 429),
        ("ServiceQuotaExceededException", 400, Kind.BUSY, 429),
        ("ModelNotReadyException", 429, Kind.BUSY, 503),
        ("ModelTimeoutException", 408, Kind.BUSY, 503),
        ("ServiceUnavailableException", 503, Kind.BUSY, 503),
        ("InternalServerException", 500, Kind.UNREACHABLE, None),
        ("ModelErrorException", 424, Kind.UNREACHABLE, None),
        ("ModelStreamErrorException", 424, Kind.UNREACHABLE, None),
        ("AccessDeniedException", 403, Kind.MISCONFIGURED, None),
        ("UnrecognizedClientException", 403, Kind.MISCONFIGURED, None),
        ("ExpiredTokenException", 403, Kind.MISCONFIGURED, None),
        ("InvalidSignatureException", 403, Kind.MISCONFIGURED, None),
        ("ResourceNotFoundException", 404, Kind.MISCONFIGURED, None),
    ],
)
def test_what_each_exception_means(type: str, status: int, kind: Kind, shown: int | None) -> None:
    """In a header of the answer, in its body, and in a stream, whose names begin with a small letter."""
    in_body = map_error("a", status, {}, json.dumps({"__type": f"com.amazon#{type}", "Message": "x"}).encode())
    in_stream = map_error("a", 0, {}, json.dumps({"__type": type[0].lower() + type[1:], "message": "x"}).encode())
    for failure in (told("x", type, status), in_body, in_stream):
        assert (failure.kind, failure.status) == (kind, shown)
    assert told("x", type, status).waking is (type == "ModelNotReadyException")


def test_too_many_tokens_is_a_limit_and_no_context() -> None:
    """Bedrock's throttling speaks of tokens, in words by which other vendors mean a prompt that does not fit."""
    assert told("Too many tokens, please wait before trying again.", "ThrottlingException", 429).kind is Kind.BUSY


def test_a_mark_of_the_cache_that_a_model_does_not_know_denies_no_access() -> None:
    """Bedrock says so with the exception of missing permissions: a caller's mark must not take the backend out for all."""
    said = "You invoked an unsupported model or your request did not allow prompt caching. See the documentation."
    failure = told(said, "AccessDeniedException", 403)
    assert (failure.kind, failure.blame) == (Kind.BAD_REQUEST, Blame.BACKEND)


def test_accounts_roles_and_keys_are_shown_to_nobody() -> None:
    """AWS names them in its errors."""
    denied = told("User: arn:aws:sts::123456789012:assumed-role/app is not authorized", "AccessDeniedException", 403)
    assert "123456789012" not in f"{denied.message} {denied.reason}"
    assert "bedrock:InvokeModelWithResponseStream" in denied.reason
    assert KEY_ID not in told(f"Value {KEY_ID} is odd").message


def entry(**fields: Any) -> BackendSpec:
    return BackendSpec(adapter="bedrock", **fields)


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-central-1", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
    ],
)
async def test_the_address_is_the_regions(region: str, address: str) -> None:
    """In each partition as botocore's own table of partitions has it, from the entry or else the environment."""
    client = botocore.session.get_session().create_client(
        "bedrock-runtime", region_name=region, aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET
    )
    assert client.meta.endpoint_url == address
    async with http.session() as session:
        around = Surroundings(http=session, engines={}, environment={"AWS_REGION": region})
        for spec in (entry(model=NOVA, region=region), entry(model=NOVA)):
            subject: Any = ADAPTERS["bedrock"].build("a", spec, around)
            assert subject.base_url == address


async def test_what_an_entry_lacks_or_has_too_much_is_said() -> None:
    """A region is needed; a project is Google's."""
    text = "version: 1\nbackends:\n  a: {{adapter: bedrock, model: m{}}}\nmodels: {{m: {{backends: [{{use: a}}]}}}}\ndefault_model: m\n"
    async with http.session() as session:
        around = Surroundings(http=session, engines={}, environment={})
        with pytest.raises(RoutesError, match="backend 'a': no region"):
            build(parse(text.format(""), "routes.yaml"), around)
        with pytest.raises(RoutesError, match="has no use for 'project'"):
            build(parse(text.format(", region: eu-west-1, project: p"), "routes.yaml"), around)


@pytest.mark.parametrize(
    ("model", "continues", "thinks"),
    [
        (CLAUDE, "bare", True),
        ("global.anthropic.claude-opus-4-8", "instruct", True),
        (LLAMA, "instruct", False),
        ("us.deepseek.r1-v1:0", "instruct", True),
        (GPT_OSS, "instruct", True),
        (OWN_PROFILE, "instruct", False),
    ],
)
def test_what_a_model_can_do_is_told_by_its_id(model: str, continues: str, thinks: bool) -> None:
    """Whatever region and ARN stand around it."""
    known = ability(entry(model=model))
    assert (known.continuation, known.thinks) == (continues, thinks)


def test_a_regions_price_is_another_than_the_global_one() -> None:
    """A profile of a region costs a tenth more (aws.amazon.com/bedrock/pricing, by genai-prices)."""
    regional, everywhere = (
        price(entry(model=f"{region}.anthropic.claude-haiku-4-5-20251001-v1:0")) for region in ("eu", "global")
    )
    assert regional is not None
    assert everywhere is not None
    assert (regional.input, everywhere.input) == (1_100_000, 1_000_000)
    assert price(entry(model=OWN_PROFILE)) is None


def test_the_secret_of_the_fake_is_no_default() -> None:
    """A request that nobody signed is none."""
    assert signed_by(Received("/model/m/converse", {}, {}, 1), SECRET) == "Missing Authentication Token"


@pytest.mark.parametrize("fault", list(Fault))
async def test_every_fault_keeps_its_request_id(fault: Fault) -> None:
    """By which AWS's support finds it."""
    async with backend_of(FAKE, FAKE.fault(fault)) as (subject, _):
        with pytest.raises(Failure) as raised:
            await opened(subject, call())
    assert raised.value.reported.request_id == "r-1"
    assert raised.value.reported.code == FAKE.fault(fault).headers["x-amzn-errortype"].partition(":")[0].lower()


def test_an_account_reaches_no_caller() -> None:
    """Bedrock's words quote ARNs."""
    failure = told(f"Could not resolve {OWN_PROFILE} of account 123456789012; 1234567890123 tokens")
    assert "123456789012:" not in failure.message
    assert "account ***;" in failure.message
    assert "arn:aws:bedrock:eu-central-1:***:application" in failure.message
    assert "1234567890123 tokens" in failure.message


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"model": "us.anthropic.claude-haiku-4-5-20251001-v1:0"}, "is not called from region eu-central-1"),
        ({"model": "anthropic.claude haiku"}, "is no model's id"),
        ({"model": "."}, "is no model's id"),
        ({"model": ".."}, "is no model's id"),
        ({"profile": OWN_PROFILE.replace(":bedrock:", ":sagemaker:")}, "is no ARN of Bedrock's"),
        ({"profile": OWN_PROFILE.replace("eu-central-1", "us-east-1")}, "is not in region eu-central-1"),
        ({"profile": OWN_PROFILE.replace("arn:aws:", "arn:aws-cn:")}, "is not in region eu-central-1"),
        ({"base_url": "https://bedrock-runtime.us-east-1.amazonaws.com"}, "base_url is not in region eu-central-1"),
        ({"base_url": "https://bedrock.eu-central-1.amazonaws.com"}, "'bedrock' does not serve models"),
    ],
)
async def test_what_cannot_be_called_in_the_region_is_refused(entry: dict[str, Any], why: str) -> None:
    """When the app starts, and not with each request."""
    spec = BackendSpec.model_validate({"adapter": "bedrock", "model": CLAUDE, "region": "eu-central-1", **entry})
    async with http.session() as session:
        with pytest.raises(RoutesError, match=why):
            ADAPTERS["bedrock"].build("a", spec, Surroundings(http=session, engines={}, environment=STATIC))


@pytest.mark.parametrize(
    "entry",
    [
        {"profile": OWN_PROFILE},
        {"model": "global.anthropic.claude-haiku-4-5-20251001-v1:0"},
        {"base_url": "https://bedrock-runtime-fips.eu-central-1.amazonaws.com"},
        {"base_url": "https://vpce-0a1b.bedrock-runtime.eu-central-1.vpce.amazonaws.com"},
        {"base_url": "https://bedrock-proxy.us-east-1.corp.example"},
        {"base_url": "https://lb-1.us-east-1.elb.amazonaws.com"},
    ],
)
async def test_what_can_be_called_in_the_region_is_taken(entry: dict[str, Any]) -> None:
    """Private addresses and one's own too."""
    spec = BackendSpec.model_validate({"adapter": "bedrock", "model": CLAUDE, "region": "eu-central-1", **entry})
    async with http.session() as session:
        ADAPTERS["bedrock"].build("a", spec, Surroundings(http=session, engines={}, environment=STATIC))
