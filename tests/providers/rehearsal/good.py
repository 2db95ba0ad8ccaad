"""Inputs as the engine sends them for programs that AWS would take, and one way to make them wrong."""

from __future__ import annotations

import copy
import functools
import json
from enum import Enum
from typing import Any

from providers.rehearsal.clouds.aws.cloud import Aws
from providers.rehearsal.findings import Finding
from providers.rehearsal.inspection import Inspection, inspect
from providers.rehearsal.rules.contract import CheckedResource, Facts


class Gone(Enum):
    """Stands for an input that is not there."""

    GONE = "gone"

    def __str__(self) -> str:
        return self.value


GONE = Gone.GONE

CONTAINER: dict[str, Any] = {
    "name": "app",
    "image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/trimaran/app@sha256:{'0' * 64}",
    "essential": True,
    "cpu": 1024,
    "memory": 12000,
    "portMappings": [{"containerPort": 8000, "protocol": "tcp"}],
    "resourceRequirements": [{"type": "GPU", "value": "1"}],
    "healthCheck": {"command": ["CMD", "true"], "interval": 10, "timeout": 5, "retries": 3, "startPeriod": 300},
    "secrets": [{"name": "KEYS", "valueFrom": "/sample/keys"}],
    "linuxParameters": {"sharedMemorySize": 4096},
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/sample"}},
}
POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Models",
            "Effect": "Allow",
            "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
            "Resource": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-8",
            "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
        },
        {"Effect": "Allow", "Action": "ssm:Get*", "Resource": ["*"]},
    ],
}
TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

INPUTS: dict[str, dict[str, Any]] = {
    "aws:ec2/vpc:Vpc": {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True, "tags": {"owner": "me"}},
    "aws:ec2/subnet:Subnet": {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/20", "availabilityZone": "us-east-1a"},
    "aws:ec2/launchTemplate:LaunchTemplate": {
        "name": "sample-engine",
        "instanceType": "g6.xlarge",
        "imageId": "ami-0a1b2c3d4e5f60718",
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100, "volumeType": "gp3", "encrypted": "true"}}
        ],
    },
    "aws:autoscaling/group:Group": {
        "name": "sample-engine",
        "minSize": 0,
        "maxSize": 4,
        "protectFromScaleIn": True,
        "launchTemplate": {"id": "lt-1", "version": "1"},
        "tags": [{"key": "AmazonECSManaged", "value": "true", "propagateAtLaunch": True}],
    },
    "aws:ecs/capacityProvider:CapacityProvider": {
        "name": "sample-gpu",
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/x",
            "managedTerminationProtection": "ENABLED",
            "managedScaling": {"status": "ENABLED", "targetCapacity": 100},
        },
    },
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": {
        "clusterName": "sample",
        "capacityProviders": ["sample-gpu"],
        "defaultCapacityProviderStrategies": [{"capacityProvider": "sample-gpu", "weight": 1}],
    },
    "aws:ecs/cluster:Cluster": {"name": "sample", "settings": [{"name": "containerInsights", "value": "enabled"}]},
    "aws:ecs/taskDefinition:TaskDefinition": {
        "family": "sample",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["EC2"],
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "containerDefinitions": json.dumps([CONTAINER]),
    },
    "aws:ecs/service:Service": {
        "name": "sample",
        "cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/sample",
        "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/sample:1",
        "desiredCount": 1,
        "capacityProviderStrategies": [{"capacityProvider": "sample-gpu", "weight": 1}],
        "networkConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]},
        "deploymentConfiguration": {
            "strategy": "CANARY",
            "bakeTimeInMinutes": "10",
            "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": "15"},
            "lifecycleHooks": [{"lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"], "targetType": "PAUSE"}],
        },
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "loadBalancers": [
            {
                "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue/1",
                "containerName": "app",
                "containerPort": 8000,
                "advancedConfiguration": {
                    "alternateTargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green/1",
                    "productionListenerRule": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/x/1/2/3",
                    "roleArn": "arn:aws:iam::123456789012:role/ecs",
                },
            }
        ],
    },
    "aws:lb/loadBalancer:LoadBalancer": {
        "name": "sample",
        "internal": True,
        "loadBalancerType": "application",
        "idleTimeout": 600,
        "subnets": ["subnet-1", "subnet-2"],
    },
    "aws:lb/targetGroup:TargetGroup": {
        "name": "sample-blue",
        "port": 8000,
        "protocol": "HTTP",
        "targetType": "ip",
        "vpcId": "vpc-1",
        "loadBalancingAlgorithmType": "least_outstanding_requests",
        "healthCheck": {"path": "/health/ready", "interval": 10, "timeout": 5, "matcher": "200", "healthyThreshold": 2},
    },
    "aws:lb/listener:Listener": {
        "loadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/sample/1",
        "port": 443,
        "protocol": "HTTPS",
        "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
        "defaultActions": [
            {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
        ],
    },
    "aws:lb/listenerRule:ListenerRule": {
        "listenerArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/sample/1/2",
        "priority": 10,
        "actions": [{"type": "forward", "forward": {"targetGroups": [{"arn": "arn:aws:x", "weight": 100}]}}],
        "conditions": [{"httpHeader": {"httpHeaderName": "x-revision", "values": ["green"]}}],
    },
    "aws:appautoscaling/target:Target": {
        "serviceNamespace": "ecs",
        "scalableDimension": "ecs:service:DesiredCount",
        "resourceId": "service/sample/sample",
        "minCapacity": 0,
        "maxCapacity": 4,
    },
    "aws:appautoscaling/policy:Policy": {
        "name": "queue",
        "policyType": "TargetTrackingScaling",
        "serviceNamespace": "ecs",
        "scalableDimension": "ecs:service:DesiredCount",
        "resourceId": "service/sample/sample",
        "targetTrackingScalingPolicyConfiguration": {
            "targetValue": 60,
            "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
    },
    "aws:cloudwatch/logGroup:LogGroup": {"name": "/sample", "retentionInDays": 30},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        "name": "queue",
        "comparisonOperator": "GreaterThanThreshold",
        "evaluationPeriods": 1,
        "namespace": "Trimaran",
        "metricName": "trimaran_queued",
        "statistic": "Maximum",
        "period": 60,
        "threshold": 1,
        "treatMissingData": "notBreaching",
    },
    "aws:iam/role:Role": {"name": "task", "assumeRolePolicy": json.dumps(TRUST)},
    "aws:iam/rolePolicy:RolePolicy": {"name": "task", "role": "task", "policy": json.dumps(POLICY)},
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
        "securityGroupId": "sg-1",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrIpv4": "10.0.0.0/16",
    },
    "aws:ecr/repository:Repository": {
        "name": "trimaran/app",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
    },
}


