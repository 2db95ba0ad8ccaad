"""GPU instances for the engine: an Auto Scaling group that ECS drives from zero, or instances that ECS starts itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.components.instance_roles import InfrastructureRole, InstanceRole, InstanceRoleArgs
from stacks.aws.config import Capacity, CapacityKind
from stacks.aws.sizing import Sizing
from stacks.naming import name

_AMI = "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id"
_THROUGHPUT_MIBPS = 250
# Start, driver, agent: how long an instance takes before it counts.
_WARM_UP_S = 300
_STOP_S = 310
# The same whatever the group's size: a capacity provider does not take changes well (pulumi-aws#6018).
_STEP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuCapacityArgs:
    """`cluster` is a name; `tags` go to what the group starts, which the provider's own tagging does not reach."""

    account: Account
    cluster: str
    sizing: Sizing
    capacity: Capacity
    spot: bool
    subnets: pulumi.Input[Sequence[pulumi.Input[str]]]
    group: pulumi.Input[str]
    key: pulumi.Input[str]
    idle_s: int
    tags: Mapping[str, str]


class GpuCapacity(pulumi.ComponentResource):
    """A capacity provider; `provider` is its name, `ready` what a service waits for before it uses it."""

    def __init__(self, resource_name: str, args: GpuCapacityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:GpuCapacity", resource_name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.name = name("aws.ecs_capacity_provider", "gpu", args.account.stack)
        self._role = InstanceRole(
            "instances",
            InstanceRoleArgs(account=args.account, cluster=args.cluster),
            opts=pulumi.ResourceOptions(parent=self),
        )
        managed = args.capacity.kind is CapacityKind.MANAGED
        self.provider, self.ready = self._managed() if managed else self._grouped()
        self.register_outputs({"provider": self.provider})

    def _grouped(self) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        group = self._group(self._template())
        provider = aws.ecs.CapacityProvider(
            "gpu",
            name=self.name,
            auto_scaling_group_provider={
                "auto_scaling_group_arn": group.arn,
                "managed_termination_protection": "ENABLED",
                "managed_draining": "ENABLED",
                "managed_scaling": {
                    "status": "ENABLED",
                    "target_capacity": 100,
                    "minimum_scaling_step_size": 1,
                    "maximum_scaling_step_size": _STEP,
                    "instance_warmup_period": _WARM_UP_S,
                },
            },
            opts=self._child,
        )
        attached = aws.ecs.ClusterCapacityProviders(
            "gpu", cluster_name=self._args.cluster, capacity_providers=[provider.name, "FARGATE"], opts=self._child
        )
        return provider.name, [attached]

    def _template(self) -> aws.ec2.LaunchTemplate:
        args = self._args
        # "Recommended" moves with every new image, and then the template does too: capacity.ami pins one.
        ami = args.capacity.ami or aws.ssm.get_parameter(name=_AMI).value
        disk = {
            "volume_size": args.capacity.disk_gib,
            "volume_type": "gp3",
            "throughput": _THROUGHPUT_MIBPS,
            "encrypted": "true",
            "kms_key_id": args.key,
            "delete_on_termination": "true",
        }
        return aws.ec2.LaunchTemplate(
            "gpu",
            name=name("aws.launch_template", args.account.stack, "gpu"),
            image_id=ami,
            instance_type=args.sizing.types[0],
            update_default_version=True,
            iam_instance_profile={"arn": self._role.profile},
            vpc_security_group_ids=[args.group],
            # Tokens only, and not one hop further: no container reads the instance's role.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[{"device_name": "/dev/xvda", "ebs": disk}],
            tag_specifications=[{"resource_type": each, "tags": dict(args.tags)} for each in ("instance", "volume")],
            user_data=user_data(args.cluster, warm=args.capacity.warm_pool > 0),
            opts=self._child,
        )

    def _group(self, template: aws.ec2.LaunchTemplate) -> aws.autoscaling.Group:
        args = self._args
        tags = {
            **args.tags,
            "AmazonECSManaged": "true",
            "Name": name("aws.autoscaling_group", args.account.stack, "gpu"),
        }
        return aws.autoscaling.Group(
            "gpu",
            name=name("aws.autoscaling_group", args.account.stack, "gpu"),
            # ECS asks for as many as its tasks need: never fewer than the engine's own smallest number.
            min_size=args.sizing.min_instances,
            max_size=args.sizing.max_instances,
            vpc_zone_identifiers=args.subnets,
            protect_from_scale_in=True,
            health_check_type="EC2",
            default_instance_warmup=_WARM_UP_S,
            wait_for_capacity_timeout="0",
            force_delete=not args.account.is_prod,
            mixed_instances_policy=self._mix(template),
            warm_pool=_warm_pool(args.capacity.warm_pool),
            capacity_reservation_specification=_reservations(args.capacity.reservations),
            tags=[{"key": key, "value": tags[key], "propagate_at_launch": True} for key in sorted(tags)],
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["desired_capacity"]),
        )

    def _mix(self, template: aws.ec2.LaunchTemplate) -> dict[str, Any]:
        """Several types over several zones, in the order of config: one type in one zone is often sold out."""
        args = self._args
        distribution = {
            "on_demand_allocation_strategy": "prioritized",
            "on_demand_base_capacity": args.capacity.on_demand_base,
            "on_demand_percentage_above_base_capacity": 0 if args.spot else 100,
            "spot_allocation_strategy": "price-capacity-optimized",
        }
        return {
            "instances_distribution": distribution,
            "launch_template": {
                "launch_template_specification": {
                    "launch_template_id": template.id,
                    "version": template.latest_version.apply(str),
                },
                "overrides": [{"instance_type": each} for each in args.sizing.types],
            },
        }

    def _managed(self) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        args = self._args
        infrastructure = InfrastructureRole(
            "infrastructure",
            InstanceRoleArgs(account=args.account, cluster=args.cluster),
            opts=pulumi.ResourceOptions(parent=self),
        )
        provider = aws.ecs.CapacityProvider(
            "gpu",
            name=self.name,
            # Attaches the provider to the cluster: ClusterCapacityProviders must not name it again.
            cluster=args.cluster,
            managed_instances_provider={
                "infrastructure_role_arn": infrastructure.arn,
                "propagate_tags": "CAPACITY_PROVIDER",
                "infrastructure_optimization": {"scale_in_after": args.idle_s},
                "instance_launch_template": {
                    "ec2_instance_profile_arn": self._role.profile,
                    "capacity_option_type": "SPOT" if args.spot else "ON_DEMAND",
                    "network_configuration": {"subnets": args.subnets, "security_groups": [args.group]},
                    "storage_configuration": {"storage_size_gib": args.capacity.disk_gib},
                    "instance_requirements": _requirements(args.sizing),
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[infrastructure]),
        )
        return provider.name, [provider]


def user_data(cluster: str, *, warm: bool) -> str:
    """The ECS agent's configuration, as an instance gets it when it starts."""
    lines = [
        f"ECS_CLUSTER={cluster}",
        "ECS_ENABLE_GPU_SUPPORT=true",
        "ECS_AWSVPC_BLOCK_IMDS=true",
        "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true",
        f"ECS_CONTAINER_STOP_TIMEOUT={_STOP_S}s",
        "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached",
        *(["ECS_WARM_POOLS_CHECK=true"] if warm else []),
    ]
    script = "#!/bin/bash\ncat >> /etc/ecs/ecs.config <<'END'\n" + "\n".join(lines) + "\nEND\n"
    return base64.b64encode(script.encode()).decode()


def _warm_pool(size: int) -> dict[str, Any] | None:
    if not size:
        return None
    reuse = {"reuse_on_scale_in": True}
    return {
        "pool_state": "Stopped",
        "min_size": size,
        "max_group_prepared_capacity": size,
        "instance_reuse_policy": reuse,
    }


def _reservations(ids: Sequence[str]) -> dict[str, Any] | None:
    if not ids:
        return None
    return {
        "capacity_reservation_preference": "capacity-reservations-first",
        "capacity_reservation_target": {"capacity_reservation_ids": list(ids)},
    }


def _requirements(sizing: Sizing) -> dict[str, Any]:
    """AWS wants ranges beside the list; they are those of the listed types."""
    vcpus = [each.vcpu for each in sizing.instances]
    memory = [each.memory_gib * 1024 for each in sizing.instances]
    return {
        "allowed_instance_types": sizing.types,
        "vcpu_count": {"min": min(vcpus), "max": max(vcpus)},
        "memory_mib": {"min": min(memory), "max": max(memory)},
    }
