"""Whose fault an error answer is, by what servers write: dated tables, for all adapters. A 400 is not always the caller's.

Collected from vendors' references and from public reports on how gateways misread them, 2026-11-30; a text stands here when a server was
seen to write it, whatever its status and code.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import NamedTuple

from app.logic.answer import Blame, Kind


class Told(NamedTuple):
    """What an error answer means. ``blame`` matters for a bad request."""

    kind: Kind
    blame: Blame = Blame.UNKNOWN


class Shape(NamedTuple):
    """An error of these ``codes`` (or types), or with ``text`` in its words, means ``told``."""

    told: Told
    codes: frozenset[str]
    text: re.Pattern[str]


def _words(*texts: str) -> re.Pattern[str]:
    return re.compile("|".join(texts) or r"(?!)", re.I)


# The limit of an answer, which another model may have higher: it is told in words much like those of a context that is too small.
_ANSWER_TOO_LONG = Shape(
    Told(Kind.BAD_REQUEST, Blame.BACKEND),
    frozenset(),
    _words(
        r"at most \d+ (?:completion|output) tokens",  # OpenAI
        r"maximum allowed number of output tokens",  # Anthropic
        r"max_(?:completion_)?tokens.{0,20} (?:is too large|must be less than or equal)",  # OpenAI, Groq
    ),
)
_CONTEXT = Shape(
    Told(Kind.CONTEXT_TOO_LONG),
    frozenset({"context_length_exceeded", "exceed_context_size_error", "model_max_prompt_tokens_exceeded"}),
    _words(
        r"maximum context length",  # OpenAI, vLLM, SGLang, Mistral
        r"context (?:window|length|size)",  # OpenAI since 2025, SGLang, llama.cpp, Groq
        r"maximum (?:prompt|model|sequence) length",  # xAI, vLLM
        r"(?:prompt|input|conversation) is too long",  # Anthropic, Bedrock
        r"exceed(?:s|ed)? (?:the )?context limit",  # Anthropic
        r"token count.{0,40} exceeds the (?:maximum|limit)",  # Gemini, GitHub Copilot
        r"token count is \d+ but (?:the )?model only supports",  # Gemini on Vertex AI
        r"length of all messages is too long",  # Perplexity
        r"is too large to process",  # llama.cpp, of one input to embed
        r"too many (?:input )?tokens",  # Cohere, Together
        r"reduce the length of",  # Groq, OpenAI
        r"max_tokens must be at least 1, got -",  # vLLM, when the prompt alone is too long
        r"range of input length should be",  # Alibaba
        r"exceeded model token limit|prompt exceeds max length",  # Moonshot, Zhipu
    ),
)
_POLICY = Shape(
    Told(Kind.REFUSED_BY_POLICY),
    frozenset(
        {
            "content_filter",  # Azure
            "ResponsibleAIPolicyViolation",
            "content_policy_violation",  # OpenAI's images
            "moderation_blocked",
            "data_inspection_failed",  # Alibaba
            "content_moderation",
            "safety",
            "prohibited_content",  # Gemini
        }
    ),
    _words(
        r"content management policy",  # Azure
        r"content (?:filter(?:ing)?|safety|usage) (?:policy|policies|system)",  # Anthropic
        r"flagged (?:as|for|by) (?:potentially )?(?:violating|violation|moderation|inappropriate|our)",  # OpenAI, OpenRouter
        r"violat\w{1,6} (?:of )?(?:our|the|openai|usage|content)[\w' ]{0,30}(?:polic|guideline)",
        r"requires moderation",  # OpenRouter
        r"content exists risk",  # DeepSeek
        r"inappropriate content",  # Alibaba
        r"limited access to this content for safety reasons",  # OpenAI
    ),
)
_LACKING = Shape(
    Told(Kind.BAD_REQUEST, Blame.BACKEND),
    frozenset({"unsupported_parameter", "unsupported_value", "unsupported_model", "unknown_parameter"}),
    _words(
        r"not (?:supported|available|permitted|allowed) (?:for|with|by|in|on|when using) (?:this|the|that|your|model|\W)",
        r"(?:does|do) not support",
        r"(?:is|are) not supported",
        r"unsupported (?:parameter|value|field)",
        r"extra (?:inputs|fields) (?:are )?not permitted",  # pydantic: Anthropic, Mistral, vLLM
        r"(?:unknown|unrecognized|unexpected)(?: request)? (?:parameter|field|argument|keyword|name)",
        r"deprecated for this model",  # Anthropic
        r"no endpoints found that support",  # OpenRouter, with 404
        r"request too large",  # OpenAI's 429 for one that is over the whole limit of a minute
        r"cannot both be specified",  # Anthropic's newer models, of temperature and top_p
    ),
)
_OPERATORS = Shape(
    Told(Kind.MISCONFIGURED),
    frozenset(
        {
            "insufficient_quota",
            "billing_hard_limit_reached",
            "invalid_api_key",
            "model_not_found",
            "model_decommissioned",  # Groq
            "model_terms_required",  # Groq
            "DeploymentNotFound",  # Azure
            "account_deactivated",
        }
    ),
    _words(
        r"api key (?:not valid|is invalid|expired)|(?:invalid|incorrect|missing) api key",  # Gemini, xAI
        r"credit balance is too low|usage limits|exceeded your current quota",  # Anthropic, OpenAI
        r"model.{0,80} (?:does not exist|not found|not available|has been (?:decommissioned|deprecated|retired|shut down))",
        r"model.{0,80} is (?:no longer (?:available|supported)|deprecated)|is not a valid model",
        r"(?:unknown|invalid|unsupported|no such) model(?: name| id)?(?: ''|[:.,]|$)",
    ),
)
_CALLERS = Shape(
    Told(Kind.BAD_REQUEST, Blame.CALLER),
    frozenset(
        {
            "invalid_value",
            "invalid_type",
            "missing_required_parameter",
            "integer_above_max_value",
            "integer_below_min_value",
            "decimal_above_max_value",
            "decimal_below_min_value",
            "array_above_max_length",
            "array_below_min_length",
            "empty_array",
            "empty_string",
            "invalid_base64",
            "invalid_image",
            "invalid_image_format",
            "invalid_image_url",
            "image_parse_error",
        }
    ),
    _words(),
)
_SHAPES = (
    _OPERATORS,
    _POLICY,
    _CONTEXT,
    _LACKING,
    _CALLERS,
)  # our account before what the model lacks, and both before the caller
# A server's own mistake has a 5xx status, too, and may speak of a context: only what says that this request was too long is taken at its word
# there (llama.cpp 12295, kronk 862 and other public reports, read 2026-12-01). Else long requests open the circuit for everybody.
_OVERFLOW = _words(
    r"exceeds? (?:the )?(?:available |maximum |max )?context (?:size|window|length)",  # llama.cpp
    r"exceed(?:s|ed)? (?:the )?(?:model's )?max(?:imum)? context length",  # Ollama, SGLang
    r"maximum context length is \d",  # vLLM
    r"context window is full",
    r"is too large to process",
    r"(?:prompt|input) is too long",
)
# The one text whose quotes are the server's own, from its beginning on: TGI's, and Together's that is TGI's.
_TGI = re.compile(
    r"input validation error: `inputs`(?: tokens \+ `max_new_tokens`)? must (?:be <=|have less than) \d", re.I
)
# What an error quotes may be the caller's, who must not choose how it is read: all from the first quotation mark to the last is left out,
# since a caller can write such marks as well. An apostrophe inside a word is none.
_QUOTES = re.compile(r"""(?<!\w)['"`]|['"`](?!\w)|[“”„«»‘’「」]|https?://|input_value=""")
_OPEN_ENDED = ("https://", "http://", "input_value=")  # nobody knows where what they begin ends
_PATH = re.compile(
    r"(?:messages|system|tools|tool_choice|stop_sequences|metadata|thinking)(?:\.[\w.]+)?: "
)  # Anthropic's
MAX_READ = 2000  # characters of a message: what is wrong stands at its beginning


