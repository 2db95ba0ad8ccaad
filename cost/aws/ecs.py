"""ECS: tasks on Fargate, instances that ECS manages, what a cluster's insights write. Tasks on one's own instances cost nothing more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from cost.amounts import Amount, exactly, unknown
from cost.inputs import amount_of
from cost.quantity import MANAGED_INSTANCES, Billed, Quantity
from cost.replicas import API_KEYS, GPU_KEYS, ReplicaHours, When, api_replicas, gpu_replicas
from cost.usage import Usage
from plan.aws import SCALABLE_TARGET, SERVICE, SERVICE_READS, TARGET_READS, scaling_of
from plan.inputs import Inputs, NotKnown
from plan.scope import Reads, Scope

TASK = "aws:ecs/taskDefinition:TaskDefinition"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
CLUSTER = "aws:ecs/cluster:Cluster"
DEFAULTS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
_BY_DEFAULT = "defaultCapacityProviderStrategies"
_LAUNCH = "managedInstancesProvider.instanceLaunchTemplate"
_CPU_UNITS = 1024
_MIB = 1024
# capacityOptionType of instances that ECS manages -> in the key, for people, in the SKU.
_CAPACITY = {
    "ON_DEMAND": ("on-demand", "managed instances", "ec2"),
    "SPOT": ("spot", "managed instances (Spot)", "ec2-spot"),
}
# Every Fargate task has this much disk without being asked (aws.amazon.com/fargate/pricing).
_FREE_DISK_GB = 20


def service(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """The tasks of a service on Fargate, always on and scaled out; nothing for tasks on instances."""
    launch = _fargate(resource, scope)
    if not launch:
        return
    task = next(iter(scope.linked(resource, "taskDefinition", TASK)), None)
    low, high = _range(resource, scope)
    running = api_replicas(low, high, usage, resource.name)
    for when, hours in ((When.ALWAYS_ON, running.always), (When.SCALED_OUT, running.scaled)):
        if not hours.is_nothing:
            yield from _task_hours(task, hours, launch, when)
    if resource.flag("networkConfiguration.assignPublicIp"):
        yield Quantity(
            key="tasks-public-ipv4",
            item="tasks' public IPv4",
            skus=("aws:vpc:public-ipv4",),
            unit="address-hour",
            amount=running.always + running.scaled,
        )


def capacity_provider(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Instances that ECS starts and manages itself, as many as the services on them have tasks, and the fee for it."""
    if not resource.has("managedInstancesProvider"):
        return
    types = resource.texts(f"{_LAUNCH}.instanceRequirements.allowedInstanceTypes")
    exact = tuple(each for each in types if "*" not in each)
    running = _managed(resource, scope, usage)
    hours = running.always + running.scaled + running.idling
    option = resource.text(f"{_LAUNCH}.capacityOptionType", "ON_DEMAND")
    kind, shown, rented = _CAPACITY.get(option, _CAPACITY["ON_DEMAND"])
    chosen = hours if len(exact) == len(types) and types else unknown("ECS chooses the instance type")
    detail = " or ".join(types)
    yield Quantity(
        key=f"{MANAGED_INSTANCES}.{kind}",
        item=shown,
        skus=tuple(f"aws:{rented}:{each}" for each in exact),
        unit="instance-hour",
        amount=chosen,
        detail=detail,
    )
    yield Quantity(
        key="management-fee",
        item="management fee",
        skus=tuple(f"aws:ecs-managed:{each}" for each in exact),
        unit="instance-hour",
        amount=chosen,
        detail=detail,
    )
    size = amount_of(resource, f"{_LAUNCH}.storageConfiguration.storageSizeGib", 0)
    if not size.is_nothing:
        yield Quantity(key="disks", item="disks", skus=("aws:ebs:gp3",), unit="GB-month", amount=size * hours / 730)


