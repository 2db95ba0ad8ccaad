"""What AWS would refuse is refused before anything is deployed, in a sentence with the property and the remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.providers.rehearsal.good import CONTAINER, GONE, INPUTS, changed, inspected, resource, sentences

_VPC = "aws:ec2/vpc:Vpc"
_SUBNET = "aws:ec2/subnet:Subnet"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_GROUP = "aws:autoscaling/group:Group"
_CAPACITY = "aws:ecs/capacityProvider:CapacityProvider"
_PROVIDERS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
_CLUSTER = "aws:ecs/cluster:Cluster"
_TASK = "aws:ecs/taskDefinition:TaskDefinition"
_SERVICE = "aws:ecs/service:Service"
_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_TARGETS = "aws:lb/targetGroup:TargetGroup"
_LISTENER = "aws:lb/listener:Listener"
_RULE = "aws:lb/listenerRule:ListenerRule"
_SCALABLE = "aws:appautoscaling/target:Target"
_SCALING = "aws:appautoscaling/policy:Policy"
_LOGS = "aws:cloudwatch/logGroup:LogGroup"
_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_ROLE = "aws:iam/role:Role"
_ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_REGISTRY = "aws:ecr/repository:Repository"
_CONTAINER = "containerDefinitions.0"
_STATEMENT = "policy.Statement.0"
_DEPLOYMENT = "deploymentConfiguration"

WRONG: list[tuple[str, str, Any, tuple[str, ...]]] = [
    # The SDK: names, what is required, types.
    (_SERVICE, "desiredCounts", 1, ("desiredCounts is not a property", "'desired_count'")),
    (_SERVICE, f"{_DEPLOYMENT}.strategi", "CANARY", ("deployment_configuration.strategi", "'strategy'")),
    (_SERVICE, "desiredCount", "one", ("desired_count is 'one'", "a whole number")),
    (_SERVICE, "desiredCount", 1.5, ("desired_count is 1.5", "a whole number")),
    (_SERVICE, "waitForSteadyState", "yes", ("wait_for_steady_state", "true or false")),
    (_SERVICE, "loadBalancers.0.containerPort", GONE, ("load_balancers[0].container_port is missing",)),
    (_SERVICE, "networkConfiguration.subnets", "subnet-1", ("network_configuration.subnets", "a list")),
    (_TASK, "family", GONE, ("family is missing",)),
    (_VPC, "tags", ["owner"], ("tags is a list", "a map")),
    (_SCALABLE, "maxCapacity", GONE, ("max_capacity is missing",)),
    (_SUBNET, "vpcId", GONE, ("vpc_id is missing",)),
    # botocore: enums, ranges, the container definitions' own grammar.
    (_SERVICE, f"{_DEPLOYMENT}.strategy", "CANRY", ("strategy is 'CANRY'", "'CANARY'")),
    (_SERVICE, f"{_DEPLOYMENT}.lifecycleHooks.0.lifecycleStages.0", "POST_TEST", ("lifecycle_stages[0]", "one of")),
    (_SERVICE, f"{_DEPLOYMENT}.lifecycleHooks.0.targetType", "WAIT", ("target_type is 'WAIT'", "PAUSE")),
    (_TASK, f"{_CONTAINER}.imag", "x", ("container_definitions[0].imag", "'image'")),
    (_TASK, f"{_CONTAINER}.image", GONE, ("container_definitions[0].image is missing",)),
    (_TASK, f"{_CONTAINER}.memory", "12000", ("container_definitions[0].memory is '12000'", "a whole number")),
    (_TASK, f"{_CONTAINER}.resourceRequirements.0.type", "GPUS", ("resourceRequirements[0].type", "'GPU'")),
    (_TASK, f"{_CONTAINER}.resourceRequirements.0.value", 1, ("resourceRequirements[0].value is 1", "text")),
    (_TASK, f"{_CONTAINER}.portMappings.0.protocol", "http", ("portMappings[0].protocol is 'http'", "tcp")),
    (_TASK, f"{_CONTAINER}.logConfiguration.logDriver", "awslog", ("logDriver is 'awslog'", "'awslogs'")),
    (_TASK, f"{_CONTAINER}.secrets.0.valuFrom", "x", ("secrets[0].valuFrom", "'valueFrom'")),
    (_TASK, "containerDefinitions", "[{", ("container_definitions is not JSON", "json.dumps")),
    (_TASK, "networkMode", "vpc", ("network_mode is 'vpc'", "'awsvpc'")),
    (_LISTENER, "defaultActions.0.type", "fixed_response", ("default_actions[0].type", "'fixed-response'")),
    (_LISTENER, "protocol", "HTPS", ("protocol is 'HTPS'", "'HTTPS'")),
    (_LISTENER, "port", 70000, ("port is 70000", "65535")),
    (_RULE, "priority", 60000, ("priority is 60000", "50000")),
    (_SCALING, "policyType", "TargetTracking", ("policy_type is 'TargetTracking'", "'TargetTrackingScaling'")),
    (
        _SCALING,
        "targetTrackingScalingPolicyConfiguration.predefinedMetricSpecification.predefinedMetricType",
        "ECSServiceAverageGPU",
        ("predefined_metric_type", "one of"),
    ),
    (_SCALABLE, "serviceNamespace", "ECS", ("service_namespace is 'ECS'", "'ecs'")),
    (_SCALABLE, "scalableDimension", "ecs:service:desiredCount", ("scalable_dimension", "'ecs:service:DesiredCount'")),
    (_TEMPLATE, "instanceType", "g6.xlarg", ("instance_type is 'g6.xlarg'", "'g6.xlarge'")),
    (_TEMPLATE, "metadataOptions.httpTokens", "require", ("http_tokens is 'require'", "'required'")),
    (_TEMPLATE, "blockDeviceMappings.0.ebs.volumeType", "gp4", ("volume_type is 'gp4'", "gp3")),
    (_ALARM, "comparisonOperator", "GreaterThan", ("comparison_operator", "'GreaterThanThreshold'")),
    (_CAPACITY, "autoScalingGroupProvider.managedScaling.targetCapacity", 101, ("target_capacity is 101", "100")),
    (_CLUSTER, "settings.0.name", "containerInsight", ("settings[0].name", "'containerInsights'")),
    (_REGISTRY, "imageTagMutability", "IMMUTABEL", ("image_tag_mutability", "'IMMUTABLE'")),
    # CloudFormation's schemas.
    (_LOGS, "retentionInDays", 31, ("retention_in_days is 31", "one of")),
    (_TARGETS, "healthCheck.interval", 1, ("health_check.interval is 1", "5")),
    # IAM's grammar and actions.
    (_ROLE_POLICY, f"{_STATEMENT}.Action", "bedrock:InvokModel", ("'bedrock:InvokModel'", "'InvokeModel'")),
    (_ROLE_POLICY, f"{_STATEMENT}.Action", "bedrok:InvokeModel", ("no service 'bedrok'", "'bedrock'")),
    (_ROLE_POLICY, f"{_STATEMENT}.Action", "InvokeModel", ("Statement[0].Action", "service:Action")),
    (_ROLE_POLICY, f"{_STATEMENT}.Effect", "allow", ("Statement[0].Effect is 'allow'", "Allow, Deny")),
    (_ROLE_POLICY, f"{_STATEMENT}.Resource", "my-model", ("Statement[0].Resource is 'my-model'", "an ARN")),
    (_ROLE_POLICY, f"{_STATEMENT}.Resource", GONE, ("has neither Resource nor NotResource",)),
    (_ROLE_POLICY, f"{_STATEMENT}.Principal", "*", ("Statement[0].Principal is not a key", "identity policy")),
    (_ROLE_POLICY, f"{_STATEMENT}.Actions", ["x:y"], ("Statement[0].Actions", "'Action'")),
    (_ROLE_POLICY, f"{_STATEMENT}.Sid", "my models", ("Statement[0].Sid", "letters and digits")),
    (
        _ROLE_POLICY,
        f"{_STATEMENT}.Condition",
        {"StringEqual": {}},
        ("StringEqual is not an operator", "'StringEquals'"),
    ),
    (_ROLE_POLICY, "policy.Version", "2012-10-7", ("policy.Version is '2012-10-7'", "2012-10-17")),
    (_ROLE_POLICY, "policy", "Allow all", ("policy is not JSON",)),
    (_ROLE, "assumeRolePolicy.Statement.0.Principal", GONE, ("has neither Principal nor NotPrincipal", "trust policy")),
    (_ROLE, "assumeRolePolicy.Statement.0.Principal.Service", "ecs-tasks", ("is 'ecs-tasks'", "amazonaws.com")),
    (_ROLE, "assumeRolePolicy.Statement.0.Resource", "*", ("Resource is not a key", "trust policy")),
    # Names, tags, addresses.
    (_TARGETS, "name", "n" * 33, ("name is", "33 characters", "32")),
    (_BALANCER, "name", "internal-sample", ("may not begin with 'internal-'",)),
    (_CAPACITY, "name", "aws-ecs-dev", ("may not begin with 'aws'",)),
    (_ROLE, "name", "a b", ("name is 'a b'", "match")),
    (_REGISTRY, "name", "Trimaran/App", ("name is 'Trimaran/App'", "match")),
    (_VPC, "tags", {"aws:owner": "me"}, ("tags.aws:owner", "may not begin with 'aws:'")),
    (_VPC, "cidrBlock", "10.0.0.1/16", ("cidr_block is '10.0.0.1/16'", "host bits")),
    (_VPC, "cidrBlock", "10.0.0.0/8", ("cidr_block is 10.0.0.0/8", "/16 to a /28")),
    (_INGRESS, "cidrIpv4", "10.0.0.0/33", ("cidr_ipv4 is '10.0.0.0/33'", "no address range")),
    (_INGRESS, "fromPort", 8443, ("from_port is 8443", "to_port 443")),
    # Fields that exclude or need each other.
    (_TARGETS, "slowStart", 60, ("slow_start is 60", "least_outstanding_requests")),
    (_TARGETS, "healthCheck.timeout", 10, ("health_check.timeout is 10", "below the interval")),
    (
        _TARGETS,
        "loadBalancingAlgorithmType",
        "least_requests",
        ("load_balancing_algorithm_type", "'least_outstanding_requests'"),
    ),
    (_BALANCER, "idleTimeout", 5000, ("idle_timeout is 5000", "4000")),
    (_BALANCER, "subnets", ["subnet-1"], ("subnets has 1", "two zones")),
    (_LISTENER, "certificateArn", GONE, ("certificate_arn is missing", "HTTPS")),
    (_SERVICE, f"{_DEPLOYMENT}.canaryConfiguration.canaryPercent", 0.01, ("canary_percent is 0.01", "0.1 to 100")),
    (_SERVICE, f"{_DEPLOYMENT}.canaryConfiguration", GONE, ("canary_configuration is missing", "CANARY")),
    (_SERVICE, f"{_DEPLOYMENT}.linearConfiguration", {"stepPercent": 25.0}, ("linear_configuration is set", "CANARY")),
    (_SERVICE, f"{_DEPLOYMENT}.bakeTimeInMinutes", "2000", ("bake_time_in_minutes is 2000", "1440")),
    (
        _SERVICE,
        f"{_DEPLOYMENT}.lifecycleHooks.0.lifecycleStages.0",
        "PRODUCTION_TRAFFIC_SHIFT",
        ("cannot pause", "POST_PRODUCTION_TRAFFIC_SHIFT"),
    ),
    (_SERVICE, "loadBalancers.0.advancedConfiguration", GONE, ("advanced_configuration is missing",)),
    (_SERVICE, "launchType", "FARGATE", ("launch_type is set", "capacity_provider_strategies")),
    (_SERVICE, "sigintRollback", True, ("sigint_rollback", "wait_for_steady_state")),
    (_SCALABLE, "minCapacity", 5, ("min_capacity is 5", "above the largest, 4")),
    (_GROUP, "minSize", 5, ("min_size is 5", "above the largest, 4")),
    (_TASK, "requiresCompatibilities.0", "ECS", ("requires_compatibilities[0]", "one of")),
    (_TASK, f"{_CONTAINER}.healthCheck.startPeriod", 600, ("healthCheck.startPeriod is 600", "0 to 300")),
    (_TASK, "containerDefinitions.1", CONTAINER, ("container_definitions[1].name is 'app'", "Rename")),
    (_TASK, "executionRoleArn", GONE, ("execution_role_arn is missing",)),
    (_CAPACITY, "managedInstancesProvider", {"infrastructureRoleArn": "arn:aws:x"}, ("exactly one of the two",)),
    (
        _PROVIDERS,
        "defaultCapacityProviderStrategies.0.capacityProvider",
        "other",
        ("is 'other'", "not among capacity_providers"),
    ),
]


@pytest.mark.parametrize("token", INPUTS)
def test_good_inputs_are_accepted(token: str) -> None:
    """What AWS takes is taken, and somebody besides the SDK has validated it."""
    inspection = inspected(token)

    assert sentences(inspection.findings) == ""
    assert len(inspection.by) > 1


@pytest.mark.parametrize(
    ("token", "path", "value", "fragments"), WRONG, ids=[f"{each[1]}={each[2]}"[:60] for each in WRONG]
)
def test_a_wrong_input_is_refused(token: str, path: str, value: Any, fragments: tuple[str, ...]) -> None:
    """One wrong value among good ones is found, named and explained."""
    inspection = inspected(token, changed(INPUTS[token], path, value))

    told = sentences(inspection.findings)
    assert inspection.findings, "accepted"
    assert [each for each in fragments if each not in told] == [], told


def test_a_managed_instances_provider_is_not_attached_twice() -> None:
    """The cluster's list may not name a provider that belongs to the cluster already."""
    provider = resource(
        _CAPACITY,
        {"name": "sample-gpu", "cluster": "sample", "managedInstancesProvider": {"infrastructureRoleArn": "x"}},
    )

    told = sentences(inspected(_PROVIDERS, peers=(provider,)).findings)

    assert "capacity_providers[0] is 'sample-gpu', a Managed Instances provider" in told


