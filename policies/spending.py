"""What a stack as a whole spends and where: regions, a budget, the cost at its upper bound. What differs by cloud, its folder says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from catalog.clouds import cloud_of_type, known_as
from plan.document import Preview
from plan.inputs import Inputs, NotKnown, some
from plan.resource import ENGINE, Resource
from plan.scope import Reads
from policies.check import NotCovered, Scene, in_turn, together

if TYPE_CHECKING:
    from cost.lines import Estimate

# More than any bound allows.
_AS_MANY_AS_FIT = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How a cloud's type of budget is read: whether it tells anybody of costs, and its limit in dollars a month."""

    notifies: Callable[[Inputs], bool]
    limit_usd: Callable[[Inputs], Decimal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What the rules about money ask of a cloud.

    `scales` are its types that grow with the load, `budgets` those that warn. `dearest` gives, by type, the inputs with what
    may be cheaper for a while taken out. `most_replicas` gives, by the name of what rents machines, the most replicas of each
    service that may run there; none where nothing says so and it may be as full as it can.
    `leads_to` gives, by type, the regions besides its own in which a resource lets something happen.
    `budget_reads`, `replica_reads` and `lead_reads` are the inputs that they may read, by type.
    """

    scales: tuple[str, ...]
    budgets: Mapping[str, Budget]
    dearest: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]
    most_replicas: Callable[[Scene], Iterator[tuple[str, Sequence[int]]]]
    budget_reads: Reads = field(default_factory=dict)
    replica_reads: Reads = field(default_factory=dict)
    leads_to: Mapping[str, Callable[[Inputs, Scene], Iterable[str]]] = field(default_factory=dict)
    lead_reads: Reads = field(default_factory=dict)


def lacking_tags(given: Mapping[str, str], scene: Scene) -> Iterator[str]:
    """A sentence that names the tags, or labels, that are wanted and not given, in any spelling."""
    folded = {_folded(key): value for key, value in given.items()}
    missing = [each for each in scene.context.allowed.tags if not folded.get(_folded(each))]
    if missing:
        yield f"it lacks the tag{'s' * (len(missing) > 1)} {', '.join(missing)}."


def _folded(key: str) -> str:
    name = key.lower().replace("-", "").replace("_", "")
    return "environment" if name == "env" else name


def regions(clouds: Sequence[Spending]) -> Callable[[Inputs, Scene], Iterator[str]]:
    """Judges whether everything is where the config allows it, and leads nowhere else."""
    leads = {type_: lead for each in clouds for type_, lead in each.leads_to.items()}

    def judge(_: Inputs, scene: Scene) -> Iterator[str]:
        allowed = scene.context.limits.regions
        scene.context.limits.check_read("regions")
        if allowed is None:
            return
        going = [(one, lead) for type_, lead in leads.items() for one in scene.of(type_)]
        yield from together(
            in_turn(going, lambda each: _leads_out(each[0], each[1](each[0], scene), allowed)), _outside(scene, allowed)
        )

    return judge


def _leads_out(one: Inputs, regions: Iterable[str], allowed: Sequence[str]) -> Iterator[str]:
    outside = [each for each in regions if each not in allowed]
    if outside:
        yield f"{one.name} may answer in {', '.join(outside)}; trimaran:limits.regions allows {', '.join(allowed)}."


def _outside(scene: Scene, allowed: Sequence[str]) -> Iterator[str]:
    """Each region that is not allowed, with what would be there."""
    everything = [each for each in scene.everything if each.type.partition(":")[0] not in ENGINE]
    seen: dict[str, list[Resource]] = {}
    for each in sorted(everything, key=lambda each: each.name):
        cloud = cloud_of_type(each.type)
        if cloud and cloud.region_keys:
            seen.setdefault(each.region, []).append(each)
    for region, resources in seen.items():
        if region and region not in allowed:
            count = f" and {len(resources) - 1} more" if len(resources) > 1 else ""
            yield f"{resources[0].name}{count} would be in {region}; trimaran:limits.regions allows {', '.join(allowed)}."
    strangers = [each.name for each in everything if cloud_of_type(each.type) is None]
    if strangers:
        raise NotCovered(f"no row of catalog/clouds.py says where {', '.join(strangers)} would be")
    if "" in seen:
        cloud = cloud_of_type(seen[""][0].type)
        keys = " nor ".join(cloud.region_keys) if cloud else ""
        raise NotKnown(
            f"the region of {seen[''][0].name} is not known: it, its provider or {keys} does not say it, or not before `up`"
        )


def budget(clouds: Sequence[Spending]) -> Callable[[Inputs, Scene], Iterator[str]]:
    """Judges whether a stack that scales on any of these clouds has a budget that tells somebody."""

    def judge(_: Inputs, scene: Scene) -> Iterator[str]:
        if not any(scene.of(type_) for each in clouds for type_ in each.scales):
            return
        there = [(one, kind) for each in clouds for type_, kind in each.budgets.items() for one in scene.of(type_)]
        yield from together(_told(there), in_turn(there, lambda each: _warns_in_time(*each, scene)))

    return judge


def _told(budgets: Sequence[tuple[Inputs, Budget]]) -> Iterator[str]:
    if not some(budgets, lambda each: each[1].notifies(each[0])):
        yield "it has no budget of costs that notifies anybody." if budgets else "it has no budget."


def _warns_in_time(one: Inputs, kind: Budget, scene: Scene) -> Iterator[str]:
    cap, limit = scene.context.limits.monthly_usd, kind.limit_usd(one)
    scene.context.limits.check_read("monthlyUsd")
    if cap is not None and limit is not None and limit > cap:
        shown = f"{limit.quantize(Decimal('0.01')).normalize():f}"
        yield f"{one.name} warns only at {shown} USD a month; trimaran:limits.monthlyUsd is {cap}."


def cost_cap(clouds: Sequence[Spending]) -> Callable[[Inputs, Scene], Iterator[str]]:
    """Judges what a stack costs when every replica that is allowed runs all month."""

    def judge(_: Inputs, scene: Scene) -> Iterator[str]:
        cap = scene.context.limits.monthly_usd
        scene.context.limits.check_read("monthlyUsd")
        if cap is None:
            return
        # Only here: the cost model brings pydantic with it, and a stack without a cap needs neither.
        from cost.amounts import Case
        from cost.families import is_known

        open_: NotKnown | None = None
        try:
            replicas, bounds = _AS_MANY_AS_FIT, _most_replicas(scene, clouds)
        except NotKnown as reason:  # then what runs in any case may be too much already
            replicas, bounds, open_ = 0, {}, reason
        estimate = _with_replicas(replicas, bounds, scene, clouds)
        most = estimate.total("after")
        if most.usd > cap:
            dearest = max(estimate.lines, key=lambda line: line.usd("after", Case.EXPECTED) or Decimal(0))
            yield (
                f"if every replica that is allowed runs all month it costs {'at least ' * (most.at_least or open_ is not None)}{most.usd:,.0f} USD, "
                f"most of it {dearest.name} ({dearest.item}); trimaran:limits.monthlyUsd is {cap}."
            )
            return
        if open_:
            raise open_
        strangers = dict.fromkeys(line.type for line in estimate.unknown if not is_known(line.type))
        if strangers:
            raise NotCovered(f"no family in cost/ says what {', '.join(strangers)} costs")
        if estimate.unknown:
            first = estimate.unknown[0]
            raise NotKnown(f"what {first.name} costs is not known ({first.item})")

    return judge


def _with_replicas(replicas: int, bounds: Mapping[str, Decimal], scene: Scene, clouds: Sequence[Spending]) -> Estimate:
    """The estimate of what the stack will be with so many replicas awake all month, where its `bounds` allow them."""
    from cost.estimate import estimate_of
    from cost.usage import Profile, Usage

    dearest = {type_: change for each in clouds for type_, change in each.dearest.items()}
    after = {
        each.urn: replace(each, inputs=dearest.get(known_as(each.type), _unchanged)(each.inputs))
        for each in scene.everything
    }
    preview = Preview(stack=scene.context.stack, config=scene.context.config, components={}, before={}, after=after)
    count = Decimal(replicas)
    awake = Profile(replicas=count, busy_hours_per_day=Decimal(24), wakes_per_day=Decimal(0), api_replicas=count)
    bounded = {name: Profile(replicas=most) for name, most in bounds.items()}
    return estimate_of(preview, Usage(expected=awake, resources=bounded))


def _unchanged(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return inputs


def _most_replicas(scene: Scene, clouds: Sequence[Spending]) -> dict[str, Decimal]:
    """The most replicas on each thing that rents machines, by its name."""
    most: dict[str, int] = {}
    for name, counts in (each for cloud in clouds for each in cloud.most_replicas(scene)):
        # While a promotion runs there is a second engine, which replaces the first or goes again.
        bound = (max(counts) if scene.context.promoting else sum(counts)) if counts else _AS_MANY_AS_FIT
        most[name] = max(most.get(name, 0), bound)
    return {name: Decimal(count) for name, count in most.items()}
