"""How many tokens a second a model makes on a GPU, as somebody published it: dated, and true for the load it was measured with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Output tokens a second of one instance under `load`; `instances` are the types that have this one GPU."""

    model: str
    gpu: str
    instances: tuple[str, ...]
    tokens_per_second: Decimal
    load: str
    source: str
    checked: str


_SIZES = ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")
_L4 = tuple(f"g6.{size}" for size in _SIZES)
_A10G = tuple(f"g5.{size}" for size in _SIZES)

MEASURED: tuple[Throughput, ...] = (
    Throughput(
        model="meta-llama/Meta-Llama-3-8B-Instruct",
        gpu="A10G",
        instances=_A10G,
        tokens_per_second=Decimal("301.19"),
        load="64 requests at a time, 550 tokens in, 150 out, vLLM 0.4.3",
        source="public llmperf results on g5.2xlarge",
        checked="2024",
    ),
    Throughput(
        model="neuralmagic/Llama-3.2-11B-Vision-Instruct-FP8-dynamic",
        gpu="L4",
        instances=_L4,
        tokens_per_second=Decimal("285.25"),
        load="1000 ShareGPT prompts at once, vLLM 0.6.2",
        source="substratusai/kubeai@9c3d77c8: docs/benchmarks/llama-3.2-11b-vision.md",
        checked="2024",
    ),
)


def find(model: str, instance: str) -> Throughput | None:
    """A published measurement of this model on this kind of instance; None where there is none."""
    for each in MEASURED:
        if model.lower() == each.model.lower() and instance in each.instances:
            return each
    return None
