"""Amazon Bedrock's Converse, faked at the wire: accepted by boto3's client, as ``test_bedrock_fake`` shows. It checks each signature.

The signature is computed here from AWS's description (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
read 2026-12-01), not by the library that the app signs with.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from app.wire import event_stream
from app.wire.events import Usage
from tests.inference.fakes.server import Received, Reply, as_json
from tests.inference.fakes.vendor import USAGE, Asked, Entered, Fault, Lack, Said, quoting

REGION = "eu-central-1"
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "guardrail_intervened"}
_FAULTS = {
    Fault.WRONG_KEY: (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    Fault.NO_ACCESS: (403, "AccessDeniedException", "User is not authorized to perform: bedrock:InvokeModel"),
    Fault.NO_MODEL: (404, "ResourceNotFoundException", "Could not resolve the foundation model from the identifier."),
    Fault.NO_MONEY: (403, "AccessDeniedException", "Model access is denied due to INVALID_PAYMENT_INSTRUMENT"),
    Fault.RATE_LIMITED: (429, "ThrottlingException", "Too many tokens, please wait before trying again."),
    Fault.OVERLOADED: (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    Fault.BROKEN: (500, "InternalServerException", "The system encountered an unexpected error."),
    Fault.BAD_REQUEST: (400, "ValidationException", "A conversation must start with a user message."),
    Fault.TOO_LONG: (400, "ValidationException", "Input is too long for requested model."),
    Fault.REFUSED: (
        400,
        "ValidationException",
        "The model returned the following errors: Output blocked by content filtering policy",
    ),
}


def event(kind: str, value: Any, message_type: str = "event") -> bytes:
    """One event, or with another ``message_type`` one exception, with the padding that Bedrock adds."""
    headers = {f":{message_type}-type": kind, ":content-type": "application/json", ":message-type": message_type}
    padded = {**value, "p": "abcdefghijkl"} if isinstance(value, dict) and message_type == "event" else value
    return event_stream.message(headers, json.dumps(padded, ensure_ascii=False, separators=(",", ":")).encode())


def corrupted(message: bytes, at: int) -> bytes:
    """``message`` with one bit of its byte ``at`` turned over."""
    at %= len(message)
    return message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]


def usage_of(usage: Usage) -> dict[str, Any]:
    written = [("1h", usage.cache_write_1h), ("5m", usage.cache_write)]
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.completion,
        "totalTokens": usage.prompt + usage.completion,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write + usage.cache_write_1h,
        "cacheDetails": [{"ttl": ttl, "inputTokens": count} for ttl, count in written if count],
    }


class Bedrock(Entered):
    """``session``: the token of the credentials that are in ``environment``."""

    adapter = "bedrock"
    base_path = ""
    entry: Mapping[str, str] = {"region": REGION}
    lacks: frozenset[Lack] = frozenset()
    usage = Usage(
        input=USAGE.input, cache_read=USAGE.cache_read, cache_write=USAGE.cache_write, output=USAGE.completion
    )
    stream_type = event_stream.CONTENT_TYPE
    ends: tuple[bytes, ...] = (b"",)
    unfinished = event_stream.message({}, b"x" * 2**22)[:20]
    garbage: Sequence[bytes] = (
        b"data: {nonsense, and no length\n\n",
        b"<html>hello</html>\n\n",
        corrupted(event("messageStart", {"role": "assistant"}), -5),
        corrupted(event("messageStart", {"role": "assistant"}), 3),
        event("contentBlockDelta", 7),
        event_stream.message({":event-type": "contentBlockDelta"}, b'{"delta": {"text": "\xff"}}'),
    )
    rewritten: Mapping[str, tuple[bytes, bytes]] = {"json": (b'":', b'" :  ')}

    def environment(self, key: str) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": key}

    def rewrite(self, events: bytes, old: bytes, new: bytes) -> bytes:
        """``events`` with ``old`` replaced in what they carry, and their lengths and checksums as they must be then."""
        return b"".join(
            event_stream.message(message.headers, message.payload.replace(old, new))
            for message in event_stream.messages(events)
        )

    def whole(self, said: Said) -> Reply:
        content: list[dict[str, Any]] = []
        if said.reasoning:
            thought = {"text": "".join(said.reasoning), "signature": "c2ln"}
            content.append({"reasoningContent": {"reasoningText": thought}})
        if said.text:
            content.append({"text": "".join(said.text)})
        for n, (name, pieces) in enumerate(said.tools):
            given = json.loads("".join(pieces) or "{}")
            content.append({"toolUse": {"toolUseId": f"call_{n}", "name": name, "input": given}})
        usage = {"usage": usage_of(said.usage)} if said.usage else {}
        message = {"role": "assistant", "content": content}
        answer = {"output": {"message": message}, "stopReason": _STOP[said.finish], "metrics": {"latencyMs": 5}}
        return as_json(answer | usage)

    def stream(self, said: Said) -> list[bytes]:
        blocks: list[tuple[dict[str, Any] | None, list[dict[str, Any]]]] = []
        if said.reasoning:
            thoughts = [{"reasoningContent": {"text": text}} for text in said.reasoning]
            blocks.append((None, [*thoughts, {"reasoningContent": {"signature": "c2ln"}}]))
        if said.text:
            blocks.append((None, [{"text": text} for text in said.text]))
        for n, (name, pieces) in enumerate(said.tools):
            begin = {"toolUse": {"toolUseId": f"call_{n}", "name": name}}
            blocks.append((begin, [{"toolUse": {"input": piece}} for piece in pieces]))
        events = [event("messageStart", {"role": "assistant"})]
        for index, (start, deltas) in enumerate(blocks):
            at = {"contentBlockIndex": index}
            if start is not None:
                events.append(event("contentBlockStart", {"start": start, **at}))
            events += [event("contentBlockDelta", {"delta": delta, **at}) for delta in deltas]
            events.append(event("contentBlockStop", at))
        events.append(event("messageStop", {"stopReason": _STOP[said.finish]}))
        counts = {"usage": usage_of(said.usage)} if said.usage else {}
        return [*events, event("metadata", {**counts, "metrics": {"latencyMs": 5}})]

    def fault(self, fault: Fault, key: str = "") -> Reply:
        status, kind, message = _FAULTS[fault]
        where = {
            "x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/",
            "x-amzn-requestid": "r-1",
        }
        return as_json({"message": quoting(message, key)}, status=status, **where)

    def error_event(self, fault: Fault, key: str = "") -> bytes:
        _, kind, message = _FAULTS[fault]
        return event(kind[0].lower() + kind[1:], {"message": quoting(message, key)}, "exception")

    def ping(self) -> bytes:
        return event("contentBlockDelta", {"delta": {"text": ""}, "contentBlockIndex": 0})

    def credentials(self) -> Callable[[Received], Reply]:
        """A container's credentials endpoint: every answer has another token, `token-1` first, that holds for hours."""
        numbers = itertools.count(1)

        def answer(received: Received) -> Reply:
            del received
            ends = (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
            token = f"token-{next(numbers)}"
            return as_json({"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Token": token, "Expiration": ends})

        return answer

    def but_for(self, ended: str) -> Callable[[Received], Reply]:
        """An answer to who is signed; not to who shows the token ``ended``."""

        def answer(received: Received) -> Reply:
            if received.headers.get("x-amz-security-token") == ended:
                said = quoting("The security token included in the request is expired", ended)
                return as_json({"message": said}, status=403, **{"x-amzn-errortype": "ExpiredTokenException"})
            return only_signed(self.whole(Said(text=("Hello",))))(received)

        return answer

    def asked(self, received: Received) -> Asked:
        assert signed_by(received, SECRET) is None
        body = received.body
        model, stream = named(received)
        blocks = [block for turn in body["messages"] for block in turn["content"]]
        inference, tools = body.get("inferenceConfig", {}), body.get("toolConfig", {})
        choice = tools.get("toolChoice", {})
        schema = (
            body.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema", {}).get("schema")
        )
        return Asked(
            model=model,
            stream=stream,
            system="\n".join(block["text"] for block in body.get("system", ())),
            text=next((block["text"] for block in blocks if "text" in block), ""),
            stop=tuple(inference.get("stopSequences", ())),
            max_tokens=inference.get("maxTokens"),
            tools=tuple(tool["toolSpec"]["name"] for tool in tools.get("tools", ()) if "toolSpec" in tool),
            tool_choice="required" if "any" in choice else choice.get("tool", {}).get("name", ""),
            schema=json.loads(schema) if schema else None,
            images=tuple(_image(block["image"]) for block in blocks if "image" in block),
            tool_results={
                block["toolResult"]["toolUseId"]: "".join(part["text"] for part in block["toolResult"]["content"])
                for block in blocks
                if "toolResult" in block
            },
            turns=tuple(
                (turn["role"], "".join(block.get("text", "") for block in turn["content"])) for turn in body["messages"]
            ),
            temperature=inference.get("temperature"),
            key=received.headers["x-amz-security-token"],
        )


def _image(image: dict[str, Any]) -> str:
    return f"data:image/{image['format']};base64,{image['source']['bytes']}"


def named(received: Received) -> tuple[str, bool]:
    """The model that a request's path names, and whether it asks for a stream."""
    found = re.fullmatch(r"/model/([^/]+)/(converse|converse-stream)", received.path)
    assert found is not None, received.path
    return unquote(found[1]), found[2] == "converse-stream"


def only_signed(reply: Reply, secret: str = SECRET) -> Callable[[Received], Reply]:
    """``reply`` to who signed by ``secret``, and to others what AWS answers them."""

    def answer(received: Received) -> Reply:
        wrong = signed_by(received, secret)
        if wrong is None:
            return reply
        return as_json({"message": wrong}, status=403, **{"x-amzn-errortype": "InvalidSignatureException"})

    return answer


def signed_by(received: Received, secret: str) -> str | None:
    """What is wrong with a request's signature by ``secret``; None where nothing is."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/bedrock/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)",
        received.headers.get("authorization", ""),
    )
    if found is None:
        return "Missing Authentication Token"
    _, day, region, names, signature = found.groups()
    if "host" not in names.split(";") or "x-amz-date" not in names.split(";"):
        return "host and x-amz-date must be signed"
    path, _, query = received.path.partition("?")
    headers = "".join(f"{name}:{' '.join(received.headers[name].split())}\n" for name in names.split(";"))
    request = "\n".join(
        ("POST", quote(path, safe="/-_.~"), query, headers, names, hashlib.sha256(received.raw).hexdigest())
    )
    scope = f"{day}/{region}/bedrock/aws4_request"
    to_sign = "\n".join(
        ("AWS4-HMAC-SHA256", received.headers["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest())
    )
    key = f"AWS4{secret}".encode()
    for part in (day, region, "bedrock", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    if hmac.compare_digest(expected, signature):
        return None
    return "The request signature we calculated does not match the signature you provided."
