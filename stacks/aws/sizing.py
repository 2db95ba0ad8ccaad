"""Which instances the engine runs on, how many at most, and what one replica takes of them. Decided from config alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from catalog.gpu import AWS, MEMORY_GIB, Fit, Instance, fit, instances
from stacks.aws.config import CapacityKind, EcsConfig
from stacks.aws.versions import EngineVersion
from stacks.config import ConfigError, EngineKind
from stacks.targets import nearest

# An operating system, the ECS agent and the NVIDIA driver take their part of an instance's memory.
_USABLE_MEMORY = 0.85
_COLLECTOR_MIB = 256
# Beyond the weights, which pass through the page cache while they are loaded.
_HOST_ROOM_GIB = 4
_DEFAULT_TYPES = 3
_PARALLEL = (1, 2, 4, 8)
# Tensor-parallel workers talk through shared memory; one alone needs little.
_SHARED_MIB = {1: 2048}
_SHARED_MIB_PARALLEL = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """`max_instances` holds the engine twice, blue beside green. Memory in MiB of one replica's container."""

    instances: tuple[Instance, ...]
    gpus_per_replica: int
    max_instances: int
    min_instances: int
    memory_mib: int
    shared_memory_mib: int

    @property
    def types(self) -> list[str]:
        return [each.name for each in self.instances]


