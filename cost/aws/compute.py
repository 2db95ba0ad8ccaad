"""EC2: instances of an Auto Scaling group, their disks, its warm pool, single instances, reserved capacity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from cost.amounts import HOURS_PER_MONTH, NOTHING, Amount, exactly, unknown
from cost.inputs import amount_of
from cost.quantity import INSTANCES, Billed, Quantity
from cost.replicas import GPU_KEYS, When, always, gpu_replicas
from cost.usage import Usage
from plan.inputs import Inputs, NotKnown
from plan.scope import Scope

GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"
VOLUME = "aws:ebs/volume:Volume"
_HOUR = "instance-hour"
_SPOT_NOTE = "a Spot price moves; the usage file can state one"
_BLUE_GREEN = "while blue and green run side by side, up to twice the replicas are billed"
# What gp3 has without being asked (aws.amazon.com/ebs/pricing).
_FREE_IOPS = 3000
_FREE_MIBPS = 125
_DISTRIBUTION = "mixedInstancesPolicy.instancesDistribution"
_OVERRIDES = "mixedInstancesPolicy.launchTemplate.overrides"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paths:
    """Where a type says what a disk is."""

    size: str = "volumeSize"
    kind: str = "volumeType"
    iops: str = "iops"
    throughput: str = "throughput"

    @classmethod
    def in_block(cls, block: str) -> _Paths:
        """As a block of a resource says it."""
        each = cls()
        return cls(**{name: f"{block}.{getattr(each, name)}" for name in ("size", "kind", "iops", "throughput")})

    @property
    def all(self) -> tuple[str, ...]:
        """Each of them, as it is declared."""
        return self.size, self.kind, self.iops, self.throughput


_ALL_MONTH = exactly(1)
_MAPPED = _Paths.in_block("ebs")
_ROOT = _Paths.in_block("rootBlockDevice")


def group(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """What the group may run from its minimum to its maximum, split between on-demand and Spot, with a disk for each."""
    low, high = amount_of(resource, "minSize", 0), amount_of(resource, "maxSize", 0)
    running = gpu_replicas(low, high, usage, resource.name)
    template = next(
        (
            each
            for link in ("launchTemplate", "mixedInstancesPolicy")
            for each in scope.linked(resource, link, TEMPLATE)
        ),
        None,
    )
    types = _types(resource, template)
    base, share = _on_demand(resource)
    for when, hours, covered in (
        (When.ALWAYS_ON, running.always, always(base)),
        (When.SCALED_OUT, running.scaled, NOTHING),
        (When.LOADING_AND_IDLE, running.idling, NOTHING),
    ):
        above = (hours - covered).at_least(0)
        yield from _instances(types, when, hours - above * (1 - share))
        yield from _spot_instances(types, when, above * (1 - share))
    yield from _disks(template, running.always, When.ALWAYS_ON)
    yield from _disks(template, running.scaled + running.idling, When.SCALED_OUT)
    yield from _warm_pool(resource, types, template)


def instance(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """One instance that never stops, with its root disk and those that are attached to it."""
    kind = resource.text("instanceType")
    hours = always(exactly(1))
    yield Quantity(
        key="instance",
        item="instance",
        skus=(f"aws:ec2:{kind}",) if kind else (),
        unit=_HOUR,
        amount=hours if kind else unknown("instanceType is not set"),
        detail=kind,
    )
    if resource.has("rootBlockDevice"):
        yield from _disk(resource, _ROOT, "root-disk", "root disk")
    else:
        yield _unknown_disk(When.ALWAYS_ON)
    # Outputs list volumes too that are resources of their own, so only what the program attaches here counts.
    for disk in replace(resource, fallback={}).each("ebsBlockDevices"):
        yield from _disk(disk, _Paths(), "disk", "further disks")


def capacity_reservation(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Reserved capacity is billed whether or not anything runs in it."""
    kind = resource.text("instanceType")
    yield Quantity(
        key="reserved-capacity",
        item="reserved capacity",
        skus=(f"aws:ec2:{kind}",),
        unit=_HOUR,
        amount=always(amount_of(resource, "instanceCount")),
        detail=kind,
        note="instances that run in the reservation are counted with their group too: the sum is too high by them",
    )


