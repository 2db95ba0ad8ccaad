"""What a pipeline's roles may do, as data: every action by name, on resources of this environment where AWS can tell them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stacks.aws.account import Account
from stacks.aws.config import PipelineSection
from stacks.aws.documents import Statement, allow


@dataclass(frozen=True, slots=True, kw_only=True)
class _Actions:
    """Actions of a service by their names, and the resources that they may be used on."""

    service: str
    on: tuple[str, ...]
    names: tuple[str, ...]


_LOOK_UP = ("ec2:DescribeAvailabilityZones", "ec2:DescribeVpcs", "ec2:DescribeSubnets")

# Actions that AWS takes for "*" only, or for ids that nobody knows before: the region is their bound.
_ON_ANYTHING: Mapping[str, tuple[str, ...]] = {
    "ec2": (
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateLaunchTemplate",
        "CreateLaunchTemplateVersion",
        "CreateSecurityGroup",
        "CreateTags",
        "DeleteLaunchTemplate",
        "DeleteLaunchTemplateVersions",
        "DeleteSecurityGroup",
        "DescribeAccountAttributes",
        "DescribeAvailabilityZones",
        "DescribeLaunchTemplateVersions",
        "DescribeLaunchTemplates",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcAttribute",
        "DescribeVpcs",
        "ModifyLaunchTemplate",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "RunInstances",
    ),
    "ecs": (
        "CreateCluster",
        "DeregisterTaskDefinition",
        "DescribeTaskDefinition",
        "ListServiceDeployments",
        "RegisterTaskDefinition",
    ),
    "elasticloadbalancing": (
        "DescribeListenerAttributes",
        "DescribeListeners",
        "DescribeLoadBalancerAttributes",
        "DescribeLoadBalancers",
        "DescribeRules",
        "DescribeTags",
        "DescribeTargetGroupAttributes",
        "DescribeTargetGroups",
        "DescribeTargetHealth",
    ),
    "application-autoscaling": (
        "DeleteScalingPolicy",
        "DeleteScheduledAction",
        "DeregisterScalableTarget",
        "DescribeScalableTargets",
        "DescribeScalingPolicies",
        "DescribeScheduledActions",
        "ListTagsForResource",
        "PutScalingPolicy",
        "PutScheduledAction",
        "RegisterScalableTarget",
        "TagResource",
    ),
    "bedrock": (
        "CreateGuardrail",
        "CreateGuardrailVersion",
        "CreateInferenceProfile",
        "CreateProvisionedModelThroughput",
        "DeleteGuardrail",
        "DeleteInferenceProfile",
        "DeleteProvisionedModelThroughput",
        "GetGuardrail",
        "GetInferenceProfile",
        "GetProvisionedModelThroughput",
        "ListTagsForResource",
        "TagResource",
        "UntagResource",
        "UpdateGuardrail",
        "UpdateProvisionedModelThroughput",
    ),
    "autoscaling": ("DescribeAutoScalingGroups", "DescribeScalingActivities", "DescribeWarmPool"),
    "servicediscovery": (
        "CreatePrivateDnsNamespace",
        "CreateService",
        "DeleteNamespace",
        "DeleteService",
        "GetNamespace",
        "GetOperation",
        "GetService",
        "ListTagsForResource",
        "TagResource",
        "UpdateService",
    ),
    "route53": ("CreateHostedZone", "GetChange", "ListHostedZones"),
    "logs": ("DescribeLogGroups",),
    "cloudwatch": ("DescribeAlarms", "GetMetricData", "ListMetrics"),
    "ssm": ("DescribeParameters",),
}

# Actions on resources whose names begin with the stack's.
_ON_OURS: tuple[_Actions, ...] = (
    _Actions(
        service="ecs",
        on=(
            "cluster/{ours}",
            "service/{ours}/*",
            "service-deployment/{ours}/*",
            "task-definition/{ours}*",
            "capacity-provider/*",
        ),
        names=(
            "ContinueServiceDeployment",
            "CreateCapacityProvider",
            "CreateService",
            "DeleteCapacityProvider",
            "DeleteCluster",
            "DeleteService",
            "DescribeCapacityProviders",
            "DescribeClusters",
            "DescribeServiceDeployments",
            "DescribeServices",
            "ListTagsForResource",
            "PutClusterCapacityProviders",
            "StopServiceDeployment",
            "TagResource",
            "UntagResource",
            "UpdateCapacityProvider",
            "UpdateCluster",
            "UpdateService",
        ),
    ),
    _Actions(
        service="elasticloadbalancing",
        on=(
            "loadbalancer/app/{ours}*",
            "targetgroup/{ours}*",
            "listener/app/{ours}*",
            "listener-rule/app/{ours}*",
        ),
        names=(
            "AddTags",
            "CreateListener",
            "CreateLoadBalancer",
            "CreateRule",
            "CreateTargetGroup",
            "DeleteListener",
            "DeleteLoadBalancer",
            "DeleteRule",
            "DeleteTargetGroup",
            "ModifyListener",
            "ModifyLoadBalancerAttributes",
            "ModifyRule",
            "ModifyTargetGroup",
            "ModifyTargetGroupAttributes",
            "RemoveTags",
            "SetSecurityGroups",
            "SetSubnets",
        ),
    ),
    _Actions(
        service="autoscaling",
        on=("autoScalingGroup:*:autoScalingGroupName/{ours}*",),
        names=(
            "CreateAutoScalingGroup",
            "CreateOrUpdateTags",
            "DeleteAutoScalingGroup",
            "DeleteTags",
            "DeleteWarmPool",
            "PutWarmPool",
            "SetInstanceProtection",
            "UpdateAutoScalingGroup",
        ),
    ),
    _Actions(
        service="logs",
        on=("log-group:/trimaran/{ours}*",),
        names=(
            "AssociateKmsKey",
            "CreateLogGroup",
            "DeleteLogGroup",
            "FilterLogEvents",
            "ListTagsForResource",
            "PutRetentionPolicy",
            "TagResource",
        ),
    ),
    _Actions(
        service="cloudwatch",
        on=("alarm:{ours}*",),
        names=(
            "DeleteAlarms",
            "ListTagsForResource",
            "PutMetricAlarm",
            "TagResource",
        ),
    ),
    _Actions(
        service="ssm",
        on=("parameter/trimaran/{ours}/*",),
        names=(
            "AddTagsToResource",
            "DeleteParameter",
            "GetParameter",
            "ListTagsForResource",
            "PutParameter",
        ),
    ),
    _Actions(
        service="sns",
        on=("{ours}*",),
        names=(
            "CreateTopic",
            "DeleteTopic",
            "GetSubscriptionAttributes",
            "GetTopicAttributes",
            "ListTagsForResource",
            "SetTopicAttributes",
            "Subscribe",
            "TagResource",
            "Unsubscribe",
        ),
    ),
    _Actions(
        service="elasticache",
        on=(
            "replicationgroup:{ours}*",
            "subnetgroup:{ours}*",
            "cluster:{ours}*",
            "parametergroup:*",
        ),
        names=(
            "AddTagsToResource",
            "CreateCacheSubnetGroup",
            "CreateReplicationGroup",
            "DeleteCacheSubnetGroup",
            "DeleteReplicationGroup",
            "DescribeCacheClusters",
            "DescribeCacheSubnetGroups",
            "DescribeReplicationGroups",
            "ListTagsForResource",
            "ModifyReplicationGroup",
        ),
    ),
)

# Actions on what belongs to no region.
_ON_OURS_GLOBALLY: tuple[_Actions, ...] = (
    _Actions(
        service="iam",
        on=(
            "role/{ours}*",
            "instance-profile/{ours}*",
        ),
        names=(
            "AddRoleToInstanceProfile",
            "CreateInstanceProfile",
            "CreateRole",
            "DeleteInstanceProfile",
            "DeleteRole",
            "DeleteRolePolicy",
            "GetInstanceProfile",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
            "ListInstanceProfilesForRole",
            "ListRolePolicies",
            "PutRolePolicy",
            "RemoveRoleFromInstanceProfile",
            "TagInstanceProfile",
            "TagRole",
            "UpdateAssumeRolePolicy",
        ),
    ),
    _Actions(
        service="budgets",
        on=("budget/{ours}*",),
        names=(
            "ModifyBudget",
            "TagResource",
            "ViewBudget",
        ),
    ),
)
_PASSED_TO = ("ecs.amazonaws.com", "ecs-tasks.amazonaws.com", "ec2.amazonaws.com")


def previewing(account: Account, section: PipelineSection) -> Mapping[str, list[Statement]]:
    """To read the state and to look up what the program asks for; it changes nothing."""
    return {
        "read": [
            allow(["s3:ListBucket", "s3:GetObject"], _state(account, section)),
            allow(["kms:Decrypt"], [section.state_key]),
            allow(_LOOK_UP, ["*"], _here(account)),
            allow(["ssm:GetParameter"], [_machine_images(account)]),
        ]
    }


def deploying(account: Account, section: PipelineSection, key: str) -> Mapping[str, list[Statement]]:
    """To keep the state and to make, change and delete what the service stacks of this environment have.

    Policy -> its statements: a role may have ten managed policies of 6,144 characters each.
    """
    # aws-ecs-prod and aws-sagemaker-prod, not aws-ecs-dev: a stack's name ends with its environment.
    ours = f"aws-*-{account.environment}"
    own = [_on_ours(each, ours, account.arn) for each in _ON_OURS]
    records = ("ChangeResourceRecordSets", "GetHostedZone", "ListResourceRecordSets")
    return {
        "state": [
            allow(["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"], _state(account, section)),
            allow(["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"], [section.state_key]),
            _using(account, key),
            allow(["ssm:GetParameter"], [_machine_images(account)]),
        ],
        "anything": [
            allow(_named(service, actions), ["*"], {} if service == "route53" else _here(account))
            for service, actions in _ON_ANYTHING.items()
        ],
        "own": own[:2],
        "more-of-its-own": own[2:],
        "identity": [
            allow(["iam:PassRole"], [account.global_arn("iam", f"role/{ours}*")], _passed()),
            allow(_named("route53", records), [f"arn:{account.partition}:route53:::hostedzone/*"]),
            *(_on_ours(each, ours, account.global_arn) for each in _ON_OURS_GLOBALLY),
        ],
    }


def _on_ours(actions: _Actions, ours: str, arn: Callable[[str, str], str]) -> Statement:
    """The actions on the resources whose names begin like ours."""
    resources = [arn(actions.service, each.format(ours=ours)) for each in actions.on]
    return allow(_named(actions.service, actions.names), resources)


def _named(service: str, actions: Sequence[str]) -> list[str]:
    return [f"{service}:{action}" for action in actions]


def _using(account: Account, key: str) -> Statement:
    """To use a key by its ARN, or by its alias: the ARN of one that is made in the same stack is not known before."""
    actions = _named("kms", ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"))
    if key.startswith("arn:"):
        return allow(actions, [key])
    return allow(actions, [account.arn("kms", "key/*")], {"ForAnyValue:StringEquals": {"kms:ResourceAliases": key}})


def _state(account: Account, section: PipelineSection) -> list[str]:
    return [account.bucket_arn(section.state_bucket), account.bucket_arn(section.state_bucket, "/*")]


def _machine_images(account: Account) -> str:
    return f"arn:{account.partition}:ssm:{account.region}::parameter/aws/service/ecs/optimized-ami/*"


def _here(account: Account) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:RequestedRegion": account.region}}


def _passed() -> dict[str, dict[str, list[str]]]:
    return {"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}}
