"""A passing and a failing resource for each type that a rule checks besides the one that its own cases are about."""

from __future__ import annotations

from typing import Any

from plan.resource import Resource
from policies.aws.identity import CHECKS as CHECKED_IDENTITY
from policies.aws.spending import CHECKS
from tests.policies.aws import capacity, reach, supply
from tests.policies.cases import Case
from tests.policies.plans import DIGEST, IMAGE, iam, planned, urn

SCHEDULE = "aws:appautoscaling/scheduledAction:ScheduledAction"
GROUP = "aws:autoscaling/group:Group"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
BUCKET = "aws:s3/bucket:Bucket"
REPOSITORY = "aws:ecr/repository:Repository"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
FUNCTION = "aws:lambda/function:Function"
PARAMETER = "aws:ssm/parameter:Parameter"
ZONE = "aws:route53/zone:Zone"
SECRET = "aws:secretsmanager/secret:Secret"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
SERVICE = "aws:ecs/service:Service"
GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_WIDE = iam({"Effect": "Allow", "Action": "*", "Resource": "*"})
_NARROW = iam({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::weights/*"})
# Inputs that a type needs besides its tags.
_NEEDED: dict[str, dict[str, Any]] = {
    "aws:ecs/taskDefinition:TaskDefinition": {"family": "x", "containerDefinitions": "[]"},
    "aws:elasticache/replicationGroup:ReplicationGroup": {"description": "x"},
    "aws:iam/role:Role": {"assumeRolePolicy": iam()},
    FUNCTION: {"role": "r"},
    "aws:bedrock/guardrail:Guardrail": {"blockedInputMessaging": "no", "blockedOutputsMessaging": "no"},
    "aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput": {
        "modelArn": "arn",
        "modelUnits": 1,
        "provisionedModelName": "x",
    },
    VOLUME: {"availabilityZone": "us-east-1a"},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {"comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1},
    "aws:ec2/capacityReservation:CapacityReservation": {
        "availabilityZone": "us-east-1a",
        "instanceCount": 1,
        "instancePlatform": "Linux/UNIX",
        "instanceType": "g6.xlarge",
    },
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"vpcId": "vpc-1"},
    "aws:kms/replicaKey:ReplicaKey": {"primaryKeyArn": "arn"},
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": {"vpc": "vpc-1"},
    PARAMETER: {"type": "SecureString"},
}


def schedule(most: int) -> Resource:
    """What moves the bounds of a service's tasks at some hour."""
    return planned(
        SCHEDULE,
        "wake",
        resourceId="service/cluster/app",
        scalableDimension="ecs:service:DesiredCount",
        scalableTargetAction={"maxCapacity": most},
        schedule="cron(0 7 * * ? *)",
        serviceNamespace="ecs",
    )


def alternatives(kind: str) -> Resource:
    """An Auto Scaling group that may start one kind of machine."""
    template = {"launchTemplateSpecification": {"launchTemplateId": "lt-1"}, "overrides": [{"instanceType": kind}]}
    return planned(GROUP, "machines", maxSize=1, minSize=0, mixedInstancesPolicy={"launchTemplate": template})


def managed(kind: str) -> Resource:
    """Capacity of which ECS may choose one kind of machine."""
    template = {
        "ec2InstanceProfileArn": "arn",
        "networkConfiguration": {"subnets": ["s"]},
        "instanceRequirements": {"allowedInstanceTypes": [kind], "memoryMib": {"min": 1}, "vcpuCount": {"min": 1}},
    }
    provider = {"infrastructureRoleArn": "arn", "instanceLaunchTemplate": template}
    return planned(PROVIDER, "managed", managedInstancesProvider=provider)


def function(**inputs: Any) -> Resource:
    """A function."""
    return planned(FUNCTION, "proxy", role="r", **inputs)


def opened_rule(ranges: str) -> Resource:
    """A rule of the old kind."""
    return planned(
        GROUP_RULE,
        "in",
        type="ingress",
        securityGroupId="sg-1",
        protocol="tcp",
        fromPort=8000,
        toPort=8000,
        cidrBlocks=[ranges],
    )


def opened_default(ranges: str) -> Resource:
    """The group that a network brings along."""
    return planned(
        DEFAULT_GROUP,
        "default",
        vpcId="vpc-1",
        ingress=[{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": [ranges]}],
    )


def tagged(type_: str, tags: dict[str, str]) -> Resource:
    """A resource of a type with these tags."""
    return planned(type_, "x", tags=tags, **_NEEDED.get(type_, {}))


_ALLOW = {"Effect": "Allow", "Action": "x:Use", "Resource": "*"}
_ACCOUNT = iam({**_ALLOW, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}})
_EVERYBODY = iam({**_ALLOW, "Principal": "*"})


def shared(type_: str, policy: str) -> Resource:
    """A resource of a type that has a policy of its own."""
    needed = {
        "aws:s3/bucketPolicy:BucketPolicy": {"bucket": "b"},
        "aws:sns/topicPolicy:TopicPolicy": {"arn": "arn"},
        "aws:kms/replicaKey:ReplicaKey": {"primaryKeyArn": "arn"},
    }
    return planned(type_, "x", policy=policy, **needed.get(type_, {}))


def disk_of_a_task(encrypted: bool) -> Resource:
    """A service that makes a disk for each task."""
    disk = {"name": "data", "managedEbsVolume": {"roleArn": "arn", "sizeInGb": 10, "encrypted": encrypted}}
    return planned(SERVICE, "app", volumeConfiguration=disk)


def disks(encrypted: bool) -> Resource:
    """An instance with a second disk."""
    second = {"deviceName": "/dev/sdb", "encrypted": encrypted}
    return planned(INSTANCE, "one", rootBlockDevice={"encrypted": True}, ebsBlockDevices=[second])


def parameter(**inputs: Any) -> Resource:
    """A parameter that is not encrypted."""
    return planned(PARAMETER, "one", type="String", **inputs)


def pair(rule: str, good: Resource, bad: Resource, says: str, environment: str = "prod") -> Case:
    """A case of one resource each."""
    return Case(rule=rule, good=(good,), bad=(bad,), says=says, environment=environment)


_INCOMPLETE = {key: value for key, value in reach.TAGS.items() if key != "owner"}
_TAGGED = [type_ for type_ in CHECKS["required-tags"] if type_ not in (GROUP, "aws:kms/key:Key")]

CASES = (
    pair("max-replicas", schedule(40), schedule(41), "scalableTargetAction.maxCapacity is 41; in prod at most 40"),
    pair("gpu-allow-list", alternatives("g6.xlarge"), alternatives("p5.48xlarge"), "has H100 GPUs", "dev"),
    pair("gpu-allow-list", managed("g6.*"), managed("p5.*"), "has H100 GPUs", "staging"),
    pair(
        "gpu-allow-list",
        planned(INSTANCE, "one", instanceType="m7i.large"),
        planned(INSTANCE, "one", instanceType="trn1.32xlarge"),
        "has an accelerator that the catalog does not know",
    ),
    pair(
        "deletion-protection-in-prod",
        planned(BUCKET, "weights"),
        planned(BUCKET, "weights", forceDestroy=True),
        "forceDestroy is true",
    ),
    pair(
        "deletion-protection-in-prod",
        planned(REPOSITORY, "app"),
        planned(REPOSITORY, "app", forceDelete=True),
        "forceDelete is true",
    ),
    pair(
        "deletable-in-dev",
        planned(BALANCER, "edge"),
        planned(BALANCER, "edge", enableDeletionProtection=True),
        "enableDeletionProtection is true",
        "dev",
    ),
    pair(
        "deletable-in-dev",
        planned(REPOSITORY, "app", forceDelete=True),
        planned(REPOSITORY, "app"),
        "forceDelete is not true",
        "dev",
    ),
    pair("image-digest", function(imageUri=IMAGE), function(imageUri="a/b:1"), "imageUri is 'a/b:1'"),
    pair(
        "registry-allow-list",
        function(imageUri=IMAGE),
        function(imageUri=f"nginx@{DIGEST}"),
        "imageUri comes from 'docker.io/library/nginx'",
    ),
    pair(
        "no-wildcard-iam",
        planned(ROLE_POLICY, "own", role="r", policy=_NARROW),
        planned(ROLE_POLICY, "own", role="r", policy=_WIDE),
        "a statement allows the action *.",
    ),
    pair(
        "no-wildcard-iam",
        planned(supply.ROLE, "own", assumeRolePolicy=iam(), inlinePolicies=[{"name": "x", "policy": _NARROW}]),
        planned(supply.ROLE, "own", assumeRolePolicy=iam(), inlinePolicies=[{"name": "x", "policy": _WIDE}]),
        "a statement allows the action *.",
    ),
    Case(
        rule="no-wildcard-iam",
        good=(
            supply.policy("s3:GetObject", "arn:aws:s3:::weights/*"),
            planned(ATTACHMENT, "own", {"policyArn": urn(supply.POLICY, "work")}, role="r", policyArn="arn"),
        ),
        bad=(planned(ATTACHMENT, "own", role="r", policyArn="arn:aws:iam::aws:policy/PowerUserAccess"),),
        says="it is given PowerUserAccess.",
    ),
    pair(
        "model-in-date",
        function(environment={"variables": {"TRIMARAN_ROUTES_YAML": supply.routes("amazon.nova-2-lite-v1:0")}}),
        function(environment={"variables": {"TRIMARAN_ROUTES_YAML": supply.routes("amazon.nova-premier-v1:0")}}),
        "environment.variables: backend 'bedrock-1': amazon.nova-premier-v1:0 on bedrock ended on 2026-09-14",
    ),
    pair(
        "secrets-not-in-environment",
        function(environment={"variables": {"PORT": "1"}}),
        function(environment={"variables": {"API_TOKEN": "abc"}}),
        "environment.variables has a readable value in API_TOKEN.",
    ),
    pair(
        "no-public-ingress",
        planned(SERVICE, "app", networkConfiguration={"subnets": ["s"], "assignPublicIp": False}),
        planned(SERVICE, "app", networkConfiguration={"subnets": ["s"], "assignPublicIp": True}),
        "assignPublicIp is true",
    ),
    pair(
        "no-public-ingress",
        planned(FUNCTION_URL, "url", functionName="f", authorizationType="AWS_IAM"),
        planned(FUNCTION_URL, "url", functionName="f", authorizationType="NONE"),
        "authorizationType is NONE",
    ),
    pair("closed-security-groups", opened_rule("10.0.0.0/8"), opened_rule("0.0.0.0/0"), "may connect to port 8000."),
    pair("closed-security-groups", opened_default("10.0.0.0/8"), opened_default("::/0"), "may connect to every port."),
    pair(
        "imdsv2",
        planned(INSTANCE, "one", metadataOptions={"httpTokens": "required"}),
        planned(INSTANCE, "one"),
        "metadataOptions.httpTokens is optional",
    ),
    pair(
        "encrypted-disks",
        planned(INSTANCE, "one", rootBlockDevice={"encrypted": True}),
        planned(INSTANCE, "one", rootBlockDevice={"volumeSize": 10}),
        "rootBlockDevice.encrypted is not true.",
    ),
    pair(
        "encrypted-disks",
        planned(VOLUME, "disk", availabilityZone="us-east-1a", encrypted=True),
        planned(VOLUME, "disk", availabilityZone="us-east-1a"),
        "encrypted is not true.",
    ),
    pair("encrypted-disks", disks(True), disks(False), "the disk /dev/sdb is not encrypted."),
    pair(
        "encrypted-disks",
        disk_of_a_task(True),
        disk_of_a_task(False),
        "volumeConfiguration.managedEbsVolume.encrypted is not true.",
    ),
    pair(
        "deletion-protection-in-prod",
        planned(VOLUME, "disk", availabilityZone="us-east-1a", finalSnapshot=True),
        planned(VOLUME, "disk", availabilityZone="us-east-1a"),
        "finalSnapshot is not true",
    ),
    pair(
        "deletion-protection-in-prod",
        planned(ZONE, "zone", name="example.com"),
        planned(ZONE, "zone", name="example.com", forceDestroy=True),
        "forceDestroy is true",
    ),
    pair(
        "deletion-protection-in-prod",
        planned(SECRET, "key", recoveryWindowInDays=7),
        planned(SECRET, "key", recoveryWindowInDays=0),
        "recoveryWindowInDays is 0",
    ),
    pair(
        "secrets-not-in-environment",
        parameter(name="/trimaran/region", value="us-east-1"),
        parameter(name="/trimaran/api-keys", value="me=abc"),
        "a parameter of type String has a readable value in api_keys.",
    ),
    *(
        pair(
            "bound-trust",
            shared(type_, _ACCOUNT),
            shared(type_, _EVERYBODY),
            "everybody is allowed x:Use on it.",
        )
        for type_ in CHECKED_IDENTITY["bound-trust"]
        if type_ != supply.ROLE
    ),
    pair(
        "required-tags",
        capacity.template(tags=reach.TAGS),
        capacity.template(tags=_INCOMPLETE),
        "it lacks the tag owner.",
    ),
    *(
        pair("required-tags", tagged(type_, reach.TAGS), tagged(type_, _INCOMPLETE), "it lacks the tag owner.")
        for type_ in _TAGGED
    ),
)
