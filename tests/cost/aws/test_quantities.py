"""How AWS bills what scales, shares, sleeps and wakes: what is more than a row of `rows.py`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cost.amounts import Case, State
from cost.estimate import estimate
from cost.usage import Profile, Usage
from tests.cost.made import lines, usd
from tests.plan.made import NOT_KNOWN, created, state, urn

GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
TARGET = "aws:appautoscaling/target:Target"
HOURS = Decimal(730)


def expect(**profile: Any) -> Usage:
    """A usage file with one expected month."""
    return Usage(expected=Profile(**profile))


def gpu_group(template: dict[str, Any] | None = None, **group: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A group of instances and its launch template, linked as on a first preview."""
    disk = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100, "volumeType": "gp3"}}
    made = state(TEMPLATE, **(template or {"instanceType": "g6.xlarge", "blockDeviceMappings": [disk]}))
    links = {"launchTemplate": [made["urn"]]}
    return made, state(GROUP, links=links, launchTemplate={"id": NOT_KNOWN}, **group)


def test_an_amount_for_the_whole_stack_is_shared_by_alike_resources() -> None:
    """Two log groups do not write everything twice; one that has its own figure keeps it."""
    groups = [state("aws:cloudwatch/logGroup:LogGroup", name, retentionInDays=30) for name in ("a", "b")]
    usage = Usage(expected=Profile(log_gb=Decimal(20)), resources={"b": Profile(log_gb=Decimal(5))})
    ingestion = {
        line.name: usd(line) for line in estimate(created(*groups), usage).lines if line.key == "log-ingestion"
    }

    assert ingestion == {"a": Decimal("5"), "b": Decimal("2.5")}


def test_a_group_that_may_be_empty_is_open_up_to_its_maximum() -> None:
    """Scale to zero is not zero dollars: it is from nothing to the maximum all month."""
    line = lines(*gpu_group(minSize=0, maxSize=4))["instances.scaled-out"]

    assert line.state is State.USAGE_DEPENDENT
    assert [line.usd("after", case) for case in Case] == [0, None, Decimal("0.8048") * 4 * HOURS]
    assert "busy_hours_per_day" in line.reasons[0]


def test_the_idle_tail_and_the_loading_of_each_wake_are_billed() -> None:
    """Busy seconds alone would be too little: 3 wakes a day of 300 s idling and 300 s loading are half an hour."""
    month = expect(busy_hours_per_day=8, replicas="1.5", wakes_per_day=3, idle_timeout_s=300, wake_s=300)
    found = lines(*gpu_group(minSize=0, maxSize=4), usage=month)

    days = HOURS / 24
    assert usd(found["instances.scaled-out"]) == (Decimal("0.8048") * 12 * days).quantize(Decimal("0.000001"))
    assert usd(found["instances.loading-and-idle"]) == (Decimal("0.8048") * days / 2).quantize(Decimal("0.000001"))
    assert usd(found["root-disks.scaled-out"]) == (Decimal(8) * Decimal("12.5") * days / HOURS).quantize(
        Decimal("0.000001")
    )


def test_no_more_than_the_maximum_is_billed() -> None:
    """A profile that asks for more replicas than there may be gets the maximum."""
    month = expect(busy_hours_per_day=24, replicas=9, wakes_per_day=0)

    line = lines(*gpu_group(minSize=0, maxSize=2), usage=month)["instances.scaled-out"]

    assert usd(line) == Decimal("0.8048") * 2 * HOURS


def test_the_minimum_is_always_on() -> None:
    """It is billed whatever the usage, with its disk."""
    found = lines(*gpu_group(minSize=2, maxSize=2))

    assert usd(found["instances.always-on"]) == Decimal("0.8048") * 2 * HOURS
    assert usd(found["root-disks.always-on"]) == Decimal("0.08") * 100 * 2
    assert "instances.scaled-out" not in found


def test_a_list_of_types_is_priced_at_the_first_and_bounded_by_the_dearest() -> None:
    """The cloud takes what it has: the wanted type is expected, the dearest one the high case."""
    overrides = [{"instanceType": each} for each in ("g6.xlarge", "g6e.xlarge", "g5.xlarge")]
    template, group = gpu_group(minSize=1, maxSize=1)
    group["inputs"].pop("launchTemplate")
    group["inputs"]["mixedInstancesPolicy"] = {"launchTemplate": {"overrides": overrides}}
    group["propertyDependencies"] = {"mixedInstancesPolicy": [template["urn"]]}

    line = lines(template, group)["instances.always-on"]

    assert [line.usd("after", case) for case in Case] == [
        Decimal("0.8048") * HOURS,
        Decimal("0.8048") * HOURS,
        Decimal("1.861") * HOURS,
    ]


