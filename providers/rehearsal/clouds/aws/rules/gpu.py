"""GPUs on AWS: whether a task fits an instance, a model fits a GPU, and the whole fits the account's quota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from providers.rehearsal.clouds.aws.rules.containers import CONTAINERS, TASK, containers, gpus, words
from providers.rehearsal.findings import Seen, wrong
from providers.rehearsal.rules.contract import CheckedResource, Facts, refuse
from providers.rehearsal.values import items

_GROUP = "aws:autoscaling/group:Group"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def task_fits_instance(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A container asks for no more GPUs than one instance of this stack has."""
    offered = [facts.limits["instances"][each] for each in instance_types(peers) if each in facts.limits["instances"]]
    for index, container in enumerate(containers(resource) if resource.token == TASK else ()):
        wanted = gpus(container)
        most = max((each[2] for each in offered), default=0)
        if wanted and offered and wanted > most:
            place = resource.place(CONTAINERS).at(index).at("resourceRequirements")
            yield wrong(place, wanted, f"at most {most}: the largest instance type of this stack has so many GPUs")


def model_fits_gpu(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """The weights of a model that a container names fit the GPUs that it asks for, with room for the cache."""
    offered = [facts.limits["instances"][each] for each in instance_types(peers) if each in facts.limits["instances"]]
    for index, container in enumerate(containers(resource) if resource.token == TASK and offered else ()):
        wanted = gpus(container)
        model = next((each for each in words(container) if each in facts.limits["weights"]), None)
        if not wanted or model is None:
            continue
        weights_gib = facts.limits["weights"][model]
        least_gib = min(each[3] for each in offered)
        if not fits(weights_gib, least_gib, wanted, facts.limits["gpu"]):
            place = resource.place(CONTAINERS).at(index).at("resourceRequirements")
            yield refuse(
                place,
                f"has {wanted} GPU of {least_gib} GiB for {model}, whose weights alone are {weights_gib:g} GiB. "
                "Choose a larger GPU, more of them, or a smaller model.",
            )


def quota(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """All groups of instances together stay within the number of GPUs that the account may have."""
    if resource.token != _GROUP or facts.gpu_quota is None:
        return
    others = [peer for peer in peers if peer.token == _GROUP and peer.urn != resource.urn]
    total = sum(_most_gpus(each, peers, facts) for each in (*others, resource))
    if total > facts.gpu_quota:
        yield refuse(
            resource.place("maxSize"),
            f"is {resource.get('maxSize')}; with it the stack can run {total} GPUs, and limits.gpuQuota is "
            f"{facts.gpu_quota}. Lower it, or raise the quota.",
        )


def fits(weights_gib: float, gpu_gib: float, gpu_count: int, rule: Mapping[str, float]) -> bool:
    """Whether a model's weights and the runtime's overhead fit the usable memory of so many GPUs."""
    return weights_gib + rule["overhead_gib"] * gpu_count <= gpu_gib * gpu_count * rule["usable_share"]


def instance_types(resources: Sequence[CheckedResource]) -> list[str]:
    """Every instance type that a launch template, a group's overrides or Managed Instances of this stack name."""
    found: list[str] = []
    for each in resources:
        if each.token == _TEMPLATE:
            found.append(str(each.get("instanceType")))
        elif each.token == _GROUP:
            found += _overrides(each)
        elif each.token == "aws:ecs/capacityProvider:CapacityProvider":
            path = (
                "managedInstancesProvider",
                "instanceLaunchTemplate",
                "instanceRequirements",
                "allowedInstanceTypes",
            )
            found += [str(one) for one in items(each.inputs, *path)]
    return found


def _overrides(group: CheckedResource) -> list[str]:
    listed = items(group.inputs, "mixedInstancesPolicy", "launchTemplate", "overrides")
    return [str(each["instanceType"]) for each in listed if each.get("instanceType")]


def _most_gpus(group: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> int:
    types = _overrides(group) or [str(each.get("instanceType")) for each in peers if each.token == _TEMPLATE]
    most = max((facts.limits["instances"][each][2] for each in types if each in facts.limits["instances"]), default=0)
    size = group.get("maxSize")
    return most * size if isinstance(size, int) else 0


RULES = (task_fits_instance, model_fits_gpu, quota)
