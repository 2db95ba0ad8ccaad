"""The parts of a stack's configuration that only clouds read. Each is parsed and checked as `stacks.config` says."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)
DIGEST = r"^[^\s@]+@sha256:[0-9a-f]{64}$"
IMAGE = "an image with its digest: registry/name@sha256:<64 hex digits>"


def no_bool(value: object) -> object:
    """YAML's true is no number. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError
    return value


# `description` is what the error says is expected, `examples` what its hint proposes.
Whole = Annotated[int, BeforeValidator(no_bool)]


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
    """How a new version of the app takes over on ECS."""

    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"
    CANARY = "canary"
    LINEAR = "linear"


class Provider(StrEnum):
    """Who answers when the own engine cannot."""

    BEDROCK = "bedrock"


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Network:
    """The network a foundation makes, or the one that is there already: with `vpc` set nothing is made."""

    vpc: str | None = Field(
        default=None, pattern=r"^vpc-[0-9a-f]{8,17}$", description="the id of a VPC", examples=["vpc-0123456789abcdef0"]
    )
    private_subnets: tuple[str, ...] = Field(
        default=(), description="a list of ids of subnets", examples=["subnet-0123456789abcdef0"]
    )
    public_subnets: tuple[str, ...] = Field(
        default=(), description="a list of ids of subnets", examples=["subnet-0123456789abcdef0"]
    )
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
    def _complete(self) -> Network:
        if self.vpc and len(self.private_subnets) < 2:
            raise ValueError("a VPC of your own needs privateSubnets: two or more, in different zones")
        if not self.vpc and (self.private_subnets or self.public_subnets):
            raise ValueError("subnets of your own need their vpc")
        if not 16 <= self.cidr.prefixlen <= 20:
            raise ValueError(f"cidr {self.cidr} must be a range from /16 to /20")
        if not self.vpc and self.nat is Nat.NONE and not self.endpoints:
            raise ValueError("with nat none and endpoints false no task could fetch its image")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Domain:
    """A name in DNS; `zone` is the id of a hosted zone that is there already."""

    name: str = Field(
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$",
        description="a name like chat.example.com",
        examples=["chat.example.com"],
    )
    zone: str | None = Field(default=None, description="the id of a hosted zone", examples=["Z0123456789ABCDEFGHIJ"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Pipeline:
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
class Api:
    """The app in front, on CPU and always on."""

    cpu: float = Field(default=1, gt=0, le=16, description="a number of vCPUs", examples=["1"])
    memory_gib: float = Field(default=2, gt=0, le=120, description="a number of GiB", examples=["2"])
    min: Whole = Field(default=1, ge=1, le=100, description="a whole number from 1 to 100", examples=["1"])
    max: Whole = Field(default=2, ge=1, le=100, description="a whole number from 1 to 100", examples=["4"])

    @model_validator(mode="after")
    def _min_below_max(self) -> Api:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Engine:
    """The app on GPU, which runs the model. Without an image there is none, and the fallbacks answer."""

    image: str | None = Field(default=None, pattern=DIGEST, description=IMAGE)
    context_tokens: Whole | None = Field(
        default=None, ge=512, description="a whole number from 512", examples=["16384"]
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
class Deployment:
    """How green takes over from blue. `percent` is the canary's share or the linear step."""

    strategy: Strategy = Field(
        default=Strategy.CANARY, description="rolling, blue-green, canary or linear", examples=["canary"]
    )
    percent: Whole = Field(default=5, ge=1, le=100, description="a whole number from 1 to 100", examples=["5"])
    step_minutes: Whole = Field(default=10, ge=0, le=1440, description="minutes, from 0 to 1440", examples=["10"])
    bake_minutes: Whole = Field(default=10, ge=0, le=1440, description="minutes, from 0 to 1440", examples=["10"])
    pause_minutes: Whole = Field(default=60, ge=1, le=20160, description="minutes, from 1 to 20160", examples=["60"])

    @model_validator(mode="after")
    def _in_steps(self) -> Deployment:
        if self.strategy is Strategy.LINEAR and self.percent < 3:
            raise ValueError(f"percent {self.percent} is below 3, the smallest step of a linear deployment")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Schedule:
    """When the engine goes to zero and when it may run again: cron(minute hour day month weekday year)."""

    sleep: str = Field(pattern=r"^cron\(.+\)$", description="a cron expression", examples=["'cron(0 19 ? * * *)'"])
    wake: str = Field(pattern=r"^cron\(.+\)$", description="a cron expression", examples=["'cron(0 7 ? * MON-FRI *)'"])
    timezone: str = Field(default="UTC", description="a time zone like Europe/Berlin", examples=["Europe/Berlin"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Redis:
    """What replicas of the api share: limits, circuits, budgets."""

    node_type: str = Field(
        default="cache.t4g.micro", pattern=r"^cache\.", description="a node type", examples=["cache.t4g.micro"]
    )
    replicas: Whole = Field(default=0, ge=0, le=5, description="a whole number from 0 to 5", examples=["1"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Fallback:
    """A managed model that answers when the engine cannot."""

    provider: Provider = Field(default=Provider.BEDROCK, description="bedrock", examples=["bedrock"])
    model: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.:-]+$",
        description="the id of a model",
        examples=["anthropic.claude-haiku-4-5-20251001-v1:0"],
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Alerts:
    """Who hears of alarms and of the budget."""

    email: str | None = Field(default=None, pattern=r"^\S+@\S+$", description="an address", examples=["me@example.com"])
