"""Whose fault an error answer is, in the words of many servers, as their users reported them."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.inference.anthropic import ADAPTER
from app.inference.anthropic import map_error as map_claudes
from app.inference.openai_errors import map_error
from app.inference.retry_after import LONGEST_S, said_s
from app.inference.said import IN_STREAM, Said
from app.logic.answer import Blame, Failure, Kind

assert ADAPTER.provider == "anthropic"  # whose errors the second mapping is for


def openai_says(status: int, body: Any) -> Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return map_error("b", status, {}, raw)


def anthropic_says(message: str, status: int = 400, type: str = "invalid_request_error") -> Failure:
    return map_claudes(
        "b", status, {}, json.dumps({"type": "error", "error": {"type": type, "message": message}}).encode()
    )


def error(message: str = "no", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}}


TOO_LONG = {
    "OpenAI": error("This model's maximum context length is 8192 tokens.", code="context_length_exceeded"),
    "OpenAI, newer": error("Your input exceeds the context window of this model. Please adjust your input and try again."),
    "vLLM": {"object": "error", "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", "type": "BadRequestError", "code": 400},
    "vLLM, newer": {"error": {"message": "The decoder prompt (length 5000) is longer than the maximum model length of 4096.", "type": "BadRequestError", "code": 400}},
    "vLLM, no room for an answer": {"object": "error", "message": "max_tokens must be at least 1, got -904.", "code": 400},
    "SGLang": {"object": "error", "message": "The input (5000 tokens) is longer than the model's context length (4096 tokens).", "code": 400},
    "llama.cpp": {"error": {"code": 400, "message": "the request exceeds the available context size, try increasing it", "type": "exceed_context_size_error"}},
    "Gemini": [{"error": {"code": 400, "message": "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).", "status": "INVALID_ARGUMENT"}}],
    "xAI": {"code": "Client specified an invalid argument", "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens."},
    "Groq": error("Please reduce the length of the messages or completion.", code="context_length_exceeded"),
    "Bedrock": {"message": "Input is too long for requested model."},
    "Mistral": {"object": "error", "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length", "type": "invalid_request_error", "code": "3051"},
    "TGI": {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096", "error_type": "validation"},
    "Together": error("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4088 `inputs` tokens and 512 `max_new_tokens`", param="max_tokens"),
    "TEI": {"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 600", "error_type": "Validation"},
    "Vertex AI": [{"error": {"code": 400, "message": "Unable to submit request because the input token count is 1200000 but model only supports up to 1048576.", "status": "INVALID_ARGUMENT"}}],
    "Copilot": {"error": {"message": "prompt token count of 70627 exceeds the limit of 64000", "code": "model_max_prompt_tokens_exceeded"}},
    "Perplexity": {"error": {"message": "The total length of all messages is too long.", "type": "invalid_request", "code": 400}},
    "DeepInfra": {"choices": None, "error_type": "BadRequestError", "error_message": "This model's maximum context length is 163840 tokens.", "error_code": 400},
    "OpenRouter": {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": json.dumps(error("This model's maximum context length is 262144 tokens.")), "provider_name": "x"}}},
}  # fmt: skip
# The same with a status of the server's own mistakes.
TOO_LONG_FOR_THE_SERVER = {
    "llama.cpp, to embed": "input (992 tokens) is too large to process. increase the physical batch size (current batch size: 512)",
    "llama.cpp": "the request exceeds the available context size. try increasing the context size or enable context shift",
    "kronk": "imc: failed to decode extension tokens: unable to process request: the context window is full.",
    "Ollama": "prompt too long; exceeded max context length by 4 tokens",
    "vLLM": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
}
BROKEN = (
    "failed to create context with context size 4096: out of memory",
    "CUDA out of memory",
    "Prompt: 'prompt is too long' could not be tokenized",
)
# What stands in a stream has no status but what its words say.
IN_A_STREAM = {
    "OpenAI, overloaded": ({"type": "service_unavailable_error", "code": "server_is_overloaded", "message": "Our servers are currently overloaded."}, Kind.BUSY, 503),
    "no code": ({"type": "rate_limit_error", "code": None, "message": "Rate limit reached. Please try again in 1.898s."}, Kind.BUSY, 429),
    "quota": ({"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your current quota"}, Kind.MISCONFIGURED, None),
    "the caller's": ({"type": "invalid_request_error", "code": "invalid_value", "message": "Invalid value", "param": "n"}, Kind.BAD_REQUEST, 400),
    "vLLM's class": ({"type": "BadRequestError", "message": "no"}, Kind.BAD_REQUEST, 400),
    "a number first": ({"type": "invalid_request_error", "code": 503, "message": "no"}, Kind.BUSY, 503),
    "nothing known": ({"type": "server_error", "message": "no"}, Kind.UNREACHABLE, 502),
}  # fmt: skip
OPERATORS = {
    "unknown model": (404, error("The model `x` does not exist or you do not have access to it.", code="model_not_found")),
    "unknown model in a 400": (400, error("Model x not found", code="model_not_found")),
    "retired": (400, error("The model `x` has been decommissioned and is no longer supported.", code="model_decommissioned")),
    "Mistral": (400, {"object": "error", "message": "Invalid model: mistral-old", "type": "invalid_model", "code": "1500"}),
    "OpenRouter": (400, {"error": {"message": "x/y is not a valid model ID", "code": 400}}),
    "Gemini's key": (400, [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"}}]),
    "xAI's key": (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***yz."}),
    "CDN": (400, b"<html><head><title>400 Bad Request</title></head><body>cloudflare</body></html>"),
    "wrong path": (405, {"detail": "Method Not Allowed"}),
    "quota": (429, error("You exceeded your current quota", code="insufficient_quota")),
}  # fmt: skip
LACKING = {
    "OpenAI": (400, error("Unsupported parameter: 'temperature' is not supported with this model.", code="unsupported_parameter", param="temperature")),
    "OpenAI, limit": (400, error("max_tokens is too large: 100000. This model supports at most 4096 completion tokens.", param="max_tokens", code="invalid_value")),
    "vLLM": (400, {"object": "error", "message": "This model does not support image input", "type": "BadRequestError", "code": 400}),
    "Groq": (400, error("property 'logprobs' is unsupported: `logprobs` is not supported with this model")),
    "pydantic": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}),
    "proxy": (413, b"<html><h1>413 Request Entity Too Large</h1></html>"),
}  # fmt: skip
CALLERS = {
    "OpenAI": (400, error("Invalid type for 'messages[0].content'", code="invalid_type", param="messages[0].content")),
    "FastAPI": (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "missing"}]}),
    "image": (400, error("Invalid base64 image_url.", code="invalid_base64")),
}
POLICY = {
    "Azure": error("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", code="content_filter"),
    "Azure, inner": {"error": {"code": "BadRequest", "message": "x", "innererror": {}, "error": {"code": "ResponsibleAIPolicyViolation"}}},
    "OpenAI": error("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", code="invalid_prompt"),
    "DeepSeek": error("Content Exists Risk"),
    "Alibaba": error("Input data may contain inappropriate content.", code="data_inspection_failed"),
}  # fmt: skip
UNKNOWN = {
    "no words": error(),
    "vLLM's tools": {
        "object": "error",
        "message": '"auto" tool choice requires --enable-auto-tool-choice',
        "code": 400,
    },
    "nothing": {},
}


# What a caller wrote stands in these, and must not decide; and some that are easily misread.
MISREAD = {
    "a role": (400, error("Invalid value: 'no such model'. Supported values are: 'system' and 'user'.", code="invalid_value"), Kind.BAD_REQUEST, Blame.CALLER),
    "a URL": (400, error("Error while downloading https://x.example/context size/model not found.", code="invalid_image_url"), Kind.BAD_REQUEST, Blame.CALLER),
    "a tool": (400, error("Tool 'train_model' not found in provided tools"), Kind.BAD_REQUEST, Blame.UNKNOWN),
    "an input": (400, error("1 validation error: 'input': 'missing api key'"), Kind.BAD_REQUEST, Blame.UNKNOWN),
    "a field": (422, {"detail": [{"loc": ["body", "messages", 0, "invalid api key"], "msg": "Extra inputs are not permitted"}]}, Kind.BAD_REQUEST, Blame.BACKEND),
    "marks of the caller's": (400, error('Invalid content: "a" invalid api key: "b" is no text'), Kind.BAD_REQUEST, Blame.UNKNOWN),
    "curly marks": (400, error("Invalid content: “invalid api key” is no text"), Kind.BAD_REQUEST, Blame.UNKNOWN),
    "a mark that closes late": (400, error("Invalid content: '" + "x" * 3000 + " invalid api key'"), Kind.BAD_REQUEST, Blame.UNKNOWN),
    "pydantic's input": (400, error("1 validation error [type=x, input_value=invalid api key, input_type=str]"), Kind.BAD_REQUEST, Blame.UNKNOWN),
    "an output": (400, error("Invalid model output."), Kind.BAD_REQUEST, Blame.UNKNOWN),
    "a filter's 403": (403, {"error": "Content violates usage guidelines. Team: x"}, Kind.REFUSED_BY_POLICY, None),
    "no endpoint": (404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}}, Kind.BAD_REQUEST, Blame.BACKEND),
    "over the minute": (429, error("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 33000.", code="rate_limit_exceeded"), Kind.BAD_REQUEST, Blame.BACKEND),
    "a quota that comes back": (429, [{"error": {"code": 429, "message": "You exceeded your current quota. Please retry in 27.4s.", "status": "RESOURCE_EXHAUSTED"}}], Kind.BUSY, None),
    "DashScope": (400, error("Range of input length should be [1, 98304]", code="invalid_parameter_error"), Kind.CONTEXT_TOO_LONG, None),
    "vLLM, both": (400, error("'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens"), Kind.CONTEXT_TOO_LONG, None),
}  # fmt: skip


@pytest.mark.parametrize("what", MISREAD)
def test_what_is_easily_misread(what: str) -> None:
    """Codes come before words, and what is quoted is nobody's word."""
    status, body, kind, blame = MISREAD[what]
    failure = openai_says(status, body)
    assert (failure.kind, blame in (None, failure.blame)) == (kind, True), failure.blame


