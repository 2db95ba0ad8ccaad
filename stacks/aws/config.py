"""The configuration of the targets on AWS: the keys of a foundation, and those of the app on ECS, before its own engine or Bedrock."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, IPvAnyNetwork, SecretStr, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from stacks.config import (
    DIGEST,
    IMAGE,
    STEPS,
    STRICT,
    Alerts,
    Api,
    EngineSection,
    Gpu,
    GpuLimits,
    Limits,
    Scaling,
    ServiceConfig,
    StackConfig,
    Steps,
    Whole,
    no_bool,
)

# The smallest step of a linear deployment (deploymentConfiguration.linearConfiguration in ECS's API, read 2026-11-30).
LEAST_LINEAR_PERCENT = 3


class Nat(StrEnum):
    """How private subnets reach the internet: not at all, through one gateway, or through one in each zone."""

    NONE = "none"
    ONE = "one"
    PER_ZONE = "per-zone"


class CapacityKind(StrEnum):
    """Who starts the GPU instances: an Auto Scaling group of ours, or ECS itself (Managed Instances)."""

    GROUP = "group"
    MANAGED = "managed"


class Strategy(StrEnum):
    """How the tasks of a new version take over: in the place of the old ones, or beside them."""

    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"


class Provider(StrEnum):
    """Who answers when the own engine cannot."""

    BEDROCK = "bedrock"


class Front(StrEnum):
    """What the api in front of a managed model runs on."""

    ECS = "ecs"
    LAMBDA = "lambda"


class Preset(StrEnum):
    """A guardrail that this kit has written down, or the decision for none."""

    STANDARD = "standard"
    NONE = "none"


class Commitment(StrEnum):
    """For how long throughput is bought, in Bedrock's own words; `none` is by the hour."""

    NONE = "none"
    ONE_MONTH = "OneMonth"
    SIX_MONTHS = "SixMonths"


