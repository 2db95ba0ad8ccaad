"""What each type of AWS is billed for, in dollars of us-east-1 that can be checked by hand: a row for every type, and more where it pays."""

from __future__ import annotations

from tests.cost.rows import Row
from tests.plan.made import NOT_KNOWN

GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"

SCALED = "aws:appautoscaling/target:Target"

# SKUs, by all but their last word, whose rates nobody has found: the lines are unknown and say so.
UNPRICED = {
    "aws:ecs-managed": "what ECS takes for managing an instance",
    "aws:bedrock-provisioned": "what Bedrock takes for a model unit, told on request",
}

PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
_LITE = {"modelSource": {"copyFrom": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"}}
_GLOBAL_LITE = {
    "modelSource": {"copyFrom": "arn:aws:bedrock:us-east-1:1:inference-profile/global.amazon.nova-2-lite-v1:0"},
    "tags": {"trimaran-role": "fallback"},
}
# A month has 730 hours, and so 730 / 24 days.
_DAYS = "30.416666666666666667"

ROWS = (
    Row(
        type=PROFILE,
        inputs=_LITE,
        stated={"requests_per_day": "24000", "tokens_in": "1000"},
        further={"fallback_share": "0.5"},
        key="tokens.tokens-in",
        usd=f"0.06 * 12 * {_DAYS}",
    ),
    Row(
        type=PROFILE,
        inputs=_GLOBAL_LITE,
        stated={"requests_per_day": "24000", "tokens_out": "1000", "fallback_share": "0.5"},
        key="tokens.tokens-out",
        usd=f"2.5 * 12 * {_DAYS}",
    ),
    Row(
        type="aws:bedrock/guardrail:Guardrail",
        inputs={"contentPolicyConfig": {"filtersConfigs": [{"type": "HATE"}]}},
        stated={"requests_per_day": "24000", "text_units_per_request": "3"},
        key="guardrail-content",
        usd=f"0.15 * 72 * {_DAYS}",
    ),
    Row(
        type="aws:bedrock/guardrail:Guardrail",
        inputs={"sensitiveInformationPolicyConfig": {"piiEntitiesConfigs": [{"type": "PIN"}]}},
        stated={"requests_per_day": "24000", "text_units_per_request": "3"},
        key="guardrail-sensitive",
        usd=f"0.10 * 72 * {_DAYS}",
    ),
    Row(
        type="aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput",
        inputs={"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/acme.x-v1:0", "modelUnits": 2},
        prices={
            "aws:bedrock-provisioned:acme.x-v1-0": {
                "us-east-1": {"usd": "20", "unit": "unit-hour", "checked": "2026-12-01", "source": "a letter"}
            }
        },
        key="model-units",
        usd="20 * 730 * 2",
    ),
    Row(type="aws:ec2/natGateway:NatGateway", key="nat-gateway", usd="0.045 * 730"),
    Row(type="aws:ec2/eip:Eip", inputs={"domain": "vpc"}, key="public-ipv4", usd="0.005 * 730"),
    Row(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        inputs={"vpcEndpointType": "Interface", "subnetIds": [NOT_KNOWN, NOT_KNOWN, NOT_KNOWN]},
        key="interface-endpoints",
        usd="0.01 * 730 * 3",
    ),
    Row(type="aws:lb/loadBalancer:LoadBalancer", inputs={"internal": True}, key="load-balancer", usd="0.0225 * 730"),
    Row(
        type="aws:lb/loadBalancer:LoadBalancer",
        inputs={"subnets": [NOT_KNOWN, NOT_KNOWN]},
        key="load-balancer-public-ipv4",
        usd="0.005 * 730 * 2",
    ),
    Row(type="aws:kms/key:Key", key="encryption-key", usd="1"),
    Row(type="aws:secretsmanager/secret:Secret", key="secret", usd="0.4"),
    Row(type="aws:ssm/parameter:Parameter", inputs={"tier": "Advanced"}, key="advanced-parameter", usd="0.05"),
    Row(type="aws:route53/zone:Zone", key="hosted-zone", usd="0.5"),
    Row(type="aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace", key="hosted-zone", usd="0.5"),
    Row(
        type="aws:cloudwatch/metricAlarm:MetricAlarm", inputs={"metricName": "x", "period": 60}, key="alarms", usd="0.1"
    ),
    Row(
        type="aws:cloudwatch/metricAlarm:MetricAlarm", inputs={"metricName": "x", "period": 10}, key="alarms", usd="0.3"
    ),
    Row(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        inputs={"metricQueries": [{"metric": {"period": 60}}, {"metric": {"period": 60}}, {"expression": "a/b"}]},
        key="alarms",
        usd="0.1 * 2",
    ),
    Row(type="aws:cloudwatch/logMetricFilter:LogMetricFilter", key="metrics-from-logs", usd="0.3"),
    Row(type="aws:cloudwatch/dashboard:Dashboard", key="dashboard", usd="3"),
    Row(
        type="aws:appautoscaling/policy:Policy",
        inputs={"targetTrackingScalingPolicyConfiguration": {"a": 1}},
        key="alarms",
        usd="0.1 * 2",
    ),
    Row(
        type="aws:elasticache/replicationGroup:ReplicationGroup",
        inputs={"engine": "valkey", "nodeType": "cache.t4g.small", "numCacheClusters": 2},
        key="cache-nodes",
        usd="0.0256 * 730 * 2",
    ),
    Row(
        type="aws:elasticache/replicationGroup:ReplicationGroup",
        inputs={"nodeType": "cache.t4g.small", "numNodeGroups": 2, "replicasPerNodeGroup": 1},
        key="cache-nodes",
        usd="0.032 * 730 * 4",
    ),
    Row(
        type="aws:elasticache/cluster:Cluster",
        inputs={"nodeType": "cache.t4g.micro"},
        key="cache-nodes",
        usd="0.016 * 730",
    ),
    Row(type="aws:ec2/instance:Instance", inputs={"instanceType": "t3.large"}, key="instance", usd="0.0832 * 730"),
    Row(type="aws:ebs/volume:Volume", inputs={"size": 50, "type": "gp3"}, key="disk", usd="0.08 * 50"),
    Row(
        type="aws:ec2/capacityReservation:CapacityReservation",
        inputs={"instanceCount": 2, "instanceType": "g6.xlarge"},
        key="reserved-capacity",
        usd="0.8048 * 730 * 2",
    ),
    Row(type="aws:ec2/natGateway:NatGateway", stated={"nat_gb": "100"}, key="nat-data", usd="0.045 * 100"),
    Row(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        inputs={"vpcEndpointType": "Interface"},
        stated={"endpoint_gb": "50"},
        key="endpoint-data",
        usd="0.01 * 50",
    ),
    Row(
        type="aws:lb/loadBalancer:LoadBalancer",
        stated={"alb_lcus": "2"},
        key="load-balancer-units",
        usd="0.008 * 2 * 730",
    ),
    Row(
        type="aws:lb/loadBalancer:LoadBalancer",
        stated={"internet_gb": "10"},
        key="data-to-the-internet",
        usd="0.09 * 10",
    ),
    Row(
        type="aws:cloudwatch/logGroup:LogGroup",
        inputs={"retentionInDays": 30},
        stated={"log_gb": "20"},
        key="log-ingestion",
        usd="0.5 * 20",
    ),
    Row(
        type="aws:cloudwatch/logGroup:LogGroup",
        inputs={"retentionInDays": 60},
        stated={"log_gb": "20"},
        key="log-storage",
        usd="0.03 * 20 * 2",
    ),
    Row(type="aws:ecr/repository:Repository", stated={"image_gb": "30"}, key="images", usd="0.1 * 30"),
    Row(type="aws:s3/bucket:Bucket", stated={"bucket_gb": "40"}, key="bucket-storage", usd="0.023 * 40"),
    Row(type="aws:s3/bucket:Bucket", stated={"bucket_reads": "5000"}, key="bucket-reads", usd="0.0004 * 5"),
    Row(type="aws:kms/key:Key", stated={"kms_requests": "20000"}, key="key-requests", usd="0.03 * 2"),
    Row(type="aws:route53/zone:Zone", stated={"dns_queries": "2000000"}, key="dns-queries", usd="0.4 * 2"),
    Row(type="aws:secretsmanager/secret:Secret", stated={"secret_requests": "10000"}, key="secret-reads", usd="0.05"),
    Row(type="aws:ecs/cluster:Cluster", stated={"custom_metrics": "12"}, key="custom-metrics", usd="0.3 * 12"),
    Row(
        type="aws:ecs/cluster:Cluster", stated={"between_zones_gb": "10"}, key="data-between-zones", usd="0.01 * 10 * 2"
    ),
    Row(type="aws:sns/topic:Topic", stated={"notifications": "1000000"}, key="notifications", usd="0.5"),
    Row(type="aws:lambda/function:Function", stated={"function_calls": "3000000"}, key="function-calls", usd="0.2 * 3"),
    Row(
        type="aws:lambda/function:Function",
        inputs={"memorySize": 1024, "architectures": ["arm64"]},
        stated={"function_calls": "1000"},
        key="function-time",
        usd="0.0000133334 * 1000",
    ),
    Row(
        type="aws:elasticache/replicationGroup:ReplicationGroup",
        inputs={"nodeType": "cache.t4g.micro", "snapshotRetentionLimit": 3},
        stated={"backup_gb": "2"},
        key="cache-backups",
        usd="0.085 * 2",
    ),
    Row(type="aws:kms/replicaKey:ReplicaKey", key="encryption-key", usd="1"),
    Row(type="aws:s3/bucket:Bucket", stated={"bucket_writes": "5000"}, key="bucket-writes", usd="0.005 * 5"),
    Row(
        type=GROUP,
        inputs={"minSize": 2, "maxSize": 2},
        links={"launchTemplate": TEMPLATE},
        beside={TEMPLATE: {"instanceType": "g6.xlarge"}},
        key="instances.always-on",
        usd="0.8048 * 730 * 2",
    ),
    Row(
        type=SERVICE,
        inputs={"launchType": "FARGATE", "desiredCount": 2},
        links={"taskDefinition": TASK},
        beside={TASK: {"cpu": "1024", "memory": "2048"}},
        key="task-vcpu.always-on",
        usd="0.04048 * 730 * 2",
    ),
    Row(
        type=PROVIDER,
        inputs={
            "managedInstancesProvider": {
                "instanceLaunchTemplate": {"instanceRequirements": {"allowedInstanceTypes": ["g6.xlarge"]}}
            }
        },
        referring={SERVICE: {"desiredCount": 1}},
        key="managed-instances.on-demand",
        usd="0.8048 * 730",
    ),
    # Of 24 hours a day half are work and half are loading and waiting, which 24 wakes of 1800 s make.
    Row(
        type=PROVIDER,
        inputs={
            "managedInstancesProvider": {
                "instanceLaunchTemplate": {"instanceRequirements": {"allowedInstanceTypes": ["g6.xlarge"]}}
            }
        },
        referring={SERVICE: {"name": "engine"}},
        beside={SCALED: {"resourceId": "service/cluster/engine", "minCapacity": 0, "maxCapacity": 4}},
        stated={"busy_hours_per_day": "8", "replicas": "1.5", "wakes_per_day": "24"},
        further={"idle_timeout_s": "1200", "wake_s": "600"},
        key="managed-instances.on-demand",
        usd="0.8048 * 730",
    ),
    # 18 hours of work and 12 of loading and waiting are more than the one instance has: 12 of its 24 are left for work.
    Row(
        type=GROUP,
        inputs={"minSize": 0, "maxSize": 1},
        links={"launchTemplate": TEMPLATE},
        beside={TEMPLATE: {"instanceType": "g6.xlarge"}},
        stated={"busy_hours_per_day": "12", "replicas": "1.5", "wakes_per_day": "24"},
        further={"idle_timeout_s": "1200", "wake_s": "600"},
        key="instances.scaled-out",
        usd="0.8048 * 365",
    ),
    Row(
        type=SERVICE,
        inputs={"launchType": "FARGATE", "name": "api"},
        links={"taskDefinition": TASK},
        beside={
            TASK: {"cpu": "1024", "memory": "2048"},
            SCALED: {"resourceId": "service/cluster/api", "minCapacity": 1, "maxCapacity": 3},
        },
        stated={"api_replicas": "2"},
        key="task-vcpu.scaled-out",
        usd="0.04048 * 730",
    ),
    Row(
        type="aws:lambda/function:Function",
        inputs={"memorySize": 1024},
        stated={"function_calls": "1000"},
        further={"function_seconds": "3"},
        key="function-time",
        usd="0.0000166667 * 1000 * 3",
    ),
    Row(type="aws:kms/replicaKey:ReplicaKey", stated={"kms_requests": "20000"}, key="key-requests", usd="0.03 * 2"),
    # 100 requests a second: of 100 kB each they are 36 GB an hour; of 300 s each, 30,000 at once, 3,000 to a unit.
    Row(
        type="aws:lb/loadBalancer:LoadBalancer",
        further={"requests_per_day": "8640000", "response_kb": "100"},
        key="load-balancer-units",
        usd="0.008 * 36 * 730",
    ),
    Row(
        type="aws:lb/loadBalancer:LoadBalancer",
        further={"requests_per_day": "8640000", "response_kb": "10", "seconds_per_request": "300"},
        key="load-balancer-units",
        usd="0.008 * 10 * 730",
    ),
    Row(
        type="aws:lb/loadBalancer:LoadBalancer",
        further={"requests_per_day": "24000", "response_kb": "100"},
        key="data-to-the-internet",
        usd="0.09 * 73",
    ),
    Row(
        type="aws:cloudwatch/logGroup:LogGroup",
        inputs={"retentionInDays": 30},
        further={"requests_per_day": "24000", "log_kb_per_request": "3"},
        key="log-ingestion",
        usd="0.5 * 2.19",
    ),
)