def test_what_is_only_said_in_words_is_not_proven() -> None:
    """It leads to the next backend and is told to the operator, and opens no circuit: a status, or a code, does."""
    assert not openai_says(400, {"error": {"message": "x is not a valid model ID", "code": 400}}).is_proven
    assert openai_says(400, error("gone", code="model_decommissioned")).is_proven
    assert openai_says(404, error("no such model")).is_proven
    assert openai_says(400, OPERATORS["CDN"][1]).is_proven


def test_a_quota_that_comes_back_has_its_time() -> None:
    """Gemini says it in words."""
    assert openai_says(*MISREAD["a quota that comes back"][:2]).retry_after_s == 27.4


@pytest.mark.parametrize(
    ("text", "told_s"),
    [
        ("Rate limit reached for x: Limit 30000, Used 29000. Please try again in 898ms. Visit", 0.898),
        ("Please try again in 6m0s.", 360),
        ("Please try again in 1h2m3.5s", 3723.5),
        ("Rate limit exceeded. Try again in 35 seconds.", 35),
        ("Please retry after 1 second. Please go here", 1),
        ("retry in 2 minutes", 120),
        ("try again in 5 milliseconds", 0.005),
        ("try again in 9 days", LONGEST_S),
        ("Please try again later.", None),
        ("try again in 5 moments", None),
        ("try again in a while, 30 s", None),
    ],
)
def test_a_time_to_come_back_may_be_said_in_words(text: str, told_s: float | None) -> None:
    """Each piece of it counts."""
    assert said_s(text) == (told_s if told_s is None else pytest.approx(told_s))