def test_spot_above_an_on_demand_base() -> None:
    """The base is on-demand; the rest is Spot, whose price the catalogue does not know: unknown, not free."""
    policy = {"instancesDistribution": {"onDemandBaseCapacity": 1, "onDemandPercentageAboveBaseCapacity": 0}}
    found = lines(*gpu_group(minSize=3, maxSize=3, mixedInstancesPolicy=policy))

    assert usd(found["instances.always-on"]) == Decimal("0.8048") * HOURS
    spot = found["spot-instances.always-on"]
    assert spot.state is State.UNKNOWN
    assert "no rate for aws:ec2-spot:g6.xlarge in us-east-1" in spot.reasons


def test_faster_disks_cost_more() -> None:
    """Only what is above what gp3 has anyway."""
    disk = {"ebs": {"volumeSize": 100, "volumeType": "gp3", "throughput": 500, "iops": 4000}}
    template = {"instanceType": "g6.xlarge", "blockDeviceMappings": [disk]}
    found = lines(*gpu_group(template, minSize=1, maxSize=1))

    assert usd(found["disk-throughput.always-on"]) == Decimal("0.04") * 375
    assert usd(found["disk-operations.always-on"]) == Decimal("0.005") * 1000


def test_a_disk_that_the_image_decides_is_unknown() -> None:
    """No mapping in the launch template: its size is the machine image's."""
    found = lines(*gpu_group({"instanceType": "g6.xlarge"}, minSize=1, maxSize=1))

    assert found["root-disks.always-on"].state is State.UNKNOWN


@pytest.mark.parametrize(
    ("pool", "keys"),
    [
        ({"minSize": 2, "poolState": "Stopped"}, {"root-disks.warm-pool"}),
        ({"minSize": 2, "poolState": "Running"}, {"root-disks.warm-pool", "warm-pool"}),
    ],
)
def test_a_warm_pool_costs_its_disks_and_running_also_itself(pool: dict[str, Any], keys: set[str]) -> None:
    """Stopped is not free."""
    found = lines(*gpu_group(minSize=0, maxSize=2, warmPool=pool))

    assert {key for key in found if "warm-pool" in key} == keys
    assert usd(found["root-disks.warm-pool"]) == Decimal("0.08") * 100 * 2