@functools.cache
def aws() -> Aws:
    """The description of AWS, read once."""
    return Aws()


def changed(value: Any, path: str, new: Any) -> Any:
    """A copy of a value with another one at a path like `a.0.b`; `GONE` takes it out. Goes into JSON texts too."""
    steps = path.split(".")
    value = copy.deepcopy(value)
    if isinstance(value, str):
        return json.dumps(changed(json.loads(value), path, new))
    step: Any = int(steps[0]) if isinstance(value, list) else steps[0]
    if len(steps) > 1:
        value[step] = changed(value[step], ".".join(steps[1:]), new)
    elif new is GONE:
        del value[step]
    elif isinstance(value, list) and step == len(value):
        value.append(new)
    else:
        value[step] = new
    return value


def resource(token: str, inputs: dict[str, Any] | None = None, name: str = "x") -> CheckedResource:
    """A resource of a type, with the good inputs unless others are given."""
    urn = f"urn:pulumi:dev::sample::{token}::{name}"
    return CheckedResource(urn=urn, token=token, inputs=INPUTS[token] if inputs is None else inputs)


def inspected(
    token: str,
    inputs: dict[str, Any] | None = None,
    peers: tuple[CheckedResource, ...] = (),
    gpu_quota: int | None = None,
) -> Inspection:
    """What is said of such a resource."""
    return inspect(aws(), resource(token, inputs), peers, Facts(limits=aws().limits, gpu_quota=gpu_quota))


def sentences(findings: tuple[Finding, ...]) -> str:
    """All that is wrong, a line each."""
    return "\n".join(each.sentence for each in findings)