def volume(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A disk on its own."""
    yield from _disk(resource, _Paths(size="size", kind="type"), "disk", "disk")


BILLED: Mapping[str, Billed] = {
    GROUP: Billed(
        handler=group,
        reads={
            GROUP: (
                "maxSize",
                "minSize",
                _DISTRIBUTION,
                f"{_DISTRIBUTION}.onDemandBaseCapacity",
                f"{_DISTRIBUTION}.onDemandPercentageAboveBaseCapacity",
                _OVERRIDES,
                f"{_OVERRIDES}[].instanceType",
                "warmPool",
                "warmPool.minSize",
                "warmPool.poolState",
            ),
            TEMPLATE: (
                "blockDeviceMappings",
                "blockDeviceMappings[].ebs",
                *(f"blockDeviceMappings[].{each}" for each in _MAPPED.all),
                "instanceType",
            ),
        },
        usage_keys=GPU_KEYS,
    ),
    INSTANCE: Billed(
        handler=instance,
        reads={
            INSTANCE: (
                "instanceType",
                "rootBlockDevice",
                *_ROOT.all,
                "ebsBlockDevices",
                *(f"ebsBlockDevices[].{each}" for each in _Paths().all),
            )
        },
    ),
    RESERVATION: Billed(handler=capacity_reservation, reads={RESERVATION: ("instanceCount", "instanceType")}),
    VOLUME: Billed(handler=volume, reads={VOLUME: ("iops", "size", "throughput", "type")}),
}


def _instances(types: tuple[str, ...], when: When, hours: Amount) -> Iterator[Quantity]:
    if not hours.is_nothing:
        yield Quantity(
            key=f"{INSTANCES}.{when}",
            item=f"instances, {when.words}",
            skus=tuple(f"aws:ec2:{each}" for each in types),
            unit=_HOUR,
            amount=hours,
            detail=" or ".join(types),
            note=_BLUE_GREEN,
        )


def _spot_instances(types: tuple[str, ...], when: When, hours: Amount) -> Iterator[Quantity]:
    if not hours.is_nothing:
        yield Quantity(
            key=f"spot-instances.{when}",
            item=f"instances (Spot), {when.words}",
            skus=tuple(f"aws:ec2-spot:{each}" for each in types),
            unit=_HOUR,
            amount=hours,
            detail=" or ".join(types),
            note=_SPOT_NOTE,
        )


def _types(group: Inputs, template: Inputs | None) -> tuple[str, ...]:
    """The instance types that the group may start, the wanted one first; empty when the cloud is to choose."""
    overrides = group.each(_OVERRIDES)
    listed = tuple(dict.fromkeys(each.text("instanceType") for each in overrides if each.has("instanceType")))
    if listed or overrides:
        return listed
    own = template.text("instanceType") if template else ""
    return (own,) if own else ()


def _on_demand(group: Inputs) -> tuple[Amount, Decimal]:
    """How many instances are on-demand in any case, and the share of those above the minimum. Raises NotKnown."""
    if not group.has(_DISTRIBUTION):
        return NOTHING, Decimal(1)
    percent = amount_of(group, f"{_DISTRIBUTION}.onDemandPercentageAboveBaseCapacity", 100)
    if percent.expected is None:
        raise NotKnown(percent.why)
    return amount_of(group, f"{_DISTRIBUTION}.onDemandBaseCapacity", 0), percent.expected / 100


def _disks(template: Inputs | None, hours: Amount, when: When) -> Iterator[Quantity]:
    if hours.is_nothing:
        return
    mappings = template.each("blockDeviceMappings") if template else ()
    if not any(each.has("ebs") for each in mappings):
        yield _unknown_disk(when)
        return
    for mapping in mappings:
        if mapping.has("ebs"):
            months = hours / HOURS_PER_MONTH
            yield from _disk(mapping, _MAPPED, "root-disks", "root disks", months, f".{when}", f", {when.words}")


def _disk(
    holder: Inputs, paths: _Paths, key: str, item: str, months: Amount = _ALL_MONTH, when: str = "", shown: str = ""
) -> Iterator[Quantity]:
    """A disk by its size and, where it is of type gp3, by what it does above what that has anyway."""
    kind = holder.text(paths.kind, "gp2")
    size = amount_of(holder, paths.size)
    yield Quantity(
        key=f"{key}{when}",
        item=f"{item}{shown}",
        skus=(f"aws:ebs:{kind}",),
        unit="GB-month",
        amount=size * months,
        detail=f"{size.expected} GB {kind}" if size.expected is not None else kind,
    )
    if kind != "gp3":
        return
    for what, path, free, sku, unit in (
        ("throughput", paths.throughput, _FREE_MIBPS, "gp3-throughput", "MiBps-month"),
        ("operations", paths.iops, _FREE_IOPS, "gp3-iops", "IOPS-month"),
    ):
        above = (amount_of(holder, path, free) - exactly(free)).at_least(0)
        if not above.is_nothing:
            yield Quantity(
                key=f"disk-{what}{when}",
                item=f"disk {what}{shown}",
                skus=(f"aws:ebs:{sku}",),
                unit=unit,
                amount=above * months,
            )


def _unknown_disk(when: When) -> Quantity:
    why = "the size of the root disk is the machine image's"
    return Quantity(
        key=f"root-disks.{when}",
        item=f"root disks, {when.words}",
        skus=("aws:ebs:gp3",),
        unit="GB-month",
        amount=unknown(why),
    )


def _warm_pool(group: Inputs, types: tuple[str, ...], template: Inputs | None) -> Iterator[Quantity]:
    """Stopped instances cost their disks, running ones themselves too."""
    if not group.has("warmPool"):
        return
    hours = always(amount_of(group, "warmPool.minSize", 0))
    if group.text("warmPool.poolState", "Stopped") == "Running":
        yield Quantity(
            key="warm-pool",
            item="warm pool, running",
            skus=tuple(f"aws:ec2:{each}" for each in types),
            unit=_HOUR,
            amount=hours,
            detail=" or ".join(types),
        )
    yield from _disks(template, hours, When.WARM_POOL)