def sizing_of(config: EcsConfig, version: EngineVersion) -> Sizing:
    """The engine's size. Raises ConfigError for what does not fit, is not known or is not allowed."""
    _refuse_gpu(config)
    _refuse_misfit(config, version)
    chosen = _chosen(config, version)
    _refuse_contradictions(config)
    per_instance = min(each.gpus // config.gpu.count for each in chosen)
    most = math.ceil(2 * config.scaling.max / per_instance)
    _refuse_above_quota(config, most, max(each.gpus for each in chosen))
    return Sizing(
        instances=chosen,
        gpus_per_replica=config.gpu.count,
        max_instances=most,
        min_instances=math.ceil(config.scaling.min / per_instance),
        memory_mib=min(_memory_mib(each, config.gpu.count) for each in chosen),
        shared_memory_mib=_SHARED_MIB.get(config.gpu.count, _SHARED_MIB_PARALLEL),
    )


def _memory_mib(instance: Instance, gpus: int) -> int:
    return int(instance.memory_gib * 1024 * _USABLE_MEMORY / (instance.gpus // gpus)) - _COLLECTOR_MIB


def _refuse_gpu(config: EcsConfig) -> None:
    kinds = {each.kind for each in AWS.values()}
    if config.gpu.kind not in kinds:
        known = sorted(kinds)
        raise ConfigError(
            f"trimaran:gpu.kind '{config.gpu.kind}' is not to be had on AWS. Known kinds: {', '.join(known)}."
            f"{nearest(config.gpu.kind, known)}",
            f"./trimaran pulumi config set --path trimaran:gpu.kind L4 --stack {config.stack}",
        )
    if config.gpu.count not in _PARALLEL:
        raise ConfigError(
            f"trimaran:gpu.count is {config.gpu.count}; a model is split over 1, 2, 4 or 8 GPUs.",
            f"./trimaran pulumi config set --path trimaran:gpu.count 1 --stack {config.stack}",
        )
    if config.gpu.count > 1 and config.engine.kind is EngineKind.LITSERVE:
        raise ConfigError(
            f"trimaran:gpu.count is {config.gpu.count}, and trimaran:engine.kind litserve loads a whole model onto each GPU.",
            f"./trimaran pulumi config set --path trimaran:gpu.count 1 --stack {config.stack}",
        )


def _refuse_misfit(config: EcsConfig, version: EngineVersion) -> None:
    def fit_on(kind: str, count: int) -> Fit:
        concurrency = config.scaling.concurrency
        return fit(version.served, kind, count, context_tokens=version.context_tokens, concurrency=concurrency)

    def is_enough(kind: str, count: int) -> bool:
        return fit_on(kind, count).fits and bool(instances(kind, count))

    shown = fit_on(config.gpu.kind, config.gpu.count)
    if shown.fits:
        return
    kinds = [f"gpu.kind {kind}" for kind in MEMORY_GIB if is_enough(kind, config.gpu.count)]
    counts = [f"gpu.count {count}" for count in _PARALLEL if is_enough(config.gpu.kind, count)]
    remedies = [*kinds, *counts, "scaling.concurrency 4"]
    raise ConfigError(
        f"{version.model} does not fit {config.gpu.count} × {config.gpu.kind} with {version.context_tokens} tokens of"
        f" context and {config.scaling.concurrency} requests at a time: {shown.sentence}.",
        f"./trimaran pulumi config set --path trimaran:{remedies[0]} --stack {config.stack}",
    )


def _chosen(config: EcsConfig, version: EngineVersion) -> tuple[Instance, ...]:
    listed = config.capacity.instance_types
    if not listed:
        least_gib = float(version.served.weights_gib) + _HOST_ROOM_GIB
        roomy = [each for each in _with_gpus(config) if each.memory_gib >= least_gib]
        return tuple(roomy[:_DEFAULT_TYPES])
    for each in listed:
        known = AWS.get(each)
        if known is None:
            why = f"is not an instance type with a GPU that catalog/gpu.py knows.{nearest(each, AWS)}"
        elif known.kind != config.gpu.kind:
            why = f"has {known.kind}, and trimaran:gpu.kind is {config.gpu.kind}."
        elif known.gpus % config.gpu.count:
            why = f"has {known.gpus} GPU, and one replica takes {config.gpu.count}."
        else:
            continue
        example = _with_gpus(config)[0].name
        raise ConfigError(
            f"trimaran:capacity.instanceTypes: '{each}' {why}",
            f"./trimaran pulumi config set --path 'trimaran:capacity.instanceTypes[{listed.index(each)}]' {example}"
            f" --stack {config.stack}",
        )
    return tuple(AWS[each] for each in listed)


def _with_gpus(config: EcsConfig) -> tuple[Instance, ...]:
    """Instances with as many GPUs as a replica takes, or, where there are none, with more."""
    exact = instances(config.gpu.kind, config.gpu.count)
    return exact or tuple(
        each for each in AWS.values() if each.kind == config.gpu.kind and each.gpus % config.gpu.count == 0
    )


def _refuse_contradictions(config: EcsConfig) -> None:
    capacity = config.capacity
    managed, spot = capacity.kind is CapacityKind.MANAGED, config.gpu.spot
    for is_wrong, key, sentence in (
        (spot and capacity.warm_pool, "capacity.warmPool", "warmPool keeps instances ready, and Spot ones cannot be kept"),
        (spot and capacity.reservations, "capacity.reservations", "reservations are for on-demand instances, not for Spot"),
        (not spot and capacity.on_demand_base, "capacity.onDemandBase", "onDemandBase says how many are not Spot, and none is"),
        (managed and capacity.warm_pool, "capacity.warmPool", "warmPool belongs to a group, and ECS manages these instances"),
        (managed and capacity.ami, "capacity.ami", "ami belongs to a group, and ECS chooses the image of these instances"),
    ):  # fmt: skip
        if is_wrong:
            raise ConfigError(
                f"trimaran:{key}: {sentence}.",
                f"./trimaran pulumi config rm --path trimaran:{key} --stack {config.stack}",
            )


def _refuse_above_quota(config: EcsConfig, most: int, gpus: int) -> None:
    quota = config.limits.gpu_quota
    if quota is not None and most * gpus > quota:
        raise ConfigError(
            f"trimaran:scaling.max {config.scaling.max} can need {most * gpus} GPUs while blue and green run side by side;"
            f" trimaran:limits.gpuQuota is {quota}.",
            f"ask AWS for a higher quota and set it, or: ./trimaran pulumi config set --path trimaran:scaling.max"
            f" {max(1, config.scaling.max * quota // (most * gpus))} --stack {config.stack}",
        )