class Residency(StrEnum):
    """Where a request may be answered: within limits.regions where nothing is said, or in any commercial region."""

    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class OwnNetwork:
    """A network that is there already."""

    vpc: str | None = Field(
        default=None, pattern=r"^vpc-[0-9a-f]{8,17}$", description="the id of a VPC", examples=["vpc-0123456789abcdef0"]
    )
    private_subnets: tuple[str, ...] = Field(
        default=(), description="a list of ids of subnets", examples=["subnet-0123456789abcdef0"]
    )
    public_subnets: tuple[str, ...] = Field(
        default=(), description="a list of ids of subnets", examples=["subnet-0123456789abcdef0"]
    )

    @model_validator(mode="after")
    def _complete(self) -> OwnNetwork:
        if self.vpc and len(self.private_subnets) < 2:
            raise ValueError("a VPC of your own needs privateSubnets: two or more, in different zones")
        if not self.vpc and (self.private_subnets or self.public_subnets):
            raise ValueError("subnets of your own need their vpc")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class NetworkSection(OwnNetwork):
    """The network a foundation makes, or the one that is there already: with `vpc` set nothing is made."""

    cidr: IPv4Network = Field(
        default=IPv4Network("10.40.0.0/16"),
        description="an address range like 10.40.0.0/16",
        examples=["10.40.0.0/16"],
    )
    zones: Whole = Field(default=2, ge=2, le=3, description="2 or 3", examples=["2"])
    nat: Nat = Field(default=Nat.ONE, description="none, one or per-zone", examples=["one"])
    endpoints: bool = Field(default=False, description="true or false", examples=["false"])
    flow_logs: bool = Field(default=False, description="true or false", examples=["false"])

    @model_validator(mode="after")
    def _reachable(self) -> NetworkSection:
        if not 16 <= self.cidr.prefixlen <= 20:
            raise ValueError(f"cidr {self.cidr} must be a range from /16 to /20")
        if not self.vpc and self.nat is Nat.NONE and not self.endpoints:
            raise ValueError("with nat none and endpoints false no task could fetch its image")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class DomainSection:
    """A name in DNS; `zone` is the id of a hosted zone that is there already."""

    name: str = Field(
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$",
        description="a name like chat.example.com",
        examples=["chat.example.com"],
    )
    zone: str | None = Field(default=None, description="the id of a hosted zone", examples=["Z0123456789ABCDEFGHIJ"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Certified:
    """The certificate that names of this stack are proven with."""

    certificate: str | None = Field(default=None, description="the id of a TLS certificate", examples=["arn:…"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Ingress(Certified):
    """Who can reach the app: nobody outside the network unless `public` is set."""

    public: bool = Field(default=False, description="true or false", examples=["false"])
    allowed_cidrs: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="a list of address ranges like 203.0.113.0/24", examples=["203.0.113.0/24"]
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class PipelineSection:
    """Whose workflows may preview and deploy through OpenID Connect; `provider` is one the account has already."""

    repository: str = Field(
        pattern=r"^[\w.-]+/[\w.-]+$", description="a repository like owner/name", examples=["owner/name"]
    )
    state_bucket: str = Field(min_length=3, description="the bucket of Pulumi's state", examples=["trimaran-state-…"])
    state_key: str = Field(pattern=r"^arn:", description="the ARN of the state's key", examples=["arn:aws:kms:…"])
    provider: str | None = Field(
        default=None, pattern=r"^arn:", description="the ARN of an OpenID Connect provider", examples=["arn:aws:iam::…"]
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Capacity:
    """The instances under the engine. `onDemandBase` of them are never Spot; `ami` pins the machine image."""

    kind: CapacityKind = Field(default=CapacityKind.GROUP, description="group or managed", examples=["group"])
    instance_types: tuple[str, ...] = Field(
        default=(), description="a list of instance types like g6.2xlarge", examples=["g6.2xlarge"]
    )
    on_demand_base: Whole = Field(default=0, ge=0, le=100, description="a whole number from 0 to 100", examples=["0"])
    ami: str | None = Field(
        default=None,
        pattern=r"^ami-[0-9a-f]{8,17}$",
        description="the id of an AMI",
        examples=["ami-0123456789abcdef0"],
    )
    disk_gib: Whole = Field(default=100, ge=60, le=16384, description="GiB, from 60 to 16384", examples=["100"])
    warm_pool: Whole = Field(default=0, ge=0, le=100, description="a whole number from 0 to 100", examples=["1"])
    reservations: tuple[str, ...] = Field(
        default=(), description="a list of ids of Capacity Reservations", examples=["cr-0123456789abcdef0"]
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class EcsRollout:
    """How green takes over on ECS, which moves the traffic itself: one share and then all, equal steps, or all at once.

    With `rolling` there is no green: tasks are replaced one after the other, and nothing is split. How green is judged is not said
    here: nothing promotes on ECS yet.
    """

    strategy: Strategy = Field(
        default=Strategy.BLUE_GREEN,
        description="blue-green, whose `steps` make it a canary or linear, or rolling",
        examples=["blue-green"],
    )
    steps: Steps = Field(default=(5, 100), description=STEPS)
    step_minutes: Whole = Field(default=10, ge=0, le=1440, description="minutes, from 0 to 1440", examples=["10"])
    bake_minutes: Whole = Field(default=10, ge=0, le=1440, description="minutes, from 0 to 1440", examples=["10"])
    pause_minutes: Whole = Field(default=60, ge=1, le=20160, description="minutes, from 1 to 20160", examples=["60"])

    @property
    def is_split(self) -> bool:
        """Whether green stands beside blue."""
        return self.strategy is not Strategy.ROLLING

    @model_validator(mode="before")
    @classmethod
    def _all_at_once_where_rolling(cls, given: Any) -> Any:
        section: Any = (given.kwargs or {}) if isinstance(given, ArgsKwargs) else given
        if not isinstance(section, Mapping) or section.get("strategy") != Strategy.ROLLING:
            return given
        if unread := [key for key in ("steps", "stepMinutes", "bakeMinutes", "pauseMinutes") if key in section]:
            raise ValueError(f"with strategy rolling there is no green, and nothing reads {', '.join(unread)}")
        return {**section, "steps": (100,)}

    @model_validator(mode="before")
    @classmethod
    def _no_wait_between_no_steps(cls, given: Any) -> Any:
        section: Any = (given.kwargs or {}) if isinstance(given, ArgsKwargs) else given
        if isinstance(section, Mapping) and section.get("steps") in ([100], (100,)) and "stepMinutes" in section:
            raise ValueError("with steps [100] all traffic moves at once, and nothing reads stepMinutes")
        return given

    @model_validator(mode="after")
    def _possible_on_ecs(self) -> EcsRollout:
        first = self.steps[0]
        if len(self.steps) > 2 and self.steps != (*range(first, 100, first), 100):
            raise ValueError(
                f"steps {list(self.steps)} are not possible on ECS, which knows one share and then all, as [5, 100],"
                " equal steps, as [25, 50, 75, 100], or all at once, [100]"
            )
        if len(self.steps) > 2 and first < LEAST_LINEAR_PERCENT:
            raise ValueError(f"steps of {first} are below {LEAST_LINEAR_PERCENT}, the smallest equal step of ECS")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Schedule:
    """When the engine goes to zero and when it may run again: cron(minute hour day month weekday year)."""

    sleep: str = Field(pattern=r"^cron\(.+\)$", description="a cron expression", examples=["'cron(0 19 ? * * *)'"])
    wake: str = Field(pattern=r"^cron\(.+\)$", description="a cron expression", examples=["'cron(0 7 ? * MON-FRI *)'"])
    timezone: str = Field(default="UTC", description="a time zone like Europe/Berlin", examples=["Europe/Berlin"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RedisSection:
    """What replicas of the api share: limits, circuits, budgets."""

    node_type: str = Field(
        default="cache.t4g.micro", pattern=r"^cache\.", description="a node type", examples=["cache.t4g.micro"]
    )
    replicas: Whole = Field(default=0, ge=0, le=5, description="a whole number from 0 to 5", examples=["1"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Fallback:
    """A managed model that answers when the first cannot."""

    provider: Provider = Field(default=Provider.BEDROCK, description="bedrock", examples=["bedrock"])
    model: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.:-]+$",
        description="the id of a model",
        examples=["anthropic.claude-haiku-4-5-20251001-v1:0"],
    )


def _said_none(value: Any) -> Any:
    """`guardrail: none` is the short form of `{preset: none}`."""
    return {"preset": Preset.NONE} if value == Preset.NONE else value


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class GuardrailSection:
    """What looks at prompts and answers: one that the stack makes, one that is there already, or, said aloud, none."""

    preset: Preset | None = Field(default=None, description="standard or none", examples=["standard"])
    id: str | None = Field(
        default=None, pattern=r"^[a-z0-9]{1,64}$", description="the id of a guardrail", examples=["ab12cd34ef56"]
    )
    version: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{0,7}$",
        description="the number of a version, as text; DRAFT changes under a running app",
        examples=["'3'"],
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> GuardrailSection:
        if (self.preset is None) == (self.id is None):
            raise ValueError("say preset: standard, or id and version of a guardrail that is there, or guardrail: none")
        if (self.id is None) != (self.version is None):
            raise ValueError("a guardrail that is there is named by its id and a version, for its draft may change")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Throughput:
    """Model units that are bought and stand ready, in place of tokens that are paid one by one."""

    units: Whole = Field(ge=1, le=100, description="a whole number from 1 to 100", examples=["1"])
    commitment: Commitment = Field(
        default=Commitment.NONE, description="none, OneMonth or SixMonths", examples=["none"]
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class BedrockRates:
    """Prices that AWS tells only those who ask."""

    unit_hour: Annotated[Decimal, BeforeValidator(no_bool)] = Field(
        gt=0, description="dollars above 0 for a model unit and hour", examples=["39.60"]
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class BedrockLimits(Limits):
    """What a deploy with managed models may not exceed; None is no limit."""

    residency: Residency | None = Field(default=None, description="anywhere", examples=["anywhere"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class InvocationLogging:
    """What of each call to a model of this account and region is written down; who called, when and how much always is."""

    text: bool = Field(default=False, description="true or false", examples=["false"])
    images: bool = Field(default=False, description="true or false", examples=["false"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class BedrockSection:
    """What Bedrock has once for an account and region; each part is left as it is unless it is named."""

    invocation_logging: InvocationLogging | None = Field(default=None, description="a map like {text: false}")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AwsConfig(StackConfig):
    """The keys of every stack on AWS: what it is labelled and bounded by, and ids of what is there already."""

    tags: Mapping[str, str] = Field(
        default_factory=dict, description="a map of texts like {owner: me}", examples=["me"]
    )
    limits: Limits = Field(default=Limits(), description="a map like {regions: [us-east-1]}")
    network: OwnNetwork = Field(default=OwnNetwork(), description="a map like {vpc: vpc-…, privateSubnets: […]}")
    ingress: Certified = Field(default=Certified(), description="a map like {certificate: arn:…}")
    key: str | None = Field(
        default=None, min_length=1, description="the id of an encryption key", examples=["arn:aws:kms:…"]
    )
    bucket: str | None = Field(default=None, min_length=3, description="the name of a bucket", examples=["my-weights"])
    log_bucket: str | None = Field(default=None, min_length=3, description="the name of a bucket", examples=["my-logs"])
    domain: DomainSection | None = Field(default=None, description="a map like {name: chat.example.com}")
    retention_days: Whole = Field(default=30, description="a number of days that CloudWatch knows", examples=["30"])


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FoundationConfig(AwsConfig):
    """The keys of `aws-foundation`."""

    network: NetworkSection = Field(default=NetworkSection(), description="a map like {zones: 2, nat: one}")
    registry: str | None = Field(
        default=None, min_length=4, description="the address of a registry", examples=["registry.example.com/team"]
    )
    pipeline: PipelineSection | None = Field(default=None, description="a map like {repository: owner/name}")
    bedrock: BedrockSection = Field(
        default=BedrockSection(), description="a map like {invocationLogging: {text: false}}"
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ApiConfig(AwsConfig, ServiceConfig):
    """The keys of every stack on AWS whose api runs on ECS, whatever answers behind it."""

    image: str | None = Field(default=None, pattern=DIGEST, description=IMAGE)
    foundation: str | None = Field(
        default=None,
        pattern=r"^[\w.-]+(/[\w.-]+/[\w.-]+)?$",
        description="a stack, or organization/project/stack",
        examples=["aws-foundation-dev"],
    )
    rollout: EcsRollout = Field(default=EcsRollout(), description="a map like {steps: [5, 100], stepMinutes: 10}")
    ingress: Ingress = Field(default=Ingress(), description="a map like {public: false}")
    api: Api = Field(default=Api(), description="a map like {cpu: 1, memoryGib: 2, min: 1, max: 2}")
    redis: RedisSection | None = Field(default=None, description="a map like {nodeType: cache.t4g.micro}")
    fallbacks: tuple[Fallback, ...] = Field(
        default=(), description="a list like [{provider: bedrock, model: …}]", examples=["bedrock"]
    )
    # Of profiles that catalog/inference_profiles.py does not know.
    regions: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="a map of lists of regions like {us.acme.model-v1:0: [us-east-1, us-west-2]}",
    )
    collector: str | None = Field(default=None, pattern=DIGEST, description=IMAGE)
    alerts: Alerts = Field(default=Alerts(), description="a map like {email: me@example.com}")
    promotion_key: SecretStr | None = Field(
        default=None, min_length=16, description="16 characters or more", examples=['"$(openssl rand -hex 24)"']
    )

    @property
    def images(self) -> Mapping[str, str | None]:
        """What tasks pull, by the key that names it."""
        green = self.candidate.image if self.candidate else None
        return {"image": self.image, "collector": self.collector, "candidate.image": green}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EcsConfig(ApiConfig):
    """The keys of `aws-ecs`."""

    moved: ClassVar[Mapping[str, str]] = {
        "deployment": "how green takes over is part of trimaran:rollout. In place of strategy canary with percent 5 write"
        " steps: [5, 100], of linear with percent 25 steps: [25, 50, 75, 100], of blue-green steps: [100]; strategy:"
        " rolling is written there alone, and stepMinutes, bakeMinutes and pauseMinutes of the others as they were."
    }

    gpu: Gpu = Field(default=Gpu(), description="a map like {kind: L4, count: 1, spot: false}")
    scaling: Scaling = Field(default=Scaling(), description="a map like {min: 0, max: 4}")
    limits: GpuLimits = Field(default=GpuLimits(), description='a map like {monthlyUsd: "900"}')
    engine: EngineSection = Field(default=EngineSection(), description="a map like {image: registry/name@sha256:…}")
    capacity: Capacity = Field(default=Capacity(), description="a map like {instanceTypes: [g6.2xlarge]}")
    schedule: Schedule | None = Field(default=None, description="a map like {sleep: cron(…), wake: cron(…)}")

    @property
    def images(self) -> Mapping[str, str | None]:
        """Those of every api, and the engine's."""
        return {**super().images, "engine.image": self.engine.image}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BedrockConfig(ApiConfig):
    """The keys of `aws-bedrock`."""

    examples: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("settings.model", "candidate.settings.model"), "us.amazon.nova-2-lite-v1:0"
    )

    front: Front = Field(default=Front.ECS, description="ecs", examples=["ecs"])
    guardrail: Annotated[GuardrailSection, BeforeValidator(_said_none)] | None = Field(
        default=None, description="a map like {preset: standard} or {id: …, version: '3'}, or none"
    )
    throughput: Throughput | None = Field(default=None, description="a map like {units: 1, commitment: none}")
    rates: BedrockRates | None = Field(default=None, description="a map like {unitHour: '39.60'}")
    limits: BedrockLimits = Field(default=BedrockLimits(), description='a map like {monthlyUsd: "100"}')