def fargate(**service: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Fargate service of 1 vCPU and 2 GB tasks."""
    task = state(TASK, "task", cpu="1024", memory="2048")
    links = {"taskDefinition": [task["urn"]]}
    return task, state(SERVICE, "api", links=links, **{"launchType": "FARGATE", "desiredCount": 2, **service})


def test_fargate_tasks_are_always_on() -> None:
    """ECS writes sizes as texts of CPU units and MiB."""
    found = lines(*fargate())

    assert usd(found["task-vcpu.always-on"]) == Decimal("0.04048") * 2 * HOURS
    assert usd(found["task-memory.always-on"]) == Decimal("0.004445") * 4 * HOURS


def test_scaling_of_a_service_is_found_by_its_name() -> None:
    """The target names the service in a text; without usage the minimum is billed and the rest is open."""
    target = state(TARGET, resourceId="service/cluster/api", minCapacity=1, maxCapacity=3)
    found = lines(*fargate(name="api"), target)

    assert usd(found["task-vcpu.always-on"]) == Decimal("0.04048") * HOURS
    assert found["task-vcpu.scaled-out"].usd("after", Case.HIGH) == Decimal("0.04048") * 2 * HOURS
    assert usd(lines(*fargate(name="api"), target, usage=expect(api_replicas=2))["task-vcpu.scaled-out"]) == (
        Decimal("0.04048") * HOURS
    )


def test_tasks_with_public_addresses_pay_for_them() -> None:
    """One address a task."""
    found = lines(*fargate(networkConfiguration={"assignPublicIp": True}))

    assert usd(found["tasks-public-ipv4"]) == Decimal("0.005") * 2 * HOURS


def test_a_service_on_instances_costs_nothing_more() -> None:
    """The instances are billed with their group."""
    strategies = [{"capacityProvider": "gpu", "weight": 1}]

    assert not lines(*fargate(launchType=None, capacityProviderStrategies=strategies))


CLUSTER = "aws:ecs/cluster:Cluster"
DEFAULTS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"


def by_default(*providers: str, linked: bool = True) -> list[dict[str, Any]]:
    """A service that does not say where it runs, its cluster, and what that says."""
    task, service = fargate(launchType=None, cluster=NOT_KNOWN if linked else "main")
    cluster = state(CLUSTER, "main", name="main")
    strategies = [{"capacityProvider": each} for each in providers]
    defaults = state(DEFAULTS, "main", clusterName="main", defaultCapacityProviderStrategies=strategies)
    if linked:
        service["propertyDependencies"]["cluster"] = [cluster["urn"]]
        defaults["propertyDependencies"]["clusterName"] = [cluster["urn"]]
    return [task, service, *([cluster] if linked else []), *([defaults] if providers else [])]


@pytest.mark.parametrize("linked", [True, False])
def test_a_service_that_leaves_it_to_its_cluster_runs_where_that_says(linked: bool) -> None:
    """By reference, or by the cluster's name."""
    assert usd(lines(*by_default("FARGATE", linked=linked))["task-vcpu.always-on"]) == Decimal("0.04048") * 2 * HOURS
    assert "task-vcpu.always-on" not in lines(*by_default("gpu", linked=linked))


def test_a_cluster_without_a_default_runs_tasks_on_instances() -> None:
    """As AWS does; where the cluster is another stack's, nobody can tell, and that is no zero."""
    task, elsewhere = fargate(launchType=None)

    assert not [line for line in lines(*by_default()).values() if line.name == "api"]
    assert [line.state for line in lines(task, elsewhere).values()] == [State.UNKNOWN]


def test_managed_instances_by_the_clusters_default_are_as_many_as_its_services_need() -> None:
    """Though no service names their provider."""
    launch = {"instanceRequirements": {"allowedInstanceTypes": ["g6.xlarge"]}}
    provider = state(
        "aws:ecs/capacityProvider:CapacityProvider", "gpu", managedInstancesProvider={"instanceLaunchTemplate": launch}
    )
    task, service, cluster, defaults = by_default("gpu")
    defaults["propertyDependencies"]["defaultCapacityProviderStrategies"] = [provider["urn"]]

    found = lines(task, service, cluster, defaults, provider)

    assert usd(found["managed-instances.on-demand"]) == Decimal("0.8048") * 2 * HOURS


_FAST = {"volumeSize": 100, "volumeType": "gp3", "throughput": 500, "iops": 4000}
_DISK_USD = {"disk": Decimal(8), "disk-throughput": Decimal("0.04") * 375, "disk-operations": Decimal("0.005") * 1000}


def test_an_instances_disks_are_all_billed() -> None:
    """The root with what it does above what gp3 has anyway, and each that is attached."""
    instance = state(
        "aws:ec2/instance:Instance",
        instanceType="g6.xlarge",
        rootBlockDevice=_FAST,
        ebsBlockDevices=[_FAST, {"volumeSize": 10}],
    )
    found = lines(instance)

    assert usd(found["root-disk"]) == _DISK_USD["disk"]
    assert usd(found["disk"]) == _DISK_USD["disk"] + Decimal("0.1") * 10
    assert usd(found["disk-throughput"]) == 2 * _DISK_USD["disk-throughput"]
    assert usd(found["disk-operations"]) == 2 * _DISK_USD["disk-operations"]


def test_an_attached_disk_without_a_size_is_unknown_and_volumes_of_their_own_are_not_billed_twice() -> None:
    """Outputs list these among an instance's disks."""
    small: dict[str, Any] = {"instanceType": "g6.xlarge", "rootBlockDevice": {"volumeSize": 8, "volumeType": "gp3"}}
    unsized = state("aws:ec2/instance:Instance", ebsBlockDevices=[{"deviceName": "/dev/sdb"}], **small)
    attached = state("aws:ec2/instance:Instance", outputs={"ebsBlockDevices": [_FAST]}, **small)

    assert lines(unsized)["disk"].state is State.UNKNOWN
    assert set(lines(attached)) == {"instance", "root-disk"}


def test_a_volume_that_is_faster_than_gp3_is_anyway_costs_more() -> None:
    """And one that is not has one line."""
    fast = lines(state("aws:ebs/volume:Volume", size=100, type="gp3", throughput=500, iops=4000))
    usual = lines(state("aws:ebs/volume:Volume", size=100, type="gp3", throughput=125, iops=3000))

    assert {key: usd(line) for key, line in fast.items()} == _DISK_USD
    assert set(usual) == {"disk"}


def test_a_size_that_is_not_known_yet_makes_its_line_unknown() -> None:
    """Only that line: the memory is still priced."""
    task, service = fargate()
    task["inputs"]["cpu"] = NOT_KNOWN
    found = lines(task, service)

    assert found["task-vcpu.always-on"].state is State.UNKNOWN
    assert found["task-vcpu.always-on"].reasons == ("cpu is not known before the first `up`",)
    assert found["task-memory.always-on"].state is State.PRICED


def test_a_choice_that_is_not_known_yet_makes_the_resource_unknown() -> None:
    """Whether it is Fargate decides everything."""
    found = lines(*fargate(launchType=NOT_KNOWN))

    assert [line.state for line in found.values()] == [State.UNKNOWN]


def test_managed_instances_cost_instances_and_a_fee_without_a_rate() -> None:
    """The fee is not in the catalogue: unknown, so that nobody takes the sum for the whole."""
    launch = {"instanceRequirements": {"allowedInstanceTypes": ["g6.xlarge"]}}
    provider = state(
        "aws:ecs/capacityProvider:CapacityProvider", managedInstancesProvider={"instanceLaunchTemplate": launch}
    )
    service = state(
        SERVICE,
        "engine",
        links={"capacityProviderStrategies": [provider["urn"]]},
        capacityProviderStrategies=[{"capacityProvider": "managed"}],
        desiredCount=1,
    )
    found = lines(provider, service)

    assert usd(found["managed-instances.on-demand"]) == Decimal("0.8048") * HOURS
    assert found["management-fee"].state is State.UNKNOWN


def test_a_gateway_endpoint_and_a_standard_parameter_are_free() -> None:
    """They have a line only where they cost something."""
    assert not lines(state("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Gateway"))
    assert not lines(state("aws:ssm/parameter:Parameter", value="[secret]"))


def test_a_region_without_rates_is_unknown() -> None:
    """The rate of another region is not used, but named."""
    line = lines(state("aws:ec2/natGateway:NatGateway"), region="ap-south-2")["nat-gateway"]

    assert line.state is State.UNKNOWN
    assert line.reasons == ("no rate for aws:vpc:nat-gateway in ap-south-2; it is known in eu-west-1, us-east-1",)


def test_a_type_that_nobody_has_declared_is_unknown() -> None:
    """A new kind of resource never slips through as free."""
    line = lines(state("aws:new/thing:Thing"))["everything"]

    assert line.state is State.UNKNOWN
    assert line.urn == urn("aws:new/thing:Thing", "one")


def test_only_public_load_balancers_share_what_goes_to_the_internet() -> None:
    """One inside the network sends nothing there; units they share all."""
    outside, inside = (
        state("aws:lb/loadBalancer:LoadBalancer", name, internal=name == "inside", subnets=["a"])
        for name in ("out", "inside")
    )
    found = estimate(created(outside, inside), expect(internet_gb=100, alb_lcus=2)).lines

    assert {line.name: usd(line) for line in found if line.key == "data-to-the-internet"} == {"out": Decimal(9)}
    units = [usd(line) for line in found if line.key == "load-balancer-units"]
    assert units == [Decimal("0.008") * HOURS] * 2


def test_keys_and_their_replicas_share_the_requests() -> None:
    """A key of another kind is asked for none of its own."""
    found = estimate(
        created(state("aws:kms/key:Key", "a"), state("aws:kms/replicaKey:ReplicaKey", "b")), expect(kms_requests=20000)
    )

    assert [usd(line) for line in found.lines if line.key == "key-requests"] == [Decimal("0.03")] * 2


def test_an_alarm_whose_period_is_not_known_has_no_price() -> None:
    """It may be the dearer kind; where another of its metrics certainly is, the whole alarm is."""
    alarm = "aws:cloudwatch/metricAlarm:MetricAlarm"
    quick, later = ({"metric": {"period": each}} for each in (10, NOT_KNOWN))

    assert lines(state(alarm, period=NOT_KNOWN))["alarms"].state is State.UNKNOWN
    assert lines(state(alarm, metricQueries=[later]))["alarms"].state is State.UNKNOWN
    assert lines(state(alarm, metricQueries=[later, quick]))["alarms"].state is State.PRICED
    assert lines(state(alarm, period=60))["alarms"].state is State.PRICED
