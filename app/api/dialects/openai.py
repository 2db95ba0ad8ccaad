"""OpenAI's API: `/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`. Fields are checked by type, range and length; all others go on as they are.

Whatever the app or an adapter reads of a request is described here, to the depth to which it is read: behind this file nobody checks
types again. Ranges as in OpenAI's API reference (checked 2026-11-24). Backends may add fields to their answers, and what they add is passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from app.api import bodies
from app.api.errors import Fault
from app.logic.answer import Call, Endpoint
from app.wire import sse
from app.wire.events import Wire

Temperature = Annotated[float, Meta(ge=0, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
# A limit of tokens: some clients write -1 for none, and 128.0 for 128.
Limit = Annotated[int, Meta(ge=-1, le=2**31 - 1)]

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
# Names, ids and stop words are compared, hashed and kept with a conversation. OpenAI's reference gives 64 characters for
# `safety_identifier` and `prompt_cache_key` and names none for the others (checked 2026-11-30); other vendors' clients send longer ones.
Name = Annotated[str, Meta(max_length=512)]

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAI:
    """One path of OpenAI's API."""

    endpoint: Endpoint
    wire: Wire
    title: str
    request: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    refusal: type[msgspec.Struct]
    stream_type: ClassVar[bytes] = b"text/event-stream; charset=utf-8"
    heartbeat: ClassVar[bytes] = sse.comment(b"ping")

    def read(self, body: bytes, request_id: str) -> Call:
        return self.check(bodies.parse(body), request_id)

    def check(self, body: Any, request_id: str) -> Call:
        """The call that a parsed body asks for. Raises Fault with the field that is wrong."""
        _settle(body)
        request: Any = bodies.converted(body, self.request)
        options: StreamOptions | None = getattr(request, "stream_options", None)
        return Call(
            endpoint=self.endpoint,
            model=request.model,
            body=body,
            stream=bool(getattr(request, "stream", False)),
            include_usage=options is not None and options.include_usage is True,
            request_id=request_id,
        )

    def error(self, fault: Fault) -> bytes:
        return error_body(fault)

    def error_event(self, fault: Fault) -> bytes:
        return sse.event(error_body(fault))

    def end(self, summary: bytes) -> bytes:
        return sse.comment(b"trimaran " + summary)


_LIMITS = ("max_tokens", "max_completion_tokens")


def _settle(body: Any) -> None:
    """Says in OpenAI's own way what many clients say in another: limits as 128.0 or -1, tools without a type."""
    if not isinstance(body, dict):
        return
    for name in _LIMITS:
        if (limit := body.get(name)) is not None and not (type(limit) is int and limit > 0):
            _settle_limit(body, name)
    if isinstance(tools := body.get("tools"), list):
        for tool in tools:
            if isinstance(tool, dict) and "function" in tool:
                tool.setdefault("type", "function")


def _settle_limit(body: dict[str, Any], name: str) -> None:
    """A limit of 0 asks for no answer at all, which only `/v1/completions` can give: the prompt, with `echo`. Raises Fault."""
    limit = body[name]
    if isinstance(limit, float) and limit.is_integer():
        limit = body[name] = int(limit)
    if limit == -1:
        del body[name]
    elif limit == 0 and not (body.get("echo") and "prompt" in body):
        raise Fault(400, f"{name}: expected at least 1, or -1 for no limit", param=name)


def error_object(fault: Fault) -> dict[str, Any]:
    return {"message": fault.message, "type": fault.type, "param": fault.param, "code": fault.code}


def error_body(fault: Fault) -> bytes:
    return _encode({"error": error_object(fault)})


class ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class Part(msgspec.Struct):
    """Parts of other types than text, image_url, refusal, thinking and redacted_thinking are a backend's to refuse."""

    type: str
    cache_control: dict[str, Any] | None = None
    text: str | None = None
    image_url: ImageUrl | str | None = None  # some clients leave the object out
    refusal: str | None = None


