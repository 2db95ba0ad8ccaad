"""Every input path that a quantity reads, by resource type: what must be checked before a cost can be believed.

A quantity that reads a path which is not listed here fails at once, so the list and the code cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping

_DISTRIBUTION = "mixedInstancesPolicy.instancesDistribution"
_MANAGED = "managedInstancesProvider.instanceLaunchTemplate"

READS: Mapping[str, tuple[str, ...]] = {
    "aws:alb/loadBalancer:LoadBalancer": ("internal", "loadBalancerType", "subnetMappings", "subnets"),
    "aws:appautoscaling/policy:Policy": ("targetTrackingScalingPolicyConfiguration",),
    "aws:appautoscaling/target:Target": ("maxCapacity", "minCapacity", "resourceId"),
    "aws:autoscaling/group:Group": (
        "maxSize",
        "minSize",
        _DISTRIBUTION,
        f"{_DISTRIBUTION}.onDemandBaseCapacity",
        f"{_DISTRIBUTION}.onDemandPercentageAboveBaseCapacity",
        "mixedInstancesPolicy.launchTemplate.overrides",
        "mixedInstancesPolicy.launchTemplate.overrides[].instanceType",
        "warmPool",
        "warmPool.minSize",
        "warmPool.poolState",
    ),
    "aws:cloudwatch/logGroup:LogGroup": ("logGroupClass", "retentionInDays"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (
        "metricQueries",
        "metricQueries[].metric",
        "metricQueries[].metric.period",
        "period",
    ),
    "aws:ebs/volume:Volume": ("size", "type"),
    "aws:ec2/capacityReservation:CapacityReservation": ("instanceCount", "instanceType"),
    "aws:ec2/instance:Instance": (
        "instanceType",
        "rootBlockDevice",
        "rootBlockDevice.volumeSize",
        "rootBlockDevice.volumeType",
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        "blockDeviceMappings",
        "blockDeviceMappings[].ebs",
        "blockDeviceMappings[].ebs.iops",
        "blockDeviceMappings[].ebs.throughput",
        "blockDeviceMappings[].ebs.volumeSize",
        "blockDeviceMappings[].ebs.volumeType",
        "instanceType",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("subnetIds", "vpcEndpointType"),
    "aws:ecs/capacityProvider:CapacityProvider": (
        "managedInstancesProvider",
        f"{_MANAGED}.capacityOptionType",
        f"{_MANAGED}.instanceRequirements.allowedInstanceTypes",
        f"{_MANAGED}.storageConfiguration.storageSizeGib",
    ),
    "aws:ecs/cluster:Cluster": ("settings", "settings[].name", "settings[].value"),
    "aws:ecs/service:Service": (
        "capacityProviderStrategies",
        "capacityProviderStrategies[].capacityProvider",
        "desiredCount",
        "launchType",
        "name",
        "networkConfiguration.assignPublicIp",
    ),
    "aws:ecs/taskDefinition:TaskDefinition": (
        "cpu",
        "ephemeralStorage.sizeInGib",
        "memory",
        "runtimePlatform.cpuArchitecture",
    ),
    "aws:elasticache/cluster:Cluster": ("engine", "nodeType", "numCacheNodes", "replicationGroupId"),
    "aws:elasticache/replicationGroup:ReplicationGroup": (
        "engine",
        "nodeType",
        "numCacheClusters",
        "numNodeGroups",
        "replicasPerNodeGroup",
        "snapshotRetentionLimit",
    ),
    "aws:lambda/function:Function": ("architectures", "memorySize"),
    "aws:lb/loadBalancer:LoadBalancer": ("internal", "loadBalancerType", "subnetMappings", "subnets"),
    "aws:ssm/parameter:Parameter": ("tier",),
}
