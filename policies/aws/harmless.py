"""What cannot break a rule on AWS, and why: read like code, for a wrong line here lets a mistake pass.

A type that is neither checked nor named here is undecided for the rule, and a stack in prod is refused.
"""

from __future__ import annotations

from policies.check import EVERY, Harmless

SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
TARGET = "aws:appautoscaling/target:Target"
SCHEDULE = "aws:appautoscaling/scheduledAction:ScheduledAction"
GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
FUNCTION = "aws:lambda/function:Function"

# Rules within a topic that is checked for a type by its other rules.
_DELETION = ("deletion-protection-in-prod", "deletable-in-dev")
# Topics about what runs.
_RUNNING = ("scaling", "gpus", "probes", "images", "machines", "rollback-configured")
_NOT_BILLED_ITSELF = ("required-tags", "budget-exists")
# What a thing with a policy of its own, which is judged, cannot break.
_OTHER_IDENTITY = ("no-wildcard-iam", "no-bedrock-wildcard", "secrets-not-in-environment")

_WHAT_RUNS: tuple[Harmless, ...] = (
    Harmless(
        why="Says what one copy runs. How many there are, on which machines and behind what is its service's and its group's.",
        types=(TASK,),
        topics=(
            "max-replicas",
            "gpus",
            "deployment",
            "immutable-tags",
            "no-wildcard-iam",
            "no-bedrock-wildcard",
            "bound-trust",
            "network",
            "machines",
            "data",
            "budget-exists",
            "models",
        ),
    ),
    Harmless(
        why="Says how many copies run and where. What a copy is stands in its task definition, its machines in its group; a "
        "disk that it makes for each copy is judged, and goes with the copy.",
        types=(SERVICE,),
        topics=(
            "gpus",
            *_DELETION,
            "probes",
            "images",
            "identity",
            "tls-only",
            "closed-security-groups",
            "idle-timeout",
            "imdsv2",
            "data",
            "models",
        ),
    ),
    Harmless(
        why="Bounds the number of a service's tasks, or moves it within these bounds; a policy's alarms are billed, but take no "
        "tags.",
        types=(TARGET, SCHEDULE, "aws:appautoscaling/policy:Policy"),
        topics=(EVERY,),
    ),
    Harmless(
        why="Starts machines as its launch template says; what runs on them are tasks.",
        types=(GROUP,),
        topics=(
            "always-on-in-prod",
            "deployment",
            "probes",
            "images",
            "identity",
            "network",
            "machines",
            "data",
            "budget-exists",
            "models",
        ),
    ),
    Harmless(
        why="Says how one machine is started. How many is its group's, and its security groups say who may connect.",
        types=(TEMPLATE,),
        topics=("scaling", "deployment", "probes", "images", "identity", "network", "data", "budget-exists", "models"),
    ),
    Harmless(
        why="As many machines as the services on it have tasks. A group's are started from its launch template, and those "
        "that ECS manages are AWS's to set up, with disks that end with them.",
        types=(PROVIDER, "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"),
        topics=(EVERY,),
    ),
    Harmless(
        why="A name under which services run; it runs, holds and opens nothing itself.",
        types=("aws:ecs/cluster:Cluster", "aws:ecs/accountSettingDefault:AccountSettingDefault"),
        topics=(EVERY,),
    ),
    # How many calls a function answers at once, how it is rolled back and probed has no check yet: that stays undecided.
    Harmless(
        why="Has no GPU and no machine of its own, keeps nothing, and is reached by what is judged itself: its URL, or a "
        "load balancer.",
        types=(FUNCTION,),
        topics=(
            "gpus",
            *_DELETION,
            "immutable-tags",
            "no-wildcard-iam",
            "no-bedrock-wildcard",
            "bound-trust",
            "network",
            "machines",
            "data",
            "models",
        ),
    ),
    Harmless(
        why="An address of a function, always over TLS; who may call it is judged.",
        types=("aws:lambda/functionUrl:FunctionUrl",),
        topics=(EVERY,),
    ),
)