def told_by_words(codes: Set[str], text: str) -> Told | None:
    """What an error's codes and words mean; None for those of no known shape. Codes are a vendor's own, words may repeat a caller's."""
    if _TGI.match(text):
        return _CONTEXT.told
    plain = _unquoted(text)
    if _ANSWER_TOO_LONG.text.search(plain) and not _CONTEXT.text.search(plain):
        return _ANSWER_TOO_LONG.told
    if (by_code := next((told for told, known, _ in _SHAPES if known & codes), None)) is not None:
        return by_code
    if _PATH.match(plain):
        return _LACKING.told if _LACKING.text.search(plain) else _CALLERS.told
    return next((told for told, _, words in _SHAPES if words.search(plain)), None)


def is_overflow(text: str) -> bool:
    """Whether the words of a server's own mistake say that the request was too long for it."""
    return _OVERFLOW.search(_unquoted(text)) is not None


def is_policy(codes: Set[str], text: str) -> bool:
    """Whether a filter refused the content, whatever the status."""
    return bool(_POLICY.codes & codes or _POLICY.text.search(_unquoted(text)))


def _unquoted(text: str) -> str:
    """``text`` with a pair of marks in place of what it quotes."""
    marks = list(_QUOTES.finditer(text))
    if not marks:
        return text[:MAX_READ]
    behind = text[marks[-1].end() :] if len(marks) > 1 and marks[-1][0] not in _OPEN_ENDED else ""
    return f"{text[: marks[0].start()]}''{behind}"[:MAX_READ]


OPERATORS_CODES = _OPERATORS.codes
_OPERATORS_STATUS = frozenset({401, 402, 403, 404, 405, 501})


def told_by_status(status: int, *, is_object: bool) -> Told:
    """What a 4xx status means whose words say nothing. ``is_object``: an API answered, and not a page of something in between."""
    if status in _OPERATORS_STATUS or not (is_object or status == 413):
        return Told(Kind.MISCONFIGURED)
    return Told(Kind.BAD_REQUEST, Blame.BACKEND if status == 413 else Blame.UNKNOWN)