def test_a_task_asks_for_no_more_gpus_than_an_instance_has() -> None:
    """Four GPUs do not fit an instance with one."""
    inputs = changed(INPUTS[_TASK], f"{_CONTAINER}.resourceRequirements.0.value", "4")

    told = sentences(inspected(_TASK, inputs, peers=(resource(_TEMPLATE),)).findings)

    assert "resourceRequirements is 4; it must be at most 1" in told


def test_a_model_must_fit_its_gpu() -> None:
    """14.2 GiB of weights fit an L4 with 24 GiB and do not fit a T4 with 16."""
    inputs = changed(INPUTS[_TASK], f"{_CONTAINER}.command", ["--model", "Qwen/Qwen2.5-7B-Instruct"])
    small = resource(_TEMPLATE, changed(INPUTS[_TEMPLATE], "instanceType", "g4dn.xlarge"))

    assert inspected(_TASK, inputs, peers=(resource(_TEMPLATE),)).findings == ()
    told = sentences(inspected(_TASK, inputs, peers=(small,)).findings)
    assert "weights alone are 14.19 GiB" in told


def test_all_groups_together_stay_within_the_gpu_quota() -> None:
    """limits.gpuQuota counts the GPUs of every group at its largest."""
    other = resource(_GROUP, name="other")

    told = sentences(inspected(_GROUP, peers=(resource(_TEMPLATE), other), gpu_quota=6).findings)

    assert "the stack can run 8 GPUs, and limits.gpuQuota is 6" in told
    assert inspected(_GROUP, peers=(resource(_TEMPLATE), other), gpu_quota=8).findings == ()


