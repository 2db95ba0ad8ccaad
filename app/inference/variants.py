"""How servers that speak OpenAI's API differ from each other: one row each. What no row says is as OpenAI's API reference has it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from app.inference import fields
from app.logic.answer import Endpoint

_CHAT_ONLY = frozenset({Endpoint.CHAT})


class Images(StrEnum):
    """What happens to an image that a message gives by its http(s) address. ``data:`` URLs go on as they are, unless refused."""

    VENDOR = "vendor"  # passed on: the vendor fetches it in its own network
    INLINE = "inline"  # fetched here and made a data: URL: the server stands in our network and would reach what callers must not
    REFUSE = "refuse"  # the model sees no images


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """``provider``: its name in telemetry, where that is not the row's. ``extra``: fields beyond OpenAI's common ones; ``without``: common ones that the server answers with an error, or otherwise
    than OpenAI; ``without_at``: those of one endpoint.

    ``max_tokens``: the chat field's name, None where both are known. ``roles``: whether the role `developer` is known.
    ``usage_option``: whether ``stream_options.include_usage`` is taken; servers without it report usage unasked.
    ``price_key``: the address by which genai-prices knows who sells the models, where that is not ``base_url``.
    ``key_header``: where a key stands that is no bearer token. ``query`` and ``headers`` go with every request. ``takes_identity``: whether an
    entry may have `auth`. ``scope``: of a token from Entra ID, where the entry does not say; no other kind opens such a server.
    ``caches``: whether Anthropic's ``cache_control`` is taken. ``continuation``: how an answer that was cut is taken up again, where the routes file does not say.
    """

    base_url: str = ""  # empty: the routes file must give it
    key_env: str = ""
    price_key: str = ""
    key_header: str = ""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    takes_identity: bool = False
    scope: str = ""
    provider: str = ""
    endpoints: frozenset[Endpoint] = frozenset(Endpoint)
    extra: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    without_at: Mapping[Endpoint, frozenset[str]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    max_tokens: Literal["max_tokens", "max_completion_tokens"] | None = None
    knows_developer: bool = False
    usage_option: bool = True
    max_choices: int = fields.MAX_CHOICES
    images: Images = Images.INLINE
    caches: bool = False
    continuation: Literal["none", "final_message", "prefix", "bare", "instruct"] = "instruct"


@functools.cache
def allowed(variant: Variant, endpoint: Endpoint) -> frozenset[str]:
    """The fields of a request that a server of this variant gets."""
    lacking = variant.without | variant.without_at.get(endpoint, frozenset())
    match endpoint:
        case Endpoint.CHAT:
            return (fields.CHAT | variant.extra) - lacking
        case Endpoint.COMPLETIONS:
            return (fields.COMPLETIONS | variant.extra) - lacking
        case Endpoint.EMBEDDINGS:
            return fields.EMBEDDINGS - lacking


_SAMPLING = frozenset({"top_k", "min_p", "repetition_penalty"})

# vLLM: vllm/entrypoints/openai/chat_completion/protocol.py on its main branch, read 2026-11-24. Left out on purpose: `ignore_eos` (runs to
# the limit), `chat_template…`, `structured_outputs`, `cache_salt`, `priority`, `request_id`, `kv_transfer_params`, `media_io_kwargs`.
VLLM = Variant(
    base_url="http://127.0.0.1:8000/v1",
    takes_identity=True,
    extra=_SAMPLING
    | {"min_tokens", "length_penalty", "stop_token_ids", "bad_words", "skip_special_tokens", "truncate_prompt_tokens"}
    | {"include_stop_str_in_output", "include_reasoning", "thinking_token_budget"}
    | {"continue_final_message", "add_generation_prompt"},
    continuation="final_message",
)
# llama.cpp's server: field names in the xllamacpp 2026.10 binary, and run against it, 2026-11-24. Left out on purpose: `grammar`, `id_slot`,
# `json_schema`, `n_predict`, `samplers`, `lora`, `chat_template_kwargs`.
LLAMA_CPP = Variant(
    base_url="http://127.0.0.1:8080/v1",
    takes_identity=True,
    extra=frozenset({"top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n"})
    | {"continue_final_message", "add_generation_prompt"},
    # Log-probabilities of text completions come in the chat's shape; every embedding has all its dimensions (run 2026-11-30). No prompt is
    # echoed, not even where no token is wanted, and a suffix is not read (run 2026-12-01).
    without_at={
        Endpoint.COMPLETIONS: frozenset({"logprobs", "echo", "suffix"}),
        Endpoint.EMBEDDINGS: frozenset({"dimensions"}),
    },
    max_choices=4,
    continuation="final_message",
)
# The catalog's embedded models read text only.
EMBEDDED = replace(LLAMA_CPP, images=Images.REFUSE)

# LitServe: src/litserve/specs/openai.py, read 2026-11-24: no stream_options, usage always comes with the last chunk; other fields are ignored.
LITSERVE = Variant(
    base_url="http://127.0.0.1:8000/v1",
    takes_identity=True,
    endpoints=_CHAT_ONLY,
    without=frozenset({"seed", "logprobs", "top_logprobs", "logit_bias", "parallel_tool_calls", "reasoning_effort"}),
    usage_option=False,
)
# A server that the app runs itself, where it is not the vendor's own one: app/engines/litserve_chat.py is ours and takes less, and all it takes
# it obeys.
OWN: dict[str, Variant] = {
    "litserve": replace(
        LITSERVE,
        without=(LITSERVE.without - {"seed"})
        | {"tools", "tool_choice", "response_format", "presence_penalty", "frequency_penalty"},
        usage_option=True,
        max_choices=1,
        images=Images.REFUSE,
    ),
}

VARIANTS: dict[str, Variant] = {
    # Any server, when nothing more is known of it: the caller's own name of the token limit goes on, and the flags by which a routes file
    # may say that it takes up a cut answer.
    "openai_compatible": Variant(
        provider="openai",
        takes_identity=True,
        extra=frozenset({"continue_final_message", "add_generation_prompt"}),
    ),
    # openai 3.54 client, 2026-11-24: `max_tokens` is deprecated, and refused by the o series and gpt-5; `max_completion_tokens` works for all.
    "openai": Variant(
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        extra=frozenset(
            {"functions", "function_call", "prediction", "prompt_cache_key", "safety_identifier", "verbosity"}
        ),
        max_tokens="max_completion_tokens",
        knows_developer=True,
        images=Images.VENDOR,
    ),
    "vllm": VLLM,
    # text-generation-inference: ChatRequest in router/src/lib.rs as published, read 2026-11-24; `n`, `user`, `logit_bias` are unused there.
    "tgi": Variant(
        base_url="http://127.0.0.1:3000/v1",
        takes_identity=True,
        endpoints=frozenset({Endpoint.CHAT, Endpoint.COMPLETIONS}),
        max_tokens="max_tokens",
        max_choices=1,
    ),
    "llama_cpp": LLAMA_CPP,
    "litserve": LITSERVE,
    # console.groq.com/docs/openai, read 2026-11-24: logprobs, logit_bias, top_logprobs give 400; n must be 1; no text completions.
    "groq": Variant(
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        endpoints=_CHAT_ONLY,
        extra=frozenset({"reasoning_format", "include_reasoning"}),
        without=frozenset({"logprobs", "top_logprobs", "logit_bias"}),
        max_tokens="max_completion_tokens",
        max_choices=1,
        images=Images.VENDOR,
    ),
    # The rows below come from the vendors' public pages and adapters of others, not from a run (2026-11-24).
    "together": Variant(
        base_url="https://api.together.xyz/v1",
        key_env="TOGETHER_API_KEY",
        extra=_SAMPLING,
        max_tokens="max_tokens",
        usage_option=False,
        images=Images.VENDOR,
    ),
    "huggingface": Variant(
        base_url="https://router.huggingface.co/v1",
        key_env="HF_TOKEN",
        endpoints=_CHAT_ONLY,
        max_tokens="max_tokens",
        images=Images.VENDOR,
    ),
    "deepseek": Variant(
        base_url="https://api.deepseek.com/v1",
        key_env="DEEPSEEK_API_KEY",
        endpoints=_CHAT_ONLY,
        extra=frozenset({"thinking"}),
        max_tokens="max_tokens",
        max_choices=1,
        images=Images.REFUSE,
    ),
    "mistral": Variant(
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        endpoints=frozenset({Endpoint.CHAT, Endpoint.EMBEDDINGS}),
        extra=frozenset({"safe_prompt"}),
        without=frozenset({"logprobs", "top_logprobs", "logit_bias", "user"}),
        renamed={"seed": "random_seed"},
        max_tokens="max_tokens",
        usage_option=False,
        images=Images.VENDOR,
        continuation="prefix",
    ),
    "openrouter": Variant(
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        endpoints=_CHAT_ONLY,
        extra=_SAMPLING | {"top_a", "reasoning", "include_reasoning", "verbosity"},
        caches=True,
        max_tokens="max_tokens",
        images=Images.VENDOR,
    ),
}
