"""GPUs, the AWS instances that carry them, and whether a model fits. Facts, each with its source and date.

Memory is what a program can use, below the marketing figure: an L4 of "24 GB" has 22.5 GiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from catalog.models import GIB, ServedModel

# nvidia-smi's total memory (MiB / 1024) as published in drivers' and vLLM's logs in public issue threads, read 2026-11-24.
MEMORY_GIB: dict[str, Decimal] = {
    "T4": Decimal("15.0"),
    "A10G": Decimal("22.5"),
    "L4": Decimal("22.5"),
    "L40S": Decimal("45.0"),
    "A100": Decimal("40.0"),
    "A100-80GB": Decimal("80.0"),
    "H100": Decimal("79.6"),
    "H200": Decimal("140.4"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance type: its vCPUs, its own memory in GiB, and how many GPUs of one kind it has."""

    name: str
    vcpu: int
    memory_gib: int
    gpus: int
    kind: str


def _sizes(family: str, kind: str, *sizes: tuple[str, int, int, int]) -> dict[str, Instance]:
    return {
        f"{family}.{size}": Instance(name=f"{family}.{size}", vcpu=vcpu, memory_gib=memory, gpus=gpus, kind=kind)
        for size, vcpu, memory, gpus in sizes
    }


# aws.amazon.com/ec2/instance-types (g4dn, g5, g6, g6e, p4, p5), checked 2026-11-24. Smallest first.
AWS: dict[str, Instance] = {
    **_sizes(
        "g4dn",
        "T4",
        ("xlarge", 4, 16, 1),
        ("2xlarge", 8, 32, 1),
        ("4xlarge", 16, 64, 1),
        ("8xlarge", 32, 128, 1),
        ("16xlarge", 64, 256, 1),
        ("12xlarge", 48, 192, 4),
    ),
    **{
        name: instance
        for family, kind, memory in (("g5", "A10G", 16), ("g6", "L4", 16), ("g6e", "L40S", 32))
        for name, instance in _sizes(
            family,
            kind,
            ("xlarge", 4, memory, 1),
            ("2xlarge", 8, memory * 2, 1),
            ("4xlarge", 16, memory * 4, 1),
            ("8xlarge", 32, memory * 8, 1),
            ("16xlarge", 64, memory * 16, 1),
            ("12xlarge", 48, memory * 12, 4),
            ("24xlarge", 96, memory * 24, 4),
            ("48xlarge", 192, memory * 48, 8),
        ).items()
    },
    **_sizes("p4d", "A100", ("24xlarge", 96, 1152, 8)),
    **_sizes("p4de", "A100-80GB", ("24xlarge", 96, 1152, 8)),
    **_sizes("p5", "H100", ("4xlarge", 16, 256, 1), ("48xlarge", 192, 2048, 8)),
    **_sizes("p5en", "H200", ("48xlarge", 192, 2048, 8)),
}


def instances(kind: str, gpus: int) -> tuple[Instance, ...]:
    """The AWS instance types with exactly so many GPUs of a kind, smallest first."""
    return tuple(each for each in AWS.values() if each.kind == kind and each.gpus == gpus)


# vLLM's default share of a GPU (--gpu-memory-utilization), and what CUDA, graphs and activations take of it (practice: 1 to 3 GiB).
USABLE_SHARE = Decimal("0.9")
OVERHEAD_GIB = Decimal("2.0")
# What a request holds in the cache on average while one of them uses the whole context: prompt and answer of a chat turn.
TYPICAL_TOKENS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a model fits, in GiB over all GPUs of one replica: `weights + cache + overhead <= usable`."""

    weights_gib: Decimal
    cache_gib: Decimal
    overhead_gib: Decimal
    usable_gib: Decimal

    @property
    def fits(self) -> bool:
        return self.weights_gib + self.cache_gib + self.overhead_gib <= self.usable_gib

    @property
    def sentence(self) -> str:
        """The arithmetic in words."""
        needed = self.weights_gib + self.cache_gib + self.overhead_gib
        return (
            f"weights {self.weights_gib:.1f} + KV cache {self.cache_gib:.1f} + overhead {self.overhead_gib:.1f}"
            f" = {needed:.1f} GiB, and {self.usable_gib:.1f} GiB can be used"
        )


def fit(model: ServedModel, gpu: str, gpus: int, *, context_tokens: int, concurrency: int) -> Fit:
    """Whether so many GPUs of a kind hold the model, one request as long as the context and the others of a usual length."""
    tokens = context_tokens + (concurrency - 1) * TYPICAL_TOKENS
    return Fit(
        weights_gib=model.weights_gib,
        cache_gib=tokens * model.kv_bytes_per_token / GIB,
        overhead_gib=OVERHEAD_GIB * gpus,
        usable_gib=MEMORY_GIB[gpu] * USABLE_SHARE * gpus,
    )
