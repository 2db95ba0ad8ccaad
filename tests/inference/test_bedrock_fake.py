"""The fake of Bedrock is worth something only if AWS's own client takes it for Bedrock: what boto3 sends it understands, what it says boto3 reads.

Everything is signed, and the fake checks each signature. Bodies are held against botocore's model of the service, so that no field is misspelt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import ClientError, EventStreamError
from botocore.validate import ParamValidator

from app.wire import event_stream
from app.wire.events import Usage
from tests.inference.contract import KEY
from tests.inference.fakes.bedrock import KEY_ID, REGION, SECRET, Bedrock, corrupted, event, only_signed
from tests.inference.fakes.server import Fake, Received, Reply, as_json, as_stream, serving_in_thread
from tests.inference.fakes.vendor import Fault, Said

FAKE = Bedrock()
MODEL = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
ASK: dict[str, Any] = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
TOOLS: dict[str, Any] = {
    "tools": [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}} for name in ("weather", "now")]
}
TWO_CALLS = Said(
    text=("Let me ", "see."), tools=(("weather", ('{"city":', '"Paris"}')), ("now", ("{}",))), finish="tool_calls"
)
SESSION = botocore.session.get_session()
SERVICE = SESSION.get_service_model("bedrock-runtime")


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all, since it reads the service's model, which takes a second."""
    return boto3.Session(
        aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET, aws_session_token=KEY, region_name=REGION
    )


def client(session: boto3.Session, fake: Fake) -> Any:
    return session.client("bedrock-runtime", endpoint_url=fake.url, config=Config(retries={"total_max_attempts": 1}))


def whole(session: boto3.Session, said: Said, **more: Any) -> tuple[dict[str, Any], Received]:
    """What boto3 read of an answer, and what the fake got."""
    with serving_in_thread(only_signed(FAKE.whole(said))) as fake:
        answer: dict[str, Any] = client(session, fake).converse(**ASK, **more)
    return answer, fake.received[0]


def events(session: boto3.Session, *sent: bytes, **more: Any) -> Iterator[dict[str, Any]]:
    """The events that boto3 reads, one by one. Raises what it raises."""
    with serving_in_thread(only_signed(as_stream(*sent, content_type=FAKE.stream_type))) as fake:
        yield from client(session, fake).converse_stream(**ASK, **more)["stream"]


def refused(session: boto3.Session, reply: Reply, **more: Any) -> ClientError:
    with serving_in_thread(only_signed(reply)) as fake, pytest.raises(ClientError) as raised:
        client(session, fake).converse(**ASK, **more)
    return raised.value


def test_plain(session: boto3.Session) -> None:
    """A signed request with a system prompt, and its answer."""
    answer, got = whole(
        session, Said(text=("Hel", "lo")), system=[{"text": "Be brief."}], inferenceConfig={"maxTokens": 9}
    )
    assert answer["output"]["message"]["content"] == [{"text": "Hello"}]
    assert answer["stopReason"] == "end_turn"
    asked = FAKE.asked(got)
    assert (asked.model, asked.stream, asked.system, asked.text) == (MODEL, False, "Be brief.", "hi")
    assert (asked.max_tokens, asked.key) == (9, KEY)


def test_stream(session: boto3.Session) -> None:
    """Event by event, in order, the counts last."""
    got = list(events(session, *FAKE.stream(Said(text=("Grüße, ", "世界")))))
    assert [next(iter(each)) for each in got] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert "".join(each["contentBlockDelta"]["delta"]["text"] for each in got[1:3]) == "Grüße, 世界"


def test_reasoning(session: boto3.Session) -> None:
    """Thoughts and their signature, streamed and whole."""
    said = Said(reasoning=("hm",), text=("ok",))
    got = list(events(session, *FAKE.stream(said)))
    thoughts = [each["contentBlockDelta"]["delta"]["reasoningContent"] for each in got[1:3]]
    assert thoughts == [{"text": "hm"}, {"signature": "c2ln"}]
    answer, _ = whole(session, said)
    thought = answer["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"]
    assert thought == {"text": "hm", "signature": "c2ln"}