_NETWORK: tuple[Harmless, ...] = (
    Harmless(
        why="A part of the network: it leads packets to where security groups let them in, and those are judged.",
        types=(
            "aws:ec2/internetGateway:InternetGateway",
            "aws:ec2/natGateway:NatGateway",
            "aws:ec2/route:Route",
            "aws:ec2/routeTable:RouteTable",
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            "aws:ec2/subnet:Subnet",
            "aws:ec2/vpc:Vpc",
            "aws:elasticache/subnetGroup:SubnetGroup",
        ),
        topics=(EVERY,),
    ),
    Harmless(
        why="An address that leads where security groups let packets in. AWS has no protection from deletion for one.",
        types=("aws:ec2/eip:Eip",),
        topics=(EVERY,),
    ),
    Harmless(
        why="A way to a service of AWS that stays inside; its policy narrows what others grant and grants nothing.",
        types=(
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy",
            "aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation",
        ),
        topics=(EVERY,),
    ),
    Harmless(
        why="Says what may go out; nobody comes in by it.",
        types=("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",),
        topics=(EVERY,),
    ),
    Harmless(
        why="Says which addresses may connect, and nothing else.",
        types=(
            "aws:ec2/securityGroup:SecurityGroup",
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            "aws:ec2/securityGroupRule:SecurityGroupRule",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        ),
        topics=(
            *_RUNNING,
            *_DELETION,
            "identity",
            "data",
            *_NOT_BILLED_ITSELF,
            "tls-only",
            "no-public-ingress",
            "idle-timeout",
            "models",
        ),
    ),
    Harmless(
        why="Takes requests in. What answers them, and which addresses may connect, is judged where it is said.",
        types=("aws:lb/loadBalancer:LoadBalancer",),
        topics=(*_RUNNING, "identity", "closed-security-groups", "data", "budget-exists", "models"),
    ),
    Harmless(
        why="A port of a load balancer, which says whether it is public and how long it waits.",
        types=("aws:lb/listener:Listener",),
        topics=(
            *_RUNNING,
            *_DELETION,
            "identity",
            "no-public-ingress",
            "closed-security-groups",
            "idle-timeout",
            "data",
            *_NOT_BILLED_ITSELF,
            "models",
        ),
    ),
    Harmless(
        why="Says where a listener sends which request, or under which certificate; whether a request travels readable is judged "
        "for a rule too, the rest at the listener.",
        types=("aws:lb/listenerRule:ListenerRule", "aws:lb/listenerCertificate:ListenerCertificate"),
        topics=(EVERY,),
    ),
    Harmless(
        why="Who is asked behind a load balancer, inside the network.",
        types=("aws:lb/targetGroup:TargetGroup",),
        topics=(
            "scaling",
            "gpus",
            "deployment",
            "images",
            "identity",
            "network",
            "machines",
            "data",
            *_NOT_BILLED_ITSELF,
            "models",
        ),
    ),
    Harmless(
        why="A name, or a certificate for one; who answers under it is judged at the listener. What a zone holds is in the "
        "program that made it, and it is not deleted with what others put there unless it is forced, which is judged.",
        types=(
            "aws:acm/certificate:Certificate",
            "aws:acm/certificateValidation:CertificateValidation",
            "aws:route53/record:Record",
            "aws:route53/zone:Zone",
            "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace",
            "aws:servicediscovery/service:Service",
        ),
        topics=(EVERY,),
    ),
)

_IDENTITY: tuple[Harmless, ...] = (
    Harmless(
        why="Says what may be done, and runs, keeps and opens nothing.",
        types=(
            "aws:iam/policy:Policy",
            "aws:iam/rolePolicy:RolePolicy",
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        ),
        topics=(
            *_RUNNING,
            *_DELETION,
            "bound-trust",
            "secrets-not-in-environment",
            "network",
            "data",
            *_NOT_BILLED_ITSELF,
            "models",
        ),
    ),
    Harmless(
        why="Says who may take it and, by its policies, what it may do; it runs, keeps and opens nothing.",
        types=("aws:iam/role:Role",),
        topics=(*_RUNNING, *_DELETION, "secrets-not-in-environment", "network", "data", "budget-exists", "models"),
    ),
    Harmless(
        why="Hands a role to a machine, or names an issuer; whom a role lets in and what it may do is judged at the role.",
        types=("aws:iam/instanceProfile:InstanceProfile", "aws:iam/openIdConnectProvider:OpenIdConnectProvider"),
        topics=(EVERY,),
    ),
    Harmless(
        why="Says who may use the one thing that it belongs to, which is judged; nobody gets a right to anything else by it.",
        types=("aws:s3/bucketPolicy:BucketPolicy", "aws:sns/topicPolicy:TopicPolicy"),
        topics=(EVERY,),
    ),
)