class CalledFunction(msgspec.Struct):
    """What a model has called. Some clients hand the arguments back as the object that they were read into."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCall(msgspec.Struct):
    id: str | None = None
    type: str | None = None
    function: CalledFunction | None = None


class Message(msgspec.Struct):
    """``cache_control`` and ``thinking_blocks`` are for Anthropic's models."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    cache_control: dict[str, Any] | None = None
    thinking_blocks: list[Part] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct):
    type: str | None = None
    function: Function | None = None


class ChosenFunction(msgspec.Struct):
    name: str | None = None


class ToolChoice(msgspec.Struct):
    type: str | None = None
    function: ChosenFunction | None = None


class JsonSchema(msgspec.Struct):
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    type: str | None = None
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Request(msgspec.Struct, kw_only=True):
    """The fields that every endpoint has. By ``user`` and ``prompt_cache_key`` the requests of one conversation are known."""

    model: Name = ""
    user: Name | None = None
    prompt_cache_key: Name | None = None
    safety_identifier: Name | None = None


class _Generation(_Request, kw_only=True):
    """The fields that every generating endpoint has."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    max_tokens: Limit | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: Name | Annotated[list[Name], Meta(max_length=16)] | None = None
    seed: Whole | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | list[Any] | None = None  # llama.cpp takes pairs too


class ChatRequest(_Generation, kw_only=True):
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Limit | None = None
    tools: list[Tool] | None = None
    tool_choice: str | ToolChoice | None = None
    response_format: ResponseFormat | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None


class CompletionRequest(_Generation, kw_only=True):
    prompt: Annotated[str, Meta(min_length=1)] | Annotated[list[Any], Meta(min_length=1)]
    best_of: Annotated[int, Meta(ge=1, le=128)] | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    # A chat's own: refused here, where they would be read before a backend could refuse them.
    messages: None = None
    tools: None = None
    tool_choice: None = None
    response_format: None = None
    max_completion_tokens: None = None


class EmbeddingRequest(_Request, kw_only=True):
    input: Annotated[str, Meta(min_length=1)] | Annotated[list[Any], Meta(min_length=1)]
    encoding_format: str | None = None
    dimensions: Count | None = None
    # What generates has these: refused here, where they would be read before a backend could refuse them.
    messages: None = None
    prompt: None = None
    tools: None = None
    tool_choice: None = None
    response_format: None = None
    max_tokens: None = None
    max_completion_tokens: None = None
    n: None = None


class Error(msgspec.Struct, kw_only=True):
    """`code`, where a backend is to blame, is one of the kinds of failure in docs/streaming.md."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(msgspec.Struct):
    error: Error


class Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Choice(msgspec.Struct, kw_only=True):
    index: int
    message: dict[str, Any]
    finish_reason: str | None


class ChatCompletion(msgspec.Struct, kw_only=True):
    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


class TextChoice(msgspec.Struct, kw_only=True):
    index: int
    text: str
    finish_reason: str | None


class Completion(msgspec.Struct, kw_only=True):
    id: str
    object: str
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage | None = None


class Embedding(msgspec.Struct, kw_only=True):
    index: int
    object: str
    embedding: list[float] | str


class Embeddings(msgspec.Struct, kw_only=True):
    object: str
    model: str
    data: list[Embedding]


CHAT = OpenAI(
    endpoint=Endpoint.CHAT,
    wire=Wire.OPENAI_CHAT,
    title="OpenAI's chat completions",
    request=ChatRequest,
    answer=ChatCompletion,
    refusal=ErrorBody,
)
COMPLETIONS = OpenAI(
    endpoint=Endpoint.COMPLETIONS,
    wire=Wire.OPENAI_COMPLETIONS,
    title="OpenAI's older completions",
    request=CompletionRequest,
    answer=Completion,
    refusal=ErrorBody,
)
EMBEDDINGS = OpenAI(
    endpoint=Endpoint.EMBEDDINGS,
    wire=Wire.OPENAI_EMBEDDINGS,
    title="OpenAI's embeddings",
    request=EmbeddingRequest,
    answer=Embeddings,
    refusal=ErrorBody,
)
