"""What ECS refuses: deployments, Fargate sizes, capacity providers, containers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from providers.rehearsal.clouds.aws.rules.containers import CONTAINERS, TASK, containers
from providers.rehearsal.findings import Seen, Validated, wrong
from providers.rehearsal.rules.contract import CheckedResource, Facts, refuse
from providers.rehearsal.values import items

_SERVICE = "aws:ecs/service:Service"
_CAPACITY = "aws:ecs/capacityProvider:CapacityProvider"
_DEPLOYMENT = "deploymentConfiguration"


def deployment(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A strategy has its own configuration and no other; percentages and times are in range."""
    if resource.token != _SERVICE:
        return
    strategy = resource.get(_DEPLOYMENT, "strategy")
    limits = facts.limits["ecs"]
    for name, owner, share, bake, share_range in (
        ("canaryConfiguration", "CANARY", "canaryPercent", "canaryBakeTimeInMinutes", limits["canary_percent"]),
        ("linearConfiguration", "LINEAR", "stepPercent", "stepBakeTimeInMinutes", limits["linear_percent"]),
    ):
        place = resource.place(_DEPLOYMENT, name)
        given = resource.get(_DEPLOYMENT, name)
        if strategy == owner and given is None:
            yield refuse(place, f"is missing; strategy {owner} requires it.")
        if given is not None and strategy not in (owner, None):
            yield refuse(place, f"is set, but the strategy is {strategy}. Leave it out, or choose {owner}.")
        if isinstance(given, dict):
            yield from _in_range(resource, (_DEPLOYMENT, name, share), share_range)
            yield from _in_range(resource, (_DEPLOYMENT, name, bake), limits["bake_minutes"])
    yield from _in_range(resource, (_DEPLOYMENT, "bakeTimeInMinutes"), limits["bake_minutes"])