def test_a_header_says_more_than_words() -> None:
    """They may round."""
    failure = map_error("b", 429, {"retry-after": "7"}, json.dumps(error("Please try again in 20s")).encode())
    assert failure.retry_after_s == 7


@pytest.mark.parametrize("who", TOO_LONG_FOR_THE_SERVER)
@pytest.mark.parametrize("status", [500, 503, IN_STREAM])
def test_a_request_that_is_too_long_is_no_mistake_of_the_servers(who: str, status: int) -> None:
    """Whatever status it has: else long requests would open the circuit for everybody."""
    said = {"error": {"code": "server_error", "type": "server_error", "message": TOO_LONG_FOR_THE_SERVER[who]}}
    assert openai_says(status, said).kind is Kind.CONTEXT_TOO_LONG


@pytest.mark.parametrize("message", BROKEN)
def test_a_mistake_of_the_servers_is_one(message: str) -> None:
    """It may speak of contexts and prompts, too."""
    assert openai_says(500, error(message, type="server_error")).kind is Kind.UNREACHABLE


@pytest.mark.parametrize("what", IN_A_STREAM)
def test_an_error_in_a_stream_has_the_status_that_it_names(what: str) -> None:
    """By a number, else by its code or type."""
    said, kind, status = IN_A_STREAM[what]
    failure = openai_says(IN_STREAM, {"error": said})
    assert (failure.kind, failure.status) == (kind, status)


