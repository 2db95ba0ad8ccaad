"""EC2: instances of an Auto Scaling group, their disks, its warm pool, single instances, reserved capacity."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from cost.amounts import HOURS_PER_MONTH, NOTHING, Amount, exactly, unknown
from cost.inputs import Inputs, NotKnownYet
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.replicas import always, gpu_replicas
from cost.usage import Usage

GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_HOUR = "instance-hour"
_SPOT_NOTE = "a Spot price moves; the usage file can state one"
_BLUE_GREEN = "while blue and green run side by side, up to twice the replicas are billed"
# What gp3 has without being asked (aws.amazon.com/ebs/pricing).
_FREE_IOPS = 3000
_FREE_MIBPS = 125


def group(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """What the group may run from its minimum to its maximum, split between on-demand and Spot, with a disk for each."""
    inputs = resource.inputs
    low, high = inputs.amount("minSize", 0), inputs.amount("maxSize", 0)
    running = gpu_replicas(low, high, usage, resource.name)
    template = side.linked(resource, "launchTemplate", TEMPLATE) or side.linked(
        resource, "mixedInstancesPolicy", TEMPLATE
    )
    types = _types(inputs, template)
    base, share = _on_demand(inputs)
    for when, hours, covered in (
        ("always on", running.always, always(base)),
        ("scaled out", running.scaled, NOTHING),
        ("loading and idle", running.idling, NOTHING),
    ):
        above = (hours - covered).at_least(0)
        on_demand, spot = hours - above * (1 - share), above * (1 - share)
        for kind, part, note in (("", on_demand, _BLUE_GREEN), (" (Spot)", spot, _SPOT_NOTE)):
            if not part.is_nothing:
                skus = tuple(f"aws:ec2{'-spot' * bool(kind)}:{each}" for each in types)
                item = f"instances{kind}, {when}"
                yield Quantity(item=item, skus=skus, unit=_HOUR, amount=part, detail=" or ".join(types), note=note)
    yield from _disks(template, running.always, "always on")
    yield from _disks(template, running.scaled + running.idling, "scaled out")
    yield from _warm_pool(inputs, types, template)


def instance(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """One instance that never stops, with its root disk."""
    kind = resource.inputs.text("instanceType")
    hours = always(exactly(1))
    yield Quantity(
        item="instance",
        skus=(f"aws:ec2:{kind}",) if kind else (),
        unit=_HOUR,
        amount=hours if kind else unknown("instanceType is not set"),
        detail=kind,
    )
    if resource.inputs.has("rootBlockDevice"):
        size = resource.inputs.amount("rootBlockDevice.volumeSize")
        volume = resource.inputs.text("rootBlockDevice.volumeType", "gp2")
        yield Quantity(item="root disk", skus=(f"aws:ebs:{volume}",), unit="GB-month", amount=size, detail=volume)
    else:
        yield _unknown_disk("always on")


def capacity_reservation(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Reserved capacity is billed whether or not anything runs in it."""
    kind = resource.inputs.text("instanceType")
    yield Quantity(
        item="reserved capacity",
        skus=(f"aws:ec2:{kind}",),
        unit=_HOUR,
        amount=always(resource.inputs.amount("instanceCount")),
        detail=kind,
        note="instances that run in the reservation are counted with their group too: the sum is too high by them",
    )


def volume(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A disk on its own."""
    kind = resource.inputs.text("type", "gp2")
    yield Quantity(
        item="disk", skus=(f"aws:ebs:{kind}",), unit="GB-month", amount=resource.inputs.amount("size"), detail=kind
    )


TYPES: dict[str, Handler] = {
    GROUP: group,
    "aws:ec2/instance:Instance": instance,
    "aws:ec2/capacityReservation:CapacityReservation": capacity_reservation,
    "aws:ebs/volume:Volume": volume,
}


def _types(inputs: Inputs, template: Resource | None) -> tuple[str, ...]:
    """The instance types that the group may start, the wanted one first; empty when the cloud is to choose."""
    overrides = inputs.each("mixedInstancesPolicy.launchTemplate.overrides")
    listed = tuple(dict.fromkeys(each.text("instanceType") for each in overrides if each.has("instanceType")))
    if listed or overrides:
        return listed
    own = template.inputs.text("instanceType") if template else ""
    return (own,) if own else ()


def _on_demand(inputs: Inputs) -> tuple[Amount, Decimal]:
    """How many instances are on-demand in any case, and the share of those above the minimum. Raises NotKnownYet."""
    distribution = "mixedInstancesPolicy.instancesDistribution"
    if not inputs.has(distribution):
        return NOTHING, Decimal(1)
    percent = inputs.amount(f"{distribution}.onDemandPercentageAboveBaseCapacity", 100)
    if percent.expected is None:
        raise NotKnownYet(percent.why)
    return inputs.amount(f"{distribution}.onDemandBaseCapacity", 0), percent.expected / 100


def _disks(template: Resource | None, hours: Amount, when: str) -> Iterator[Quantity]:
    if hours.is_nothing:
        return
    mappings = template.inputs.each("blockDeviceMappings") if template else ()
    if not any(each.has("ebs") for each in mappings):
        yield _unknown_disk(when)
        return
    for mapping in mappings:
        if mapping.has("ebs"):
            yield from _disk(mapping, hours / HOURS_PER_MONTH, when)


def _disk(mapping: Inputs, months: Amount, when: str) -> Iterator[Quantity]:
    kind = mapping.text("ebs.volumeType", "gp2")
    size = mapping.amount("ebs.volumeSize")
    yield Quantity(
        item=f"root disks, {when}",
        skus=(f"aws:ebs:{kind}",),
        unit="GB-month",
        amount=size * months,
        detail=f"{size.expected} GB {kind}" if size.expected is not None else kind,
    )
    if kind != "gp3":
        return
    for item, path, free, sku, unit in (
        ("disk throughput", "ebs.throughput", _FREE_MIBPS, "gp3-throughput", "MiBps-month"),
        ("disk operations", "ebs.iops", _FREE_IOPS, "gp3-iops", "IOPS-month"),
    ):
        above = (mapping.amount(path, free) - exactly(free)).at_least(0)
        if not above.is_nothing:
            yield Quantity(item=f"{item}, {when}", skus=(f"aws:ebs:{sku}",), unit=unit, amount=above * months)


def _unknown_disk(when: str) -> Quantity:
    why = "the size of the root disk is the machine image's"
    return Quantity(item=f"root disks, {when}", skus=("aws:ebs:gp3",), unit="GB-month", amount=unknown(why))


def _warm_pool(inputs: Inputs, types: tuple[str, ...], template: Resource | None) -> Iterator[Quantity]:
    """Stopped instances cost their disks, running ones themselves too."""
    if not inputs.has("warmPool"):
        return
    hours = always(inputs.amount("warmPool.minSize", 0))
    if inputs.text("warmPool.poolState", "Stopped") == "Running":
        yield Quantity(
            item="warm pool, running",
            skus=tuple(f"aws:ec2:{each}" for each in types),
            unit=_HOUR,
            amount=hours,
            detail=" or ".join(types),
        )
    yield from _disks(template, hours, "warm pool")