def hooks(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A pause waits at a stage where it can; a Lambda hook names its function and role."""
    if resource.token != _SERVICE:
        return
    for index, hook in enumerate(items(resource.inputs, _DEPLOYMENT, "lifecycleHooks")):
        place = resource.place(_DEPLOYMENT, "lifecycleHooks", index)
        forbidden = set(hook.get("lifecycleStages") or ()) & set(facts.limits["ecs"]["pause_not_at"])
        if hook.get("targetType") == "PAUSE" and forbidden:
            where = place.member("lifecycleStages", "lifecycle_stages")
            yield refuse(where, f"has {sorted(forbidden)[0]}, where ECS cannot pause. Use POST_{sorted(forbidden)[0]}.")
        if hook.get("targetType", "AWS_LAMBDA") == "AWS_LAMBDA":
            for name, shown in (("hookTargetArn", "hook_target_arn"), ("roleArn", "role_arn")):
                if name not in hook:
                    yield refuse(place.member(name, shown), "is missing; a hook that calls a function requires it.")


def service(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """Fields of a service that exclude or need each other."""
    if resource.token != _SERVICE:
        return
    if resource.get("launchType") and "capacityProviderStrategies" in resource.inputs:
        yield refuse(
            resource.place("launchType"), "is set beside capacity_provider_strategies. Leave one of the two out."
        )
    if resource.get("sigintRollback") is True and resource.get("waitForSteadyState") is not True:
        yield refuse(resource.place("sigintRollback"), "needs wait_for_steady_state=True as well.")
    strategy = resource.get(_DEPLOYMENT, "strategy")
    for index, balancer in enumerate(items(resource.inputs, "loadBalancers")):
        if strategy in ("BLUE_GREEN", "CANARY", "LINEAR") and "advancedConfiguration" not in balancer:
            place = resource.place("loadBalancers", index, "advancedConfiguration")
            yield refuse(place, f"is missing; strategy {strategy} requires a second target group and a listener rule.")
    yield from _circuit_breaker(resource)
    yield from _container_of_balancer(resource, peers, facts)


def _circuit_breaker(resource: CheckedResource) -> Iterator[Seen]:
    for name in ("deploymentCircuitBreaker", "alarms"):
        given = resource.get(name)
        if isinstance(given, dict) and given.get("rollback") is True and given.get("enable") is False:
            yield refuse(resource.place(name, "rollback"), "is True, but enable is False, so nothing is rolled back.")


def _container_of_balancer(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """The load balancer's container is one of the task definition's, where the latter can be told apart."""
    family = str(resource.get("taskDefinition") or "").rpartition("/")[2].partition(":")[0]
    tasks = [peer for peer in peers if peer.token == TASK and family and peer.get("family") == family]
    for index, balancer in enumerate(items(resource.inputs, "loadBalancers")) if len(tasks) == 1 else ():
        known = {each.get("name"): each for each in containers(tasks[0])}
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        place = resource.place("loadBalancers", index, "containerName")
        if known and name not in known:
            yield refuse(place, f"is '{name}'; the task definition has {', '.join(map(str, known))}.")
        elif known and port not in [each.get("containerPort") for each in known[name].get("portMappings", ())]:
            yield refuse(
                resource.place("loadBalancers", index, "containerPort"),
                f"is {port}, which container '{name}' does not map. Add it to portMappings.",
            )


def fargate(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A Fargate task has a size that exists, network mode awsvpc, no GPU and a short stop."""
    if resource.token != TASK or "FARGATE" not in items(resource.inputs, "requiresCompatibilities"):
        return
    sizes = facts.limits["fargate"]
    cpu, memory = resource.get("cpu"), resource.get("memory")
    if cpu is None or memory is None:
        missing = "cpu" if cpu is None else "memory"
        if missing not in resource.inputs:
            yield refuse(resource.place(missing), "is missing; a Fargate task requires it.")
        return
    if str(cpu) not in sizes:
        yield wrong(resource.place("cpu"), cpu, f"one of {', '.join(sizes)} on Fargate")
        return
    low, high, step = sizes[str(cpu)]
    if not str(memory).isdigit() or not low <= int(memory) <= high or int(memory) % step:
        yield wrong(resource.place("memory"), memory, f"{low} to {high} in steps of {step} (MiB) with cpu {cpu}")
    else:
        yield Validated(path=("cpu",))
        yield Validated(path=("memory",))
    if resource.get("networkMode") != "awsvpc":
        yield refuse(resource.place("networkMode"), "must be awsvpc on Fargate.")
    limit = facts.limits["ecs"]["stop_timeout_fargate_s"]
    for index, container in enumerate(containers(resource)):
        if int(container.get("stopTimeout") or 0) > limit:
            place = resource.place(CONTAINERS).at(index).at("stopTimeout")
            yield wrong(place, container["stopTimeout"], f"at most {limit} seconds on Fargate")
        if any(each.get("type") == "GPU" for each in container.get("resourceRequirements", ())):
            yield refuse(
                resource.place(CONTAINERS).at(index).at("resourceRequirements"),
                "asks for a GPU, which Fargate does not have. Use EC2 or MANAGED_INSTANCES.",
            )


def task(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """Containers have names of their own, one is essential, health checks are in range, secrets have a role."""
    if resource.token != TASK:
        return
    found = containers(resource)
    names = [each.get("name") for each in found]
    place = resource.place(CONTAINERS)
    for index, name in enumerate(names):
        if name in names[:index]:
            yield refuse(place.at(index).at("name"), f"is '{name}', like another container's. Rename one.")
    if found and all(each.get("essential") is False for each in found):
        yield refuse(place, "has no essential container; one must be.")
    for index, container in enumerate(found):
        yield from _health_check(container.get("healthCheck") or {}, place.at(index).at("healthCheck"), facts)
        needs_role = container.get("secrets") or ".dkr.ecr." in str(container.get("image"))
        if needs_role and "executionRoleArn" not in resource.inputs:
            yield refuse(
                resource.place("executionRoleArn"),
                "is missing; secrets and images from ECR are fetched with that role.",
            )


def _health_check(check: dict[str, Any], place: Any, facts: Facts) -> Iterator[Seen]:
    for name, (low, high) in facts.limits["ecs"]["health_check"].items():
        if name in check and not low <= check[name] <= high:
            yield wrong(place.at(name), check[name], f"from {low} to {high}")


def launch_types(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A task definition is for launch types that exist."""
    known = facts.limits["ecs"]["launch_types"]
    for index, each in enumerate(items(resource.inputs, "requiresCompatibilities") if resource.token == TASK else ()):
        place = resource.place("requiresCompatibilities", index)
        yield Validated(path=place.path) if each in known else wrong(place, each, f"one of {', '.join(known)}")


def capacity_provider(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A capacity provider is of one sort; termination protection needs an instance group that protects its instances."""
    if resource.token != _CAPACITY:
        return
    sorts = [each for each in ("autoScalingGroupProvider", "managedInstancesProvider") if each in resource.inputs]
    if len(sorts) != 1:
        yield refuse(
            resource.place("autoScalingGroupProvider"),
            "or managed_instances_provider: exactly one of the two is needed.",
        )
    if "managedInstancesProvider" in sorts and "cluster" not in resource.inputs:
        yield refuse(resource.place("cluster"), "is missing; Managed Instances belong to one cluster.")
    group = _group_of(resource, peers)
    protected = resource.get("autoScalingGroupProvider", "managedTerminationProtection") == "ENABLED"
    if protected and group is not None and group.get("protectFromScaleIn") is not True:
        yield refuse(
            resource.place("autoScalingGroupProvider", "managedTerminationProtection"),
            "is ENABLED, which needs protect_from_scale_in=True on the group of instances.",
        )


def _group_of(resource: CheckedResource, peers: Sequence[CheckedResource]) -> CheckedResource | None:
    """The provider's group of instances, if this stack makes just one."""
    groups = [peer for peer in peers if peer.token == "aws:autoscaling/group:Group"]
    return groups[0] if len(groups) == 1 and "autoScalingGroupProvider" in resource.inputs else None


def cluster_providers(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """Managed Instances are not attached to a cluster a second time; the default strategy uses attached ones only."""
    if resource.token != "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders":
        return
    managed = {
        peer.get("name") for peer in peers if peer.token == _CAPACITY and "managedInstancesProvider" in peer.inputs
    }
    names = items(resource.inputs, "capacityProviders")
    for index, name in enumerate(names):
        if name in managed:
            yield refuse(
                resource.place("capacityProviders", index),
                f"is '{name}', a Managed Instances provider, which its own `cluster` has attached already. "
                "Name it in the service's capacity_provider_strategies only.",
            )
    for index, strategy in enumerate(items(resource.inputs, "defaultCapacityProviderStrategies")):
        name = strategy.get("capacityProvider")
        if name and names and name not in names and len(names) == len(resource.inputs["capacityProviders"]):
            place = resource.place("defaultCapacityProviderStrategies", index, "capacityProvider")
            yield refuse(place, f"is '{name}', which is not among capacity_providers. Add it there.")


def _in_range(resource: CheckedResource, path: tuple[str, ...], bounds: Sequence[float]) -> Iterator[Seen]:
    value = resource.get(*path)
    if value is None:
        return
    try:
        good = bounds[0] <= float(value) <= bounds[1]
    except (TypeError, ValueError):
        good = False
    place = resource.place(*path)
    yield Validated(path=place.path) if good else wrong(place, value, f"from {bounds[0]:g} to {bounds[1]:g}")


RULES = (deployment, hooks, service, fargate, task, launch_types, capacity_provider, cluster_providers)
