"""What a stack comes to at its upper bound: which services bound which machines, at on-demand prices, and how scaling is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cost.aws import ecs
from cost.aws.ecs import BILLED
from plan.resource import Resource
from plan.scope import Scope
from plan.tokens import UNKNOWN
from policies.aws.scaling import least_tasks, most_tasks
from policies.check import Scene
from policies.coverage import reads_of
from policies.judging import outcome_of
from policies.rule import ADVICE, ALWAYS, TOLD_IN_DEV, Level
from policies.rules import rule_of
from tests.policies.aws.capacity import GPU_TASK, GROUP, PROVIDER, SERVICE, TARGET, TEMPLATE
from tests.policies.plans import context, planned, the_stack, urn

# An instance of type g6.xlarge in us-east-1 costs 0.8048 USD an hour, 588 USD a month.
_G6_USD = 588
_MANAGED = {"managedScaling": {"status": "ENABLED", "targetCapacity": 100}}


def machines(most: int, name: str = "machines", **policy: Any) -> list[Resource]:
    """An Auto Scaling group of g6.xlarge, with its launch template."""
    template = planned(TEMPLATE, name, instanceType="g6.xlarge")
    links = {"launchTemplate": template.urn, "mixedInstancesPolicy": template.urn}
    return [template, planned(GROUP, name, links, minSize=0, maxSize=most, **policy)]


def engine(most: int, name: str = "engine", group: str = "machines", **provider: Any) -> list[Resource]:
    """A service that scales up to so many tasks on a group, with the provider between them."""
    between = planned(
        PROVIDER,
        name,
        {"autoScalingGroupProvider": urn(GROUP, group)},
        autoScalingGroupProvider={**_MANAGED, **provider},
    )
    links = {"taskDefinition": GPU_TASK.urn, "capacityProviderStrategies": between.urn}
    service = planned(SERVICE, name, links, name=name, capacityProviderStrategies=[{"capacityProvider": UNKNOWN}])
    target = planned(TARGET, name, {"resourceId": service.urn}, maxCapacity=most, minCapacity=0)
    return [between, service, target]


def at_most(*resources: Resource, usd: int) -> tuple[str, ...]:
    """What the cap on dollars says of a stack of these."""
    rule, stack = rule_of("monthly-cost-cap"), the_stack()
    assert rule is not None
    planned_ = {each.urn: each for each in (stack, GPU_TASK, *resources)}
    outcome = outcome_of(rule, stack, context(limits={"monthlyUsd": usd}), planned_)
    return outcome.violations


def refuses_above(count: int, *resources: Resource) -> bool:
    """Whether the stack comes to just so many machines."""
    fits = at_most(*resources, usd=count * _G6_USD + 50)
    return not fits and bool(at_most(*resources, usd=count * _G6_USD - 50))


def test_the_services_on_a_group_bound_it_and_those_elsewhere_do_not() -> None:
    """One task on one group leaves another group as large as it may be."""
    assert refuses_above(1, *machines(40), *engine(1))
    assert refuses_above(3, *machines(40), *engine(1), *engine(2, "second"))
    assert refuses_above(40, *machines(40))
    assert refuses_above(41, *machines(40, "batch"), *machines(40), *engine(1))


def test_a_service_that_may_come_to_run_there_counts_too() -> None:
    """One without a strategy of its own runs where the cluster says, one on Fargate never there, a daemon on what is there."""
    floating = planned(SERVICE, "floating", {"taskDefinition": GPU_TASK.urn}, name="floating", desiredCount=2)
    on_fargate = replace(floating, inputs={**floating.inputs, "launchType": "FARGATE"})
    daemon = replace(floating, inputs={**floating.inputs, "schedulingStrategy": "DAEMON"})

    assert refuses_above(3, *machines(40), *engine(1), floating)
    assert refuses_above(1, *machines(40), *engine(1), daemon)
    assert refuses_above(40, *machines(40), floating)
    assert not at_most(*machines(40), *engine(1), on_fargate, usd=_G6_USD + 1500)


@pytest.mark.parametrize(
    "scaling",
    [None, {"status": "DISABLED"}, {"status": "ENABLED", "targetCapacity": 50}],
    ids=str,
)
def test_a_group_that_does_not_follow_its_tasks_may_be_full(scaling: dict[str, Any] | None) -> None:
    """Then somebody else says how many instances there are, or ECS keeps some to spare."""
    assert refuses_above(40, *machines(40), *engine(1, managedScaling=scaling))


def test_spot_is_counted_at_the_price_of_on_demand() -> None:
    """A Spot price may come up to it; so a cap that only Spot keeps is not kept."""
    spot: dict[str, Any] = {
        "mixedInstancesPolicy": {"instancesDistribution": {"onDemandPercentageAboveBaseCapacity": 0}}
    }

    assert refuses_above(2, *machines(2, **spot))


def test_spot_instances_that_ecs_manages_are_counted_at_the_price_of_on_demand() -> None:
    """As those of a group."""
    launch = {"capacityOptionType": "SPOT", "instanceRequirements": {"allowedInstanceTypes": ["g6.xlarge"]}}
    provider = planned(PROVIDER, "managed", managedInstancesProvider={"instanceLaunchTemplate": launch})
    links = {"taskDefinition": GPU_TASK.urn, "capacityProviderStrategies": provider.urn}
    service = planned(SERVICE, "app", links, name="app", desiredCount=2)

    assert at_most(provider, service, usd=2 * _G6_USD - 50)
    assert not at_most(provider, service, usd=2 * _G6_USD + 150)  # the management fee is on top


@pytest.mark.parametrize(("maximum", "fits"), [(2, True), (1, False)])
def test_headroom_counts_the_tasks_that_fit_on_an_instance(maximum: int, fits: bool) -> None:
    """Four tasks with a GPU each need one instance with four, so blue beside green needs two of them."""
    rule = rule_of("blue-green-headroom")
    assert rule is not None
    provider, service, target = engine(8)
    service = replace(service, inputs={**service.inputs, "deploymentConfiguration": {"strategy": "CANARY"}})
    target = replace(target, inputs={**target.inputs, "minCapacity": 4})
    overrides = {"launchTemplate": {"overrides": [{"instanceType": "g6.12xlarge"}]}}
    _, group = machines(maximum, mixedInstancesPolicy=overrides)
    planned_ = {each.urn: each for each in (provider, service, target, group, GPU_TASK)}

    assert (outcome_of(rule, group, context(), planned_).violations == ()) is fits


@pytest.mark.parametrize("environment", ["prod", "quality", "production"])
def test_what_no_table_knows_is_as_strict_in_an_environment_that_nobody_knows(environment: str) -> None:
    """Only dev and staging are let off."""
    assert ALWAYS.of_uncovered(environment) is Level.MANDATORY
    assert TOLD_IN_DEV.of_uncovered("staging") is Level.ADVISORY
    assert ADVICE.of_uncovered(environment) is Level.ADVISORY


_SERVICE = planned(SERVICE, "app", name="app", desiredCount=7)
_OTHER = planned(SERVICE, "other", name="other", desiredCount=7)
_BOUNDS: dict[str, Any] = {"minCapacity": 2, "maxCapacity": 5}


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (planned(TARGET, "t", {"resourceId": _SERVICE.urn}, resourceId=UNKNOWN, **_BOUNDS), (2, 5)),
        (planned(TARGET, "t", resourceId="service/cluster/app", **_BOUNDS), (2, 5)),
        (planned(TARGET, "t", {"resourceId": "urn:cluster"}, resourceId="service/cluster/app", **_BOUNDS), (2, 5)),
        (planned(TARGET, "t", {"resourceId": _OTHER.urn}, resourceId="service/cluster/app", **_BOUNDS), (7, 7)),
        (planned(TARGET, "t", resourceId="service/cluster/another-app", **_BOUNDS), (7, 7)),
        (
            planned(
                TARGET, "t", {"resourceId": "urn:table"}, resourceId=UNKNOWN, serviceNamespace="dynamodb", **_BOUNDS
            ),
            (7, 7),
        ),
    ],
    ids=["refers", "by name", "by name, refers to its cluster", "another's", "another name", "a table's"],
)
def test_prices_and_rules_find_one_scaling(target: Resource, found: tuple[int, int]) -> None:
    """By the reference, else by the name; what refers to another service is that one's."""
    resources = {each.urn: each for each in (_SERVICE, _OTHER, target)}
    rule = rule_of("monthly-cost-cap")
    least = rule_of("always-on-in-prod")
    assert rule is not None
    assert least is not None
    most_scene, least_scene = (
        Scene(context=context(), rule=each, scope=Scope(resources=resources, reader="a test", reads=reads_of(each)))
        for each in (rule, least)
    )
    billed = Scope(resources=resources, reader="a test", reads=BILLED[SERVICE].reads, completed=True)

    by_rules = (
        least_tasks(least_scene.scope.sees(_SERVICE), least_scene),
        most_tasks(most_scene.scope.sees(_SERVICE), most_scene),
    )
    by_prices = ecs._range(billed.sees(_SERVICE), billed)

    assert by_rules == found
    assert [each.expected for each in by_prices] == list(found)


def test_a_bound_that_is_not_known_hides_no_cost_that_is_certain() -> None:
    """What runs in any case may be above the cap already; where it is not, nobody can tell."""
    rule, stack = rule_of("monthly-cost-cap"), the_stack()
    assert rule is not None
    provider, service, target = engine(1)
    target = replace(target, inputs={**target.inputs, "maxCapacity": UNKNOWN})
    template, group = machines(40)
    always_on = replace(group, inputs={**group.inputs, "minSize": 3})

    for one, is_certain in ((always_on, True), (group, False)):
        planned_ = {each.urn: each for each in (stack, GPU_TASK, provider, service, target, template, one)}
        outcome = outcome_of(rule, stack, context(limits={"monthlyUsd": 2 * _G6_USD}), planned_)
        assert (bool(outcome.violations), bool(outcome.undecided)) == (is_certain, not is_certain)
