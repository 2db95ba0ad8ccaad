"""A small stack of real pulumi_aws classes: a foundation, or a service that reads it and runs on GPUs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    aws: Any  # type-checking the whole SDK takes minutes and gigabytes, and the rehearsal is the check
else:
    import pulumi_aws as aws

config = pulumi.Config("trimaran")


def foundation() -> None:
    """Network and registry, each subnet with its own route table."""
    vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, tags={"owner": "me"})
    subnets = []
    for index, zone in enumerate(aws.get_availability_zones(state="available").names[:2]):
        subnet = aws.ec2.Subnet(
            f"private-{index}", vpc_id=vpc.id, cidr_block=f"10.0.{index * 16}.0/20", availability_zone=zone
        )
        table = aws.ec2.RouteTable(f"private-{index}", vpc_id=vpc.id)
        aws.ec2.RouteTableAssociation(f"private-{index}", subnet_id=subnet.id, route_table_id=table.id)
        subnets.append(subnet)
    registry = aws.ecr.Repository(
        "app",
        name="trimaran/app",
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration={"scan_on_push": True},
    )
    pulumi.export("vpcId", vpc.id)
    pulumi.export("subnetIds", [each.id for each in subnets])
    pulumi.export("repositoryUrl", registry.repository_url)


def role(name: str) -> Any:
    """A role that ECS tasks may take."""
    trust = aws.iam.get_policy_document(
        statements=[
            {
                "actions": ["sts:AssumeRole"],
                "principals": [{"type": "Service", "identifiers": ["ecs-tasks.amazonaws.com"]}],
            }
        ]
    )
    return aws.iam.Role(name, name=f"sample-{name}", assume_role_policy=trust.json)


def engine_capacity(subnet_ids: pulumi.Output[list[str]], group: Any) -> Any:
    """Instances with a GPU, none to as many as config says."""
    image = aws.ssm.get_parameter(name="/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id")
    template = aws.ec2.LaunchTemplate(
        "engine",
        name="sample-engine",
        image_id=image.value,
        instance_type=config.get("instanceType") or "g6.xlarge",
        vpc_security_group_ids=[group.id],
        metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
        block_device_mappings=[
            {"device_name": "/dev/xvda", "ebs": {"volume_size": 100, "volume_type": "gp3", "encrypted": "true"}}
        ],
    )
    instances = aws.autoscaling.Group(
        "engine",
        name="sample-engine",
        min_size=0,
        max_size=(config.get_object("scaling") or {}).get("max", 4),
        protect_from_scale_in=True,
        vpc_zone_identifiers=subnet_ids,
        launch_template={"id": template.id, "version": template.latest_version.apply(str)},
        tags=[{"key": "AmazonECSManaged", "value": "true", "propagate_at_launch": True}],
    )
    return aws.ecs.CapacityProvider(
        "engine",
        name="sample-gpu",
        auto_scaling_group_provider={
            "auto_scaling_group_arn": instances.arn,
            "managed_termination_protection": "ENABLED",
            "managed_scaling": {"status": "ENABLED", "target_capacity": 100},
        },
    )


def edge(name: str, vpc_id: Any, subnet_ids: Any, group: Any) -> tuple[Any, list[Any], list[Any]]:
    """A load balancer, two target groups, and the rules that forward to them."""
    balancer = aws.lb.LoadBalancer(
        name,
        name=f"sample-{name}",
        internal=True,
        load_balancer_type="application",
        idle_timeout=600,
        security_groups=[group.id],
        subnets=subnet_ids,
    )
    blue, green = (
        aws.lb.TargetGroup(
            side,
            name=f"sample-{side}",
            port=8000,
            protocol="HTTP",
            target_type="ip",
            vpc_id=vpc_id,
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check={"path": "/health/ready", "interval": 10, "timeout": 5, "matcher": "200"},
        )
        for side in ("blue", "green")
    )
    listener = aws.lb.Listener(
        name,
        load_balancer_arn=balancer.arn,
        port=80,
        protocol="HTTP",
        default_actions=[
            {"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "404"}}
        ],
    )
    rules = [
        aws.lb.ListenerRule(
            rule,
            listener_arn=listener.arn,
            priority=priority,
            actions=[
                {
                    "type": "forward",
                    "forward": {"target_groups": [{"arn": blue.arn, "weight": 100}, {"arn": green.arn, "weight": 0}]},
                }
            ],
            conditions=[condition],
            opts=pulumi.ResourceOptions(ignore_changes=["actions"]),
        )
        for rule, priority, condition in (
            ("test", 10, {"http_header": {"http_header_name": "x-revision", "values": ["green"]}}),
            ("production", 20, {"path_pattern": {"values": ["/*"]}}),
        )
    ]
    return balancer, [blue, green], rules


def task_definition(name: str, execution: Any, task_role: Any, after: list[Any]) -> Any:
    """One container with a GPU."""
    return aws.ecs.TaskDefinition(
        name,
        family=f"sample-{name}",
        network_mode="awsvpc",
        requires_compatibilities=["EC2"],
        execution_role_arn=execution.arn,
        task_role_arn=task_role.arn,
        container_definitions=json.dumps(
            [
                {
                    "name": "app",
                    "image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/trimaran/app@sha256:{'0' * 64}",
                    "essential": True,
                    "memory": 12000,
                    "portMappings": [{"containerPort": 8000}],
                    "resourceRequirements": [{"type": "GPU", "value": config.get("gpus") or "1"}],
                    "healthCheck": {"command": ["CMD", "true"], "startPeriod": 300, "interval": 10},
                    "secrets": [{"name": "TRIMARAN_API_KEYS", "valueFrom": "/sample/keys"}],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": f"/sample/{name}",
                            "awslogs-region": "us-east-1",
                            "awslogs-stream-prefix": "app",
                        },
                    },
                }
            ]
        ),
        opts=pulumi.ResourceOptions(depends_on=after),
    )


def running_service(
    name: str, cluster: Any, task: Any, capacity: Any, network: dict[str, Any], balanced: dict[str, Any]
) -> Any:
    """The service, with a canary deployment and a pause."""
    return aws.ecs.Service(
        name,
        name=f"sample-{name}",
        cluster=cluster.arn,
        task_definition=task.arn,
        desired_count=1,
        capacity_provider_strategies=[{"capacity_provider": capacity.name, "weight": 1}],
        network_configuration=network,
        deployment_configuration={
            "strategy": config.get("strategy") or "CANARY",
            "bake_time_in_minutes": "10",
            "canary_configuration": {"canary_percent": 5.0, "canary_bake_time_in_minutes": "15"},
            "lifecycle_hooks": [{"lifecycle_stages": ["POST_TEST_TRAFFIC_SHIFT"], "target_type": "PAUSE"}],
        },
        deployment_circuit_breaker={"enable": True, "rollback": True},
        load_balancers=[balanced],
    )


def scaling(name: str, cluster: Any, running: Any) -> None:
    """None to as many as config says, and alarms."""
    target = aws.appautoscaling.Target(
        name,
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", cluster.name, "/", running.name),
        min_capacity=0,
        max_capacity=(config.get_object("scaling") or {}).get("max", 4),
    )
    aws.appautoscaling.Policy(
        name,
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration={
            "target_value": 60,
            "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
        },
    )
    for index in range(int(config.get("alarms") or "1")):
        aws.cloudwatch.MetricAlarm(
            f"queue-{index}",
            name=f"sample-queue-{index}",
            namespace="Trimaran",
            metric_name="trimaran_queued",
            statistic="Maximum",
            comparison_operator="GreaterThanThreshold",
            threshold=index,
            period=60,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
        )


def service(name: str = "api") -> None:
    """A cluster with GPU capacity, and on it a service behind a load balancer."""
    base = pulumi.StackReference(f"organization/{pulumi.get_project()}/sample-foundation-dev")
    vpc_id, subnet_ids = base.require_output("vpcId"), base.require_output("subnetIds")
    group = aws.ec2.SecurityGroup(name, vpc_id=vpc_id, description="the app", tags=config.get_object("tags"))
    aws.vpc.SecurityGroupEgressRule(name, security_group_id=group.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0")
    cluster = aws.ecs.Cluster(name, name=f"sample-{name}", settings=[{"name": "containerInsights", "value": "enabled"}])
    capacity = engine_capacity(subnet_ids, group)
    aws.ecs.ClusterCapacityProviders(name, cluster_name=cluster.name, capacity_providers=[capacity.name])
    logs = aws.cloudwatch.LogGroup(name, name=f"/sample/{name}", retention_in_days=30)
    execution, task_role = role("execution"), role("task")
    aws.iam.RolePolicy(
        "task",
        role=task_role.name,
        policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": ["bedrock:InvokeModel*"], "Resource": "*"}],
            }
        ),
    )
    balancer, (blue, green), rules = edge(name, vpc_id, subnet_ids, group)
    task = task_definition(name, execution, task_role, [logs, capacity])
    network = {"subnets": subnet_ids, "security_groups": [group.id]}
    balanced = {
        "target_group_arn": blue.arn,
        "container_name": "app",
        "container_port": 8000,
        "advanced_configuration": {
            "alternate_target_group_arn": green.arn,
            "production_listener_rule": rules[1].arn,
            "test_listener_rule": rules[0].arn,
            "role_arn": execution.arn,
        },
    }
    running = running_service(name, cluster, task, capacity, network, balanced)
    scaling(name, cluster, running)
    pulumi.export("url", pulumi.Output.concat("http://", balancer.dns_name))


if "foundation" in pulumi.get_stack():
    foundation()
else:
    service()