def test_what_a_provider_said_is_told_in_place_of_a_brokers_words() -> None:
    """OpenRouter's are the same for everything. What else stands beside it decides nothing."""
    raw = json.dumps(error("Model supports at most 1 image per prompt."))
    for metadata, told in (
        ({"raw": raw}, "Model supports at most 1 image per prompt."),
        ({"raw": "temporarily rate-limited upstream"}, "temporarily rate-limited upstream"),
        ({"raw": ""}, "Provider returned error"),
        ({"code": "invalid_api_key", "message": "x"}, "Provider returned error"),
    ):
        failure = openai_says(400, {"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}})
        assert (failure.kind, failure.message) == (Kind.BAD_REQUEST, f"backend 'b': {told}")


def growth(read: Callable[[str], object], piece: str) -> float:
    """How many times longer this thread computes on a text eight times as long: 8 where reading is linear, 64 where it is quadratic."""

    def least_s(text: str) -> float:
        took_s = []
        for _ in range(5):
            began = time.thread_time()
            read(text)
            took_s.append(time.thread_time() - began)
        return min(took_s)

    few = 6_000 // len(piece)
    return least_s(piece * (8 * few)) / least_s(piece * few)


@pytest.mark.parametrize("piece", ["violat", "'", "model ", "`a", "http://", "retry in 1s ", "exceeds the "])
def test_long_messages_are_read_in_linear_time(piece: str) -> None:
    """What an upstream echoes may be a caller's megabyte."""
    assert growth(lambda text: openai_says(400, error(text)), piece) < 24
    assert growth(anthropic_says, piece) < 24


def test_a_text_that_begins_like_the_key_costs_nothing() -> None:
    """Many keys begin alike, and their beginnings are public: masking is linear."""
    key = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9/abc"
    said = Said("b", functools.partial(map_error, "b"), key)
    assert growth(lambda text: said.error(500, {}, text.encode()), key[:36] + " ") < 24


@pytest.mark.parametrize("who", TOO_LONG)
def test_a_context_that_is_too_small(who: str) -> None:
    """In every server's words: a larger model may take it."""
    assert openai_says(400, TOO_LONG[who]).kind is Kind.CONTEXT_TOO_LONG


@pytest.mark.parametrize("what", OPERATORS)
def test_what_is_the_operators_fault(what: str) -> None:
    """Another backend answers, and the operator is told; the caller has done nothing wrong."""
    assert openai_says(*OPERATORS[what]).kind is Kind.MISCONFIGURED


@pytest.mark.parametrize(
    ("table", "blame"), [(LACKING, Blame.BACKEND), (CALLERS, Blame.CALLER)], ids=["backend", "caller"]
)
def test_whose_fault_a_bad_request_is(table: dict[str, tuple[int, Any]], blame: Blame) -> None:
    """What this model lacks another may have; what is wrong with the request is wrong everywhere."""
    for who, (status, body) in table.items():
        failure = openai_says(status, body)
        assert (failure.kind, failure.blame) == (Kind.BAD_REQUEST, blame), who


@pytest.mark.parametrize("who", UNKNOWN)
def test_what_nobody_knows(who: str) -> None:
    """A 400 of no known shape is left open."""
    failure = openai_says(400, UNKNOWN[who])
    assert (failure.kind, failure.blame) == (Kind.BAD_REQUEST, Blame.UNKNOWN)


@pytest.mark.parametrize("who", POLICY)
def test_a_refusal_by_policy_in_any_spelling(who: str) -> None:
    """A filter's refusal is the content's fault: it is not taken elsewhere."""
    assert openai_says(400, POLICY[who]).kind is Kind.REFUSED_BY_POLICY


@pytest.mark.parametrize(
    ("message", "kind", "blame"),
    [
        ("prompt is too long: 203456 tokens > 200000 maximum", Kind.CONTEXT_TOO_LONG, None),
        ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", Kind.CONTEXT_TOO_LONG, None),
        ("max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens", Kind.BAD_REQUEST, Blame.BACKEND),
        ("`temperature` and `top_p` cannot both be specified for this model.", Kind.BAD_REQUEST, Blame.BACKEND),
        ("`temperature` is deprecated for this model.", Kind.BAD_REQUEST, Blame.BACKEND),
        ("thinking: Extra inputs are not permitted", Kind.BAD_REQUEST, Blame.BACKEND),
        ("messages.1.content.0.text: Input should be a valid string", Kind.BAD_REQUEST, Blame.CALLER),
        ("Output blocked by content filtering policy", Kind.REFUSED_BY_POLICY, None),
        ("Your credit balance is too low to access the Anthropic API.", Kind.MISCONFIGURED, None),
        ("something new", Kind.BAD_REQUEST, Blame.UNKNOWN),
    ],
)  # fmt: skip
def test_anthropics_words(message: str, kind: Kind, blame: Blame | None) -> None:
    """Its type is the same for all of them."""
    failure = anthropic_says(message)
    assert failure.kind is kind
    assert blame in (None, failure.blame)


@pytest.mark.parametrize(
    "body",
    [
        [{"error": {"message": "deep", "code": "invalid_type"}}],
        {"error": {"error": {"error": {"message": "deep", "code": "invalid_type"}}}},
        {"error": {"message": json.dumps({"error": {"message": "deep", "code": "invalid_type"}})}},
        {"detail": {"error": {"message": "deep", "code": "invalid_type"}}},
    ],
    ids=["list", "nested", "JSON in JSON", "detail"],
)
def test_wrapped_errors_are_read(body: Any) -> None:
    """Gateways wrap what they got from others."""
    failure = openai_says(400, body)
    assert (failure.message, failure.blame) == ("backend 'b': deep", Blame.CALLER)


def test_no_depth_and_no_odd_type_breaks_it() -> None:
    """Whatever a server sends, it is a failure with a kind."""
    deep = b"[" * 5000 + b"]" * 5000
    for body in (
        deep,
        b"null",
        b"7",
        b'"x"',
        b'{"error": 7}',
        b'{"error": [[[[]]]]}',
        b'{"error": {"code": {}, "param": []}}',
    ):
        assert openai_says(400, body).kind in (Kind.BAD_REQUEST, Kind.MISCONFIGURED)
        assert openai_says(500, body).kind is Kind.UNREACHABLE
    assert openai_says(200, error(code="0500" + "0" * 5000)).kind is Kind.UNREACHABLE