def test_tool(session: boto3.Session) -> None:
    """One call, whole, and the tools that were sent."""
    choice = {"toolChoice": {"tool": {"name": "weather"}}}
    answer, got = whole(session, TWO_CALLS, toolConfig=TOOLS | choice)
    assert answer["output"]["message"]["content"][1]["toolUse"] == {
        "toolUseId": "call_0",
        "name": "weather",
        "input": {"city": "Paris"},
    }
    assert (answer["stopReason"], FAKE.asked(got).tools) == ("tool_use", ("weather", "now"))
    assert FAKE.asked(got).tool_choice == "weather"


def test_parallel_tools(session: boto3.Session) -> None:
    """Two calls in a stream, each in a block of its own."""
    got = list(events(session, *FAKE.stream(TWO_CALLS), toolConfig=TOOLS))
    starts = [each["contentBlockStart"] for each in got if "contentBlockStart" in each]
    assert [(start["contentBlockIndex"], start["start"]["toolUse"]["name"]) for start in starts] == [
        (1, "weather"),
        (2, "now"),
    ]
    deltas = [each["contentBlockDelta"] for each in got if "contentBlockDelta" in each]
    pieces = [each["delta"]["toolUse"]["input"] for each in deltas if each["contentBlockIndex"] == 1]
    assert "".join(pieces) == '{"city":"Paris"}'


def test_schema(session: boto3.Session) -> None:
    """As JSON text within JSON."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema), "name": "a"}}}
    _, got = whole(session, Said(text=('{"a":1}',)), outputConfig={"textFormat": form})
    assert FAKE.asked(got).schema == schema


def test_image(session: boto3.Session) -> None:
    """Its bytes go as base64."""
    image = {"image": {"format": "png", "source": {"bytes": b"hi"}}}
    with serving_in_thread(only_signed(FAKE.whole(Said(text=("a cat",))))) as fake:
        client(session, fake).converse(modelId=MODEL, messages=[{"role": "user", "content": [image]}])
    assert FAKE.asked(fake.received[0]).images == ("data:image/png;base64,aGk=",)


def test_usage_with_cache(session: boto3.Session) -> None:
    """Reads, and writes by how long they live."""
    usage = Usage(input=20, cache_read=7, cache_write=3, cache_write_1h=2, output=11)
    answer, _ = whole(session, Said(text=("x",), usage=usage))
    assert answer["usage"] == {
        "inputTokens": 20,
        "outputTokens": 11,
        "totalTokens": 43,
        "cacheReadInputTokens": 7,
        "cacheWriteInputTokens": 5,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 2}, {"ttl": "5m", "inputTokens": 3}],
    }


def test_guardrail(session: boto3.Session) -> None:
    """An answer that a guardrail stopped has its own reason; the guardrail is named by a version."""
    guardrail = {"guardrailIdentifier": "gr-1", "guardrailVersion": "3"}
    answer, got = whole(session, Said(text=("Sorry.",), finish="content_filter"), guardrailConfig=guardrail)
    assert (answer["stopReason"], got.body["guardrailConfig"]) == ("guardrail_intervened", guardrail)


def test_throttle(session: boto3.Session) -> None:
    """The status and the exception are Bedrock's."""
    error = refused(session, FAKE.fault(Fault.RATE_LIMITED))
    assert error.response["Error"]["Code"] == "ThrottlingException"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault(session: boto3.Session, fault: Fault) -> None:
    """Each is an exception that boto3 knows by its name."""
    reply = FAKE.fault(fault)
    error = refused(session, reply)
    assert error.response["Error"]["Code"] == reply.headers["x-amzn-errortype"].partition(":")[0]
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == reply.status


