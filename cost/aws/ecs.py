"""ECS: tasks on Fargate, instances that ECS manages, what a cluster's insights write. Tasks on one's own instances cost nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from cost.amounts import Amount, exactly, unknown
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.replicas import Running, api_replicas, gpu_replicas
from cost.usage import Usage

SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
SCALED = "aws:appautoscaling/target:Target"
_CPU_UNITS = 1024
_MIB = 1024
# Every Fargate task has this much disk without being asked (aws.amazon.com/fargate/pricing).
_FREE_DISK_GB = 20


def service(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """The tasks of a service on Fargate, always on and scaled out; nothing for tasks on instances."""
    launch = _fargate(resource, side)
    if not launch:
        return
    task = side.linked(resource, "taskDefinition", TASK)
    low, high = _range(resource, side)
    running = api_replicas(low, high, usage, resource.name)
    for when, hours in (("always on", running.always), ("scaled out", running.scaled)):
        if not hours.is_nothing:
            yield from _task_hours(task, hours, launch, when)
    if resource.inputs.flag("networkConfiguration.assignPublicIp"):
        yield Quantity(
            item="tasks' public IPv4",
            skus=("aws:vpc:public-ipv4",),
            unit="address-hour",
            amount=running.always + running.scaled,
        )


def capacity_provider(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Instances that ECS starts and manages itself, as many as the services on them have tasks, and the fee for it."""
    if not resource.inputs.has("managedInstancesProvider"):
        return
    launch = "managedInstancesProvider.instanceLaunchTemplate"
    types = resource.inputs.texts(f"{launch}.instanceRequirements.allowedInstanceTypes")
    exact = tuple(each for each in types if "*" not in each)
    running = _managed(resource, side, usage)
    hours = running.always + running.scaled + running.idling
    spot = resource.inputs.text(f"{launch}.capacityOptionType", "ON_DEMAND") == "SPOT"
    chosen = hours if len(exact) == len(types) and types else unknown("ECS chooses the instance type")
    detail = " or ".join(types)
    yield Quantity(
        item="managed instances" + " (Spot)" * spot,
        skus=tuple(f"aws:ec2{'-spot' * spot}:{each}" for each in exact),
        unit="instance-hour",
        amount=chosen,
        detail=detail,
    )
    yield Quantity(
        item="management fee",
        skus=tuple(f"aws:ecs-managed:{each}" for each in exact),
        unit="instance-hour",
        amount=chosen,
        detail=detail,
    )
    size = resource.inputs.amount(f"{launch}.storageConfiguration.storageSizeGib", 0)
    if not size.is_nothing:
        yield Quantity(item="disks", skus=("aws:ebs:gp3",), unit="GB-month", amount=size * hours / 730)


def cluster(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """What the app itself publishes as metrics, what insights add, and data that tasks send to another zone."""
    yield Quantity(
        item="custom metrics",
        skus=("aws:cloudwatch:metric",),
        unit="metric-month",
        amount=usage.amount("custom_metrics", resource.name),
    )
    yield Quantity(
        item="data between zones",
        skus=("aws:transfer:between-zones",),
        unit="GB",
        amount=usage.amount("between_zones_gb", resource.name) * 2,
        note="billed in both directions",
    )
    for setting in resource.inputs.each("settings"):
        value = setting.text("value")
        if setting.text("name") == "containerInsights" and value != "disabled":
            sku = "aws:cloudwatch:insights-enhanced" if value == "enhanced" else "aws:cloudwatch:metric"
            amount = unknown("how many metrics Container Insights writes depends on the tasks")
            yield Quantity(item="Container Insights", skus=(sku,), unit="metric-month", amount=amount, detail=value)


TYPES: dict[str, Handler] = {SERVICE: service, PROVIDER: capacity_provider, "aws:ecs/cluster:Cluster": cluster}


def _fargate(resource: Resource, side: Side) -> str:
    """`fargate`, `fargate-spot`, or nothing when the tasks run on instances."""
    strategies = [each.text("capacityProvider") for each in resource.inputs.each("capacityProviderStrategies")]
    if "FARGATE_SPOT" in strategies:
        return "fargate-spot"
    if "FARGATE" in strategies or resource.inputs.text("launchType") == "FARGATE":
        return "fargate"
    return ""


def _range(resource: Resource, side: Side) -> tuple[Amount, Amount]:
    """The fewest and the most tasks: what scaling allows, else what is wanted."""
    scaled = _scaled(resource, side)
    if scaled:
        return scaled.inputs.amount("minCapacity"), scaled.inputs.amount("maxCapacity")
    wanted = resource.inputs.amount("desiredCount", 0)
    return wanted, wanted


def _scaled(resource: Resource, side: Side) -> Resource | None:
    """What scales the service: it refers to it, or names it."""
    for target in side.referring(resource, SCALED):
        return target
    name = resource.inputs.text("name") if resource.inputs.has("name") else resource.name
    for target in side.resources.values():
        if target.type == SCALED and target.inputs.text("resourceId", "").endswith(f"/{name}"):
            return target
    return None


def _managed(resource: Resource, side: Side, usage: Usage) -> Running:
    services = side.referring(resource, SERVICE)
    ranges = [_range(each, side) for each in services]
    low = sum((each[0] for each in ranges), exactly(0))
    high = sum((each[1] for each in ranges), exactly(0))
    return gpu_replicas(low, high, usage, resource.name)


def _task_hours(task: Resource | None, hours: Amount, launch: str, when: str) -> Iterator[Quantity]:
    """vCPU, memory and disk of a task for so many hours."""
    if task is None:
        why = "its task definition is not in this stack"
        yield Quantity(
            item=f"tasks, {when}", skus=("aws:ecs:fargate-vcpu-linux-x86",), unit="vCPU-hour", amount=unknown(why)
        )
        return
    arm = task.inputs.text("runtimePlatform.cpuArchitecture", "X86_64") == "ARM64"
    machine = "linux-arm" if arm else "linux-x86"
    cpu, memory = task.inputs.amount("cpu") / _CPU_UNITS, task.inputs.amount("memory") / _MIB
    yield Quantity(
        item=f"tasks' vCPU, {when}",
        skus=(f"aws:ecs:{launch}-vcpu-{machine}",),
        unit="vCPU-hour",
        amount=cpu * hours,
        detail=_each(cpu, "vCPU"),
    )
    yield Quantity(
        item=f"tasks' memory, {when}",
        skus=(f"aws:ecs:{launch}-gb-{machine}",),
        unit="GB-hour",
        amount=memory * hours,
        detail=_each(memory, "GB"),
    )
    disk = (task.inputs.amount("ephemeralStorage.sizeInGib", _FREE_DISK_GB) - exactly(_FREE_DISK_GB)).at_least(0)
    if not disk.is_nothing:
        yield Quantity(
            item=f"tasks' disk, {when}",
            skus=("aws:ecs:fargate-ephemeral-storage",),
            unit="GB-hour",
            amount=disk * hours,
            detail="above 20 GB",
        )


def _each(size: Amount, unit: str) -> str:
    return f"{Decimal(size.expected).normalize():f} {unit} each" if size.expected is not None else ""
