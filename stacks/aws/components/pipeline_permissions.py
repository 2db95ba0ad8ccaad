"""What a pipeline's roles may do, as data: every action by name, on resources of this environment where AWS can tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stacks.aws.documents import Statement, allow
from stacks.aws.place import Place
from stacks.sections import Pipeline

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

# Actions on resources whose names begin with the stack's: service, the resources, the actions.
_ON_OURS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "ecs",
        (
            "cluster/{ours}",
            "service/{ours}/*",
            "service-deployment/{ours}/*",
            "task-definition/{ours}*",
            "capacity-provider/*",
        ),
        (
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
    (
        "elasticloadbalancing",
        (
            "loadbalancer/app/{ours}*",
            "targetgroup/{ours}*",
            "listener/app/{ours}*",
            "listener-rule/app/{ours}*",
        ),
        (
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
    (
        "autoscaling",
        ("autoScalingGroup:*:autoScalingGroupName/{ours}*",),
        (
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
    (
        "logs",
        ("log-group:/trimaran/{ours}*",),
        (
            "AssociateKmsKey",
            "CreateLogGroup",
            "DeleteLogGroup",
            "FilterLogEvents",
            "ListTagsForResource",
            "PutRetentionPolicy",
            "TagResource",
        ),
    ),
    (
        "cloudwatch",
        ("alarm:{ours}*",),
        ("DeleteAlarms", "ListTagsForResource", "PutMetricAlarm", "TagResource"),
    ),
    (
        "ssm",
        ("parameter/trimaran/{ours}/*",),
        ("AddTagsToResource", "DeleteParameter", "GetParameter", "ListTagsForResource", "PutParameter"),
    ),
    (
        "sns",
        ("{ours}*",),
        (
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
    (
        "elasticache",
        ("replicationgroup:{ours}*", "subnetgroup:{ours}*", "cluster:{ours}*", "parametergroup:*"),
        (
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
_ON_OURS_GLOBALLY: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "iam",
        ("role/{ours}*", "instance-profile/{ours}*"),
        (
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
    ("budgets", ("budget/{ours}*",), ("ModifyBudget", "TagResource", "ViewBudget")),
)
_PASSED_TO = ("ecs.amazonaws.com", "ecs-tasks.amazonaws.com", "ec2.amazonaws.com")


def previewing(place: Place, section: Pipeline) -> Mapping[str, list[Statement]]:
    """To read the state and to look up what the program asks for; it changes nothing."""
    return {
        "read": [
            allow(["s3:ListBucket", "s3:GetObject"], _state(place, section)),
            allow(["kms:Decrypt"], [section.state_key]),
            allow(_LOOK_UP, ["*"], _here(place)),
            allow(["ssm:GetParameter"], [_machine_images(place)]),
        ]
    }


def deploying(place: Place, section: Pipeline, key: str) -> Mapping[str, list[Statement]]:
    """To keep the state and to make, change and delete what the service stacks of this environment have.

    Policy -> its statements: a role may have ten managed policies of 6,144 characters each.
    """
    # aws-ecs-prod and aws-sagemaker-prod, not aws-ecs-dev: a stack's name ends with its environment.
    ours = f"aws-*-{place.environment}"
    own = [
        allow(_named(service, actions), [place.arn(service, each.format(ours=ours)) for each in on])
        for service, on, actions in _ON_OURS
    ]
    records = ("ChangeResourceRecordSets", "GetHostedZone", "ListResourceRecordSets")
    return {
        "state": [
            allow(["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"], _state(place, section)),
            allow(["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"], [section.state_key]),
            _using(place, key),
            allow(["ssm:GetParameter"], [_machine_images(place)]),
        ],
        "anything": [
            allow(_named(service, actions), ["*"], {} if service == "route53" else _here(place))
            for service, actions in _ON_ANYTHING.items()
        ],
        "own": own[:2],
        "more-of-its-own": own[2:],
        "identity": [
            allow(["iam:PassRole"], [place.global_arn("iam", f"role/{ours}*")], _passed()),
            allow(_named("route53", records), [f"arn:{place.partition}:route53:::hostedzone/*"]),
            *(
                allow(_named(service, actions), [place.global_arn(service, each.format(ours=ours)) for each in on])
                for service, on, actions in _ON_OURS_GLOBALLY
            ),
        ],
    }


def _named(service: str, actions: Sequence[str]) -> list[str]:
    return [f"{service}:{action}" for action in actions]


def _using(place: Place, key: str) -> Statement:
    """To use a key by its ARN, or by its alias: the ARN of one that is made in the same stack is not known before."""
    actions = _named("kms", ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"))
    if key.startswith("arn:"):
        return allow(actions, [key])
    return allow(actions, [place.arn("kms", "key/*")], {"ForAnyValue:StringEquals": {"kms:ResourceAliases": key}})


def _state(place: Place, section: Pipeline) -> list[str]:
    return [place.bucket_arn(section.state_bucket), place.bucket_arn(section.state_bucket, "/*")]


def _machine_images(place: Place) -> str:
    return f"arn:{place.partition}:ssm:{place.region}::parameter/aws/service/ecs/optimized-ami/*"


def _here(place: Place) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:RequestedRegion": place.region}}


def _passed() -> dict[str, dict[str, list[str]]]:
    return {"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}}