_KEPT_THINGS: tuple[Harmless, ...] = (
    Harmless(
        why="Keeps objects, which S3 always encrypts, and runs nothing; by which key, and how they are kept and aged, is said "
        "beside it.",
        types=("aws:s3/bucket:Bucket",),
        topics=(
            *_RUNNING,
            *_OTHER_IDENTITY,
            "network",
            "key-rotation",
            "log-retention",
            "encrypted-cache",
            "budget-exists",
            "models",
        ),
    ),
    Harmless(
        why="Closes a bucket, or says how its objects are encrypted, kept and aged.",
        types=(
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketVersioning:BucketVersioning",
        ),
        topics=(EVERY,),
    ),
    Harmless(
        why="A private registry for images; S3 keeps them, encrypted.",
        types=("aws:ecr/repository:Repository",),
        topics=(
            "scaling",
            "gpus",
            "rollback-configured",
            "probes",
            "image-digest",
            "registry-allow-list",
            "model-in-date",
            "identity",
            "network",
            "machines",
            "data",
            "budget-exists",
            "models",
        ),
    ),
    Harmless(
        why="Says which old images go.",
        types=("aws:ecr/lifecyclePolicy:LifecyclePolicy",),
        topics=(EVERY,),
    ),
    Harmless(
        why="A key, and who may use it, which is judged; KMS waits for days before one is deleted.",
        types=("aws:kms/key:Key",),
        topics=(
            *_RUNNING,
            *_DELETION,
            *_OTHER_IDENTITY,
            "network",
            "no-public-bucket",
            "log-retention",
            "encrypted-cache",
            "budget-exists",
            "models",
        ),
    ),
    Harmless(why="A second name of a key.", types=("aws:kms/alias:Alias",), topics=(EVERY,)),
    Harmless(
        why="Logs of this account, which CloudWatch always encrypts; their reach is IAM's. What they hold ends by itself, and "
        "nothing is made again from it.",
        types=("aws:cloudwatch/logGroup:LogGroup",),
        topics=(
            *_RUNNING,
            *_DELETION,
            "identity",
            "network",
            "no-public-bucket",
            "key-rotation",
            "encrypted-cache",
            "budget-exists",
            "models",
        ),
    ),
    Harmless(
        why="A cache inside the network, without scaling; it holds what can be made again or begins anew.",
        types=("aws:elasticache/replicationGroup:ReplicationGroup",),
        topics=(
            *_RUNNING,
            *_DELETION,
            "identity",
            "network",
            "no-public-bucket",
            "key-rotation",
            "log-retention",
            "budget-exists",
            "models",
        ),
    ),
    Harmless(
        why="One value that roles with a right to it may read; a key that is not encrypted is judged, and whoever deploys "
        "has the value.",
        types=("aws:ssm/parameter:Parameter",),
        topics=(EVERY,),
    ),
    Harmless(
        why="Values that are always encrypted; who else may read them, and how long they can be had back, is judged.",
        types=("aws:secretsmanager/secret:Secret",),
        topics=(EVERY,),
    ),
    Harmless(
        why="A disk on its own; whether it is encrypted, and whether a snapshot outlives it, is judged.",
        types=("aws:ebs/volume:Volume",),
        topics=(EVERY,),
    ),
)

_WATCHING: tuple[Harmless, ...] = (
    Harmless(
        why="Watches, counts or tells, keeps nothing and changes nothing; who may tell through a topic is judged. Where it is "
        "billed its tags are judged too, but a dashboard and a filter's metric take none.",
        types=(
            "aws:budgets/budget:Budget",
            "aws:cloudwatch/dashboard:Dashboard",
            "aws:cloudwatch/logMetricFilter:LogMetricFilter",
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            "aws:ec2/flowLog:FlowLog",
            "aws:sns/topic:Topic",
            "aws:sns/topicSubscription:TopicSubscription",
        ),
        topics=(EVERY,),
    ),
)

_MODELS: tuple[Harmless, ...] = (
    Harmless(
        why="A name for a managed model, by which it is called and billed; who may call it is a role's, where it may answer is "
        "judged for the stack.",
        types=("aws:bedrock/inferenceProfile:InferenceProfile",),
        topics=(EVERY,),
    ),
    Harmless(
        why="Looks at prompts and answers and keeps none; that it stays as it is, is judged.",
        types=("aws:bedrock/guardrail:Guardrail", "aws:bedrock/guardrailVersion:GuardrailVersion"),
        topics=(EVERY,),
    ),
    Harmless(
        why="Throughput of a managed model, which runs at AWS; that it is bought in dev is judged.",
        types=("aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput",),
        topics=(EVERY,),
    ),
    Harmless(
        why="Says where calls to models are written down, in logs that are judged; what of them is, is judged too.",
        types=("aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration",),
        topics=(EVERY,),
    ),
)

HARMLESS: tuple[Harmless, ...] = (*_WHAT_RUNS, *_NETWORK, *_IDENTITY, *_KEPT_THINGS, *_WATCHING, *_MODELS)