def test_unknown_field(session: boto3.Session) -> None:
    """What a model does not know in the fields that are passed on to it is the request's fault."""
    said = (
        "Malformed input request: #: extraneous key [foo] is not permitted, please reformat your input and try again."
    )
    where = {"x-amzn-errortype": "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    error = refused(session, as_json({"message": said}, status=400, **where), additionalModelRequestFields={"foo": 1})
    assert error.response["Error"] == {"Message": said, "Code": "ValidationException"}


def test_exception_mid_stream(session: boto3.Session) -> None:
    """What came before is read, then the exception by its name."""
    got = events(session, *FAKE.stream(Said(text=("a", "b")))[:3], FAKE.error_event(Fault.RATE_LIMITED))
    assert [next(iter(next(got))) for _ in range(3)] == ["messageStart", "contentBlockDelta", "contentBlockDelta"]
    with pytest.raises(EventStreamError, match="throttlingException"):
        next(got)


def test_cut_frame(session: boto3.Session) -> None:
    """Half a message is none, and what came before it is read."""
    sent = b"".join(FAKE.stream(Said(text=("a", "b"))))
    got = list(events(session, sent[:-7]))
    assert "metadata" not in got[-1]
    assert got[-1] == {"messageStop": {"stopReason": "end_turn"}}


@pytest.mark.parametrize("at", [3, -5, -1], ids=["length", "payload", "checksum"])
def test_bad_checksum(session: boto3.Session, at: int) -> None:
    """One bit that turned over is seen."""
    first, second, *_ = FAKE.stream(Said(text=("a",)))
    got = events(session, first, corrupted(second, at))
    next(got)
    with pytest.raises(ChecksumMismatch):
        next(got)


def test_a_wrong_signature_is_refused(session: boto3.Session) -> None:
    """By another secret than the fake's: the check of the fake is one."""
    with (
        serving_in_thread(only_signed(FAKE.whole(Said(text=("x",))), secret="another")) as fake,
        pytest.raises(ClientError, match="signature we calculated does not match") as raised,
    ):
        client(session, fake).converse(**ASK)
    assert raised.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_expired_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's credentials, from a server that gives others each time; the first ones have ended before their time."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with serving_in_thread(FAKE.credentials()) as giver, serving_in_thread(FAKE.but_for("token-1")) as fake:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", giver.url)
        with pytest.raises(ClientError) as raised:
            client(boto3.Session(region_name=REGION), fake).converse(**ASK)
        answer = client(boto3.Session(region_name=REGION), fake).converse(**ASK)
    assert raised.value.response["Error"]["Code"] == "ExpiredTokenException"
    assert answer["output"]["message"]["content"] == [{"text": "Hello"}]


def test_bodies_have_no_field_that_the_service_has_not() -> None:
    """botocore reads past what it does not know; held against its model, a misspelt field is found."""
    said = Said(
        reasoning=("hm",), text=("ok",), tools=TWO_CALLS.tools, usage=Usage(input=1, cache_write_1h=2, output=3)
    )
    [body] = FAKE.whole(said).steps
    assert isinstance(body, bytes)
    assert problems(json.loads(body), SERVICE.operation_model("Converse").output_shape) == ""
    kinds = SERVICE.operation_model("ConverseStream").output_shape.members["stream"].members
    exceptions = [
        FAKE.error_event(fault) for fault in (Fault.RATE_LIMITED, Fault.OVERLOADED, Fault.BROKEN, Fault.TOO_LONG)
    ]
    for message in event_stream.messages(b"".join([*FAKE.stream(said), FAKE.ping(), *exceptions])):
        kind = message.headers.get(":event-type") or message.headers[":exception-type"]
        payload = json.loads(message.payload)
        payload.pop("p", None)  # the padding is in no model
        assert problems(payload, kinds[kind]) == "", kind
    misspelt = {"stopReason": "end_turn", "stopreason": "end_turn"}
    assert "stopreason" in problems(misspelt, kinds["messageStop"])


def problems(value: Any, shape: Any) -> str:
    report: str = ParamValidator().validate(value, shape).generate_report()
    return report


def test_the_padding_is_read_past(session: boto3.Session) -> None:
    """Bedrock pads events, so that nobody can tell tokens by their length."""
    assert b'"p":"abc' in event("messageStart", {"role": "assistant"})
    assert next(events(session, *FAKE.stream(Said(text=("a",))))) == {"messageStart": {"role": "assistant"}}