def cluster(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """What the app itself publishes as metrics, what insights add, and data that tasks send to another zone."""
    peers = len(scope.of(CLUSTER))
    yield Quantity(
        key="custom-metrics",
        item="custom metrics",
        skus=("aws:cloudwatch:metric",),
        unit="metric-month",
        amount=usage.share("custom_metrics", resource.name, peers),
    )
    yield Quantity(
        key="data-between-zones",
        item="data between zones",
        skus=("aws:transfer:between-zones",),
        unit="GB",
        amount=usage.share("between_zones_gb", resource.name, peers) * 2,
        note="billed in both directions",
    )
    for setting in resource.each("settings"):
        value = setting.text("value")
        if setting.text("name") == "containerInsights" and value != "disabled":
            sku = "aws:cloudwatch:insights-enhanced" if value == "enhanced" else "aws:cloudwatch:metric"
            amount = unknown("how many metrics Container Insights writes depends on the tasks")
            yield Quantity(
                key="container-insights",
                item="Container Insights",
                skus=(sku,),
                unit="metric-month",
                amount=amount,
                detail=value,
            )


_RANGE: Reads = {
    SERVICE: ("capacityProviderStrategies", "cluster", "desiredCount", "launchType", *SERVICE_READS),
    SCALABLE_TARGET: ("maxCapacity", "minCapacity", *TARGET_READS),
    CLUSTER: (),
    DEFAULTS: ("clusterName", _BY_DEFAULT, f"{_BY_DEFAULT}[].capacityProvider"),
}

BILLED: Mapping[str, Billed] = {
    SERVICE: Billed(
        handler=service,
        reads={
            **_RANGE,
            SERVICE: (
                *_RANGE[SERVICE],
                "capacityProviderStrategies[].capacityProvider",
                "networkConfiguration.assignPublicIp",
            ),
            TASK: ("cpu", "ephemeralStorage.sizeInGib", "memory", "runtimePlatform.cpuArchitecture"),
        },
        usage_keys=API_KEYS,
    ),
    PROVIDER: Billed(
        handler=capacity_provider,
        reads={
            **_RANGE,
            PROVIDER: (
                "managedInstancesProvider",
                f"{_LAUNCH}.capacityOptionType",
                f"{_LAUNCH}.instanceRequirements.allowedInstanceTypes",
                f"{_LAUNCH}.storageConfiguration.storageSizeGib",
            ),
        },
        usage_keys=GPU_KEYS,
    ),
    CLUSTER: Billed(
        handler=cluster,
        reads={CLUSTER: ("settings", "settings[].name", "settings[].value")},
        usage_keys=("custom_metrics", "between_zones_gb"),
    ),
}


def _fargate(resource: Inputs, scope: Scope) -> str:
    """`fargate`, `fargate-spot`, or nothing when the tasks run on instances. Raises NotKnown."""
    strategies = [each.text("capacityProvider") for each in resource.each("capacityProviderStrategies")]
    if not strategies and not resource.has("launchType"):
        defaults = _of_its_cluster(resource, scope)
        strategies = [each.text("capacityProvider") for one in defaults for each in one.each(_BY_DEFAULT)]
    if "FARGATE_SPOT" in strategies:
        return "fargate-spot"
    if "FARGATE" in strategies or resource.text("launchType") == "FARGATE":
        return "fargate"
    return ""


def _of_its_cluster(resource: Inputs, scope: Scope) -> tuple[Inputs, ...]:
    """What says where a service runs that does not say it itself: the default strategy of its cluster, else its own instances.

    Raises NotKnown where the cluster is not one of this stack.
    """
    clusters = scope.linked(resource, "cluster", CLUSTER)
    found = tuple(each for cluster in clusters for each in scope.referring(cluster, DEFAULTS))
    if found or clusters:
        return found
    called = resource.text("cluster", "default").rpartition("/")[2]
    found = tuple(each for each in scope.of(DEFAULTS) if each.shown("clusterName", "") == called)
    if not found:
        raise NotKnown("it runs where its cluster's default strategy says, and that is not in this stack")
    return found


def _range(resource: Inputs, scope: Scope) -> tuple[Amount, Amount]:
    """The fewest and the most tasks: what scaling allows, else what is wanted."""
    scaled = scaling_of(resource, scope)
    if scaled:
        return amount_of(scaled, "minCapacity"), amount_of(scaled, "maxCapacity")
    wanted = amount_of(resource, "desiredCount", 0)
    return wanted, wanted


def _managed(resource: Inputs, scope: Scope, usage: Usage) -> ReplicaHours:
    services = [each for each in scope.of(SERVICE) if _runs_on(each, resource, scope)]
    ranges = [_range(each, scope) for each in services]
    low = sum((each[0] for each in ranges), exactly(0))
    high = sum((each[1] for each in ranges), exactly(0))
    return gpu_replicas(low, high, usage, resource.name)


def _runs_on(service: Inputs, provider: Inputs, scope: Scope) -> bool:
    """Whether a service names a capacity provider, or leaves the choice to its cluster, whose default names it."""
    urn = provider.resource.urn
    if service.resource.refers_to(urn):
        return True
    defaults = [each for each in scope.of(DEFAULTS) if urn in each.resource.links.get(_BY_DEFAULT, ())]
    if not defaults or service.has("launchType") or service.has("capacityProviderStrategies"):
        return False
    return any(each in defaults for each in _of_its_cluster(service, scope))


def _task_hours(task: Inputs | None, hours: Amount, launch: str, when: When) -> Iterator[Quantity]:
    """vCPU, memory and disk of a task for so many hours."""
    if task is None:
        why = "its task definition is not in this stack"
        yield Quantity(
            key=f"tasks.{when}",
            item=f"tasks, {when.words}",
            skus=("aws:ecs:fargate-vcpu-linux-x86",),
            unit="vCPU-hour",
            amount=unknown(why),
        )
        return
    arm = task.text("runtimePlatform.cpuArchitecture", "X86_64") == "ARM64"
    machine = "linux-arm" if arm else "linux-x86"
    cpu, memory = amount_of(task, "cpu") / _CPU_UNITS, amount_of(task, "memory") / _MIB
    yield Quantity(
        key=f"task-vcpu.{when}",
        item=f"tasks' vCPU, {when.words}",
        skus=(f"aws:ecs:{launch}-vcpu-{machine}",),
        unit="vCPU-hour",
        amount=cpu * hours,
        detail=_each(cpu, "vCPU"),
    )
    yield Quantity(
        key=f"task-memory.{when}",
        item=f"tasks' memory, {when.words}",
        skus=(f"aws:ecs:{launch}-gb-{machine}",),
        unit="GB-hour",
        amount=memory * hours,
        detail=_each(memory, "GB"),
    )
    disk = (amount_of(task, "ephemeralStorage.sizeInGib", _FREE_DISK_GB) - exactly(_FREE_DISK_GB)).at_least(0)
    if not disk.is_nothing:
        yield Quantity(
            key=f"task-disk.{when}",
            item=f"tasks' disk, {when.words}",
            skus=("aws:ecs:fargate-ephemeral-storage",),
            unit="GB-hour",
            amount=disk * hours,
            detail="above 20 GB",
        )


def _each(size: Amount, unit: str) -> str:
    return f"{Decimal(size.expected).normalize():f} {unit} each" if size.expected is not None else ""