def test_subnets_lie_in_their_vpc_and_do_not_overlap() -> None:
    """A range outside, or one that another subnet has, is refused."""
    outside = inspected(_SUBNET, changed(INPUTS[_SUBNET], "cidrBlock", "10.1.0.0/20"), peers=(resource(_VPC),))
    twice = inspected(_SUBNET, peers=(resource(_VPC), resource(_SUBNET, name="other")))

    assert "outside the VPC's 10.0.0.0/16" in sentences(outside.findings)
    assert "overlaps 10.0.0.0/20 of other" in sentences(twice.findings)


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"memory": "3072"}, "in steps of 1024"),
        ({"cpu": "300"}, "cpu is '300'; it must be one of 256"),
        ({"networkMode": "bridge"}, "network_mode must be awsvpc"),
        ({"memory": "5120"}, "memory is '5120'"),
    ],
)
def test_fargate_sizes(change: dict[str, str], fragment: str) -> None:
    """Fargate has fixed pairs of CPU and memory."""
    container = {key: CONTAINER[key] for key in ("name", "image", "essential")}
    good = {
        **INPUTS[_TASK],
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "1024",
        "containerDefinitions": json.dumps([container]),
    }

    assert inspected(_TASK, good).findings == ()
    if change == {"memory": "3072"}:
        change = {"cpu": "4096", "memory": "9000"}
    assert fragment in sentences(inspected(_TASK, {**good, **change}).findings)


def test_the_load_balancers_container_is_one_of_the_task() -> None:
    """A service that names another container, or a port it does not map, is refused."""
    wrong_name = changed(INPUTS[_SERVICE], "loadBalancers.0.containerName", "ap")
    wrong_port = changed(INPUTS[_SERVICE], "loadBalancers.0.containerPort", 8080)

    told = [
        sentences(inspected(_SERVICE, each, peers=(resource(_TASK),)).findings) for each in (wrong_name, wrong_port)
    ]

    assert "container_name is 'ap'; the task definition has app" in told[0]
    assert "container_port is 8080, which container 'app' does not map" in told[1]
