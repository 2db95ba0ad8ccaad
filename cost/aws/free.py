"""Types of AWS that cost nothing themselves, each with where that is said. What they lead to is billed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

_REGISTRY = "infracost/infracost@95ba4f49: internal/providers/terraform/aws/registry.go, FreeResources"
_VPC = "aws.amazon.com/vpc/pricing: no charge for the VPC itself"
_ECS = "aws.amazon.com/ecs/pricing: no charge besides the capacity that tasks run on"
_SCALING = "aws.amazon.com/autoscaling/pricing: no charge besides alarms and capacity"
_ACM = "aws.amazon.com/certificate-manager/pricing: public certificates for integrated services are free"
_ECR = "aws.amazon.com/ecr/pricing: storage and transfer only; basic scanning is free"
_S3 = "aws.amazon.com/s3/pricing: storage, requests and transfer only"
_ROUTE53 = "aws.amazon.com/route53/pricing: zones and queries only"
_EVENTS = "aws.amazon.com/eventbridge/pricing: rules for AWS events and the first 14 million scheduled calls are free"
_FLOW_LOGS = "aws.amazon.com/cloudwatch/pricing: what flow logs write is billed as log ingestion, at its log group"

_GUARDRAILS = (
    "aws.amazon.com/bedrock/pricing: guardrails are billed by text units, at the guardrail; a version costs nothing"
)
_INVOCATIONS = (
    "docs.aws.amazon.com/bedrock, model-invocation-logging: what is written is billed at its log group or bucket"
)

_IN_REGISTRY = (
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:autoscaling/lifecycleHook:LifecycleHook",
    "aws:budgets/budget:Budget",
    "aws:appautoscaling/scheduledAction:ScheduledAction",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/placementGroup:PlacementGroup",
    "aws:ec2/route:Route",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:elasticache/parameterGroup:ParameterGroup",
    "aws:elasticache/subnetGroup:SubnetGroup",
    "aws:elasticache/user:User",
    "aws:elasticache/userGroup:UserGroup",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/serviceLinkedRole:ServiceLinkedRole",
    "aws:kms/alias:Alias",
    "aws:lambda/permission:Permission",
    "aws:lb/listener:Listener",
    "aws:lb/listenerCertificate:ListenerCertificate",
    "aws:lb/listenerRule:ListenerRule",
    "aws:lb/targetGroup:TargetGroup",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:servicediscovery/service:Service",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)

FREE: Mapping[str, str] = {
    **dict.fromkeys(_IN_REGISTRY, _REGISTRY),
    "aws:acm/certificate:Certificate": _ACM,
    "aws:appautoscaling/target:Target": _SCALING,
    "aws:autoscaling/policy:Policy": _SCALING,
    "aws:autoscaling/schedule:Schedule": _SCALING,
    "aws:bedrock/guardrailVersion:GuardrailVersion": _GUARDRAILS,
    "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration": _INVOCATIONS,
    "aws:cloudwatch/eventTarget:EventTarget": _EVENTS,
    "aws:cloudwatch/logStream:LogStream": _REGISTRY,
    "aws:ec2/flowLog:FlowLog": _FLOW_LOGS,
    "aws:ec2/subnet:Subnet": _VPC,
    "aws:ec2/vpc:Vpc": _VPC,
    "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy": _VPC,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _ECR,
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": _ECR,
    "aws:ecs/accountSettingDefault:AccountSettingDefault": _REGISTRY,
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": _ECS,
    "aws:ecs/taskDefinition:TaskDefinition": _ECS,
    "aws:route53/record:Record": _ROUTE53,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _S3,
    "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": _S3,
    "aws:s3/bucketLogging:BucketLogging": _S3,
    "aws:s3/bucketVersioning:BucketVersioning": _S3,
    "aws:s3/bucketVersioningV2:BucketVersioningV2": _S3,
    "aws:scheduler/schedule:Schedule": _EVENTS,
    "aws:scheduler/scheduleGroup:ScheduleGroup": _EVENTS,
    "aws:servicediscovery/httpNamespace:HttpNamespace": "aws.amazon.com/cloud-map/pricing: ECS Service Connect is free",
    "aws:sns/topicSubscription:TopicSubscription": "aws.amazon.com/sns/pricing: counted with the topic's notifications",
}
