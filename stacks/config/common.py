"""A stack's configuration, parsed once into frozen values; what is wrong with it is said in the words the user typed."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from stacks.sections import (
    DIGEST,
    IMAGE,
    STRICT,
    Alerts,
    Api,
    Capacity,
    Deployment,
    Domain,
    Engine,
    Fallback,
    Network,
    Pipeline,
    Redis,
    Schedule,
    Whole,
)
from stacks.targets import TARGETS, named_in, nearest, unknown_target

NAMESPACE = "trimaran"
# Where each cloud's own provider reads its region, by the first word of the target.
REGION_KEYS = {"aws": "aws:region", "gcp": "gcp:region", "azure": "azure-native:location"}
# What a person cannot set under our namespace: it follows from the stack's name, the provider's config, the run.
_DERIVED = ("stack", "region", "rehearsal")
_SECRETS = ("apiKeys", "promotionKey")


class ConfigError(ValueError):
    """A configuration that cannot be used: one sentence that says what and why, and a hint that says what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(f"{sentence}\nhint: {hint}")
        self.sentence = sentence
        self.hint = hint


class Environment(StrEnum):
    """How careful a stack is: deletion protection, minimum replicas, who may deploy."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class Undecided(StrEnum):
    """What a promotion does when its time is up and the evidence does not decide."""

    BLUE = "blue"
    HOLD = "hold"


def _ascending_to_100(steps: tuple[int, ...]) -> tuple[int, ...]:
    if not steps or steps[-1] != 100 or any(a >= b for a, b in itertools.pairwise(steps)) or steps[0] < 1:
        raise ValueError
    return steps


def _key_lines(keys: SecretStr) -> SecretStr:
    for line in keys.get_secret_value().strip().splitlines() or [""]:
        name, _, key = line.partition("=")
        if not name.strip() or not key.strip():
            raise ValueError
    return keys


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Settings:
    """What the model is and how it is told to behave; a change makes a new revision. `promote --set` changes these."""

    model: str | None = Field(
        default=None, min_length=1, description="the name of a model", examples=["smollm2-135m-instruct"]
    )
    model_revision: str | None = Field(default=None, description="the pinned version of the model", examples=["0.1.2"])
    # None: as a routes file has it, else none; an empty text is none in any case.
    system_prompt: str | None = Field(default=None, description="text", examples=["'Answer in one sentence.'"])

    def overlaid(self, other: Settings) -> Settings:
        """These with what `other` names in its place; another model comes without the revision of this one."""
        is_same_model = other.model in (None, self.model)
        return Settings(
            model=self.model if other.model is None else other.model,
            modelRevision=other.model_revision or (self.model_revision if is_same_model else None),  # type: ignore[call-arg]
            systemPrompt=self.system_prompt if other.system_prompt is None else other.system_prompt,
        )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Candidate:
    """The green version while a promotion runs; what it does not name is as in blue. Only `promote` writes it."""

    image: str | None = Field(default=None, pattern=DIGEST, description=IMAGE)
    settings: Settings | None = Field(default=None, description="a map like {model: smollm2-135m-instruct}")


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Gpu:
    """The accelerator of one replica."""

    kind: str = Field(default="L4", min_length=1, description="the name of a GPU", examples=["L4"])
    count: Whole = Field(default=1, ge=1, le=16, description="a whole number from 1 to 16", examples=["1"])
    spot: bool = Field(default=False, description="true or false", examples=["false"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Scaling:
    """How many replicas there may be and how many requests one takes at a time."""

    min: Whole = Field(default=0, ge=0, le=1000, description="a whole number from 0 to 1000", examples=["0"])
    max: Whole = Field(default=4, ge=1, le=1000, description="a whole number from 1 to 1000", examples=["4"])
    concurrency: Whole = Field(
        default=16, ge=1, le=10000, description="a whole number from 1 to 10000", examples=["16"]
    )
    idle_timeout_s: Whole = Field(default=300, ge=1, le=86400, description="seconds, from 1 to 86400", examples=["300"])

    @model_validator(mode="after")
    def _min_below_max(self) -> Scaling:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Ingress:
    """Who can reach the app: nobody outside the network unless `public` is set."""

    public: bool = Field(default=False, description="true or false", examples=["false"])
    certificate: str | None = Field(default=None, description="the id of a TLS certificate", examples=["arn:…"])
    allowed_cidrs: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="a list of address ranges like 203.0.113.0/24", examples=["203.0.113.0/24"]
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Rollout:
    """How a promotion moves traffic: percentages to the new version, and how much worse it may answer."""

    steps: Annotated[tuple[Whole, ...], AfterValidator(_ascending_to_100)] = Field(
        default=(5, 25, 50, 100), description="rising percentages that end at 100"
    )
    max_bake_s: Whole = Field(default=3600, ge=1, le=604800, description="seconds, from 1 to 604800", examples=["3600"])
    margin_points: float = Field(default=10, gt=0, le=100, description="points above 0, up to 100", examples=["10"])
    on_undecided: Undecided = Field(default=Undecided.BLUE, description="blue or hold", examples=["blue"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Limits:
    """What a deploy may not exceed; None is no limit."""

    monthly_usd: Decimal | None = Field(default=None, gt=0, description="dollars above 0", examples=["900"])
    regions: tuple[str, ...] | None = Field(default=None, description="a list of regions", examples=["us-east-1"])
    gpu_quota: Whole | None = Field(default=None, ge=0, description="a whole number of GPUs", examples=["4"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class StackConfig:
    """All that a target needs to know. A field is the config key of the same name in camel case."""

    stack: str
    target: str = Field(description="the name of a target", examples=["local"])
    environment: Environment = Field(description="dev, staging or prod", examples=["dev"])
    image: str | None = Field(default=None, pattern=DIGEST, description=IMAGE)
    settings: Settings | None = Field(default=None, description="a map like {model: smollm2-135m-instruct}")
    candidate: Candidate | None = Field(default=None, description="a map written by promote")
    routes: str | None = Field(
        default=None, min_length=1, description="the path of a routes file", examples=["routes.yaml"]
    )
    api_keys: Annotated[SecretStr, AfterValidator(_key_lines)] | None = Field(
        default=None, description="lines of name=key", examples=["'me=<a long random key>'"]
    )
    gpu: Gpu = Field(default=Gpu(), description="a map like {kind: L4, count: 1, spot: false}")
    scaling: Scaling = Field(default=Scaling(), description="a map like {min: 0, max: 4}")
    ingress: Ingress = Field(default=Ingress(), description="a map like {public: false}")
    rollout: Rollout = Field(default=Rollout(), description="a map like {steps: [5, 25, 50, 100]}")
    limits: Limits = Field(default=Limits(), description='a map like {monthlyUsd: "900"}')
    tags: Mapping[str, str] = Field(
        default_factory=dict, description="a map of texts like {owner: me}", examples=["me"]
    )
    port: Whole = Field(default=8080, ge=1, le=65535, description="a whole number from 1 to 65535", examples=["8080"])
    region: str = ""
    rehearsal: bool = False
    foundation: str | None = Field(
        default=None,
        pattern=r"^[\w.-]+(/[\w.-]+/[\w.-]+)?$",
        description="a stack, or organization/project/stack",
        examples=["aws-foundation-dev"],
    )
    network: Network = Field(default=Network(), description="a map like {zones: 2, nat: one}")
    registry: str | None = Field(
        default=None, min_length=4, description="the address of a registry", examples=["registry.example.com/team"]
    )
    key: str | None = Field(
        default=None, min_length=1, description="the id of an encryption key", examples=["arn:aws:kms:…"]
    )
    bucket: str | None = Field(default=None, min_length=3, description="the name of a bucket", examples=["my-weights"])
    log_bucket: str | None = Field(default=None, min_length=3, description="the name of a bucket", examples=["my-logs"])
    domain: Domain | None = Field(default=None, description="a map like {name: chat.example.com}")
    pipeline: Pipeline | None = Field(default=None, description="a map like {repository: owner/name}")
    api: Api = Field(default=Api(), description="a map like {cpu: 1, memoryGib: 2, min: 1, max: 2}")
    engine: Engine = Field(default=Engine(), description="a map like {image: registry/name@sha256:…}")
    capacity: Capacity = Field(default=Capacity(), description="a map like {instanceTypes: [g6.2xlarge]}")
    deployment: Deployment = Field(default=Deployment(), description="a map like {strategy: canary, percent: 5}")
    schedule: Schedule | None = Field(default=None, description="a map like {sleep: cron(…), wake: cron(…)}")
    redis: Redis | None = Field(default=None, description="a map like {nodeType: cache.t4g.micro}")
    fallbacks: tuple[Fallback, ...] = Field(
        default=(), description="a list like [{provider: bedrock, model: …}]", examples=["bedrock"]
    )
    collector: str | None = Field(default=None, pattern=DIGEST, description=IMAGE)
    alerts: Alerts = Field(default=Alerts(), description="a map like {email: me@example.com}")
    retention_days: Whole = Field(default=30, description="a number of days that CloudWatch knows", examples=["30"])
    promotion_key: SecretStr | None = Field(
        default=None, min_length=16, description="16 characters or more", examples=['"$(openssl rand -hex 24)"']
    )


KEYS = tuple(to_camel(each.name) for each in fields(StackConfig) if each.name not in _DERIVED)
_ADAPTER = TypeAdapter(StackConfig)
_TEXTS = ("target", "environment", "image", "routes", "apiKeys", "port", "foundation", "registry", "key", "bucket")
_STRUCTURED = frozenset(KEYS) - {*_TEXTS, "logBucket", "collector", "retentionDays", "promotionKey"}


def parse(
    raw: Mapping[str, str], stack: str, *, secret_keys: Collection[str] = (), rehearsal: bool = False
) -> StackConfig:
    """The stack's config from the engine's flat map (full keys; maps and lists as JSON), with every key checked.

    `secret_keys` are the keys whose values are stored encrypted; `rehearsal` says that nothing real is made.
    Raises ConfigError.
    """
    data: dict[str, Any] = {}
    for full_key, text in raw.items():
        namespace, _, key = full_key.rpartition(":")
        if namespace == NAMESPACE:
            data[key] = _decoded(text) if key in _STRUCTURED else text
    _refuse_unknown(data, KEYS, (), stack)
    _refuse_plain_keys(data, secret_keys, stack)
    target, environment = _place(data, stack)
    region = raw.get(REGION_KEYS.get(target.partition("-")[0], ""), "")
    derived = {"stack": stack, "target": target, "environment": environment, "region": region, "rehearsal": rehearsal}
    try:
        return _ADAPTER.validate_python({**data, **derived})
    except ValidationError as error:
        raise _translated(error, stack) from None


def _decoded(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text


def _place(data: Mapping[str, Any], stack: str) -> tuple[str, str]:
    """Target and environment: from the stack's name unless config says them; both saying different things is an error."""
    named = named_in(stack)
    target, environment = (
        str(data.get(key, value)) for key, value in zip(("target", "environment"), named, strict=True)
    )
    if target not in TARGETS:
        example = next(iter(TARGETS))
        set_target = f"./trimaran pulumi config set {NAMESPACE}:target {example} --stack {stack}"
        raise ConfigError(unknown_target(target), set_target if "target" in data else f"./trimaran up {example}")
    if named[0] in TARGETS and (target, environment) != named:
        key = "target" if target != named[0] else "environment"
        raise ConfigError(
            f"{NAMESPACE}:{key} is '{data[key]}', but the stack's name '{stack}' says '{named[key == 'environment']}'.",
            f"./trimaran pulumi config rm {NAMESPACE}:{key} --stack {stack}",
        )
    return target, environment


def _refuse_plain_keys(data: Mapping[str, Any], secret_keys: Collection[str], stack: str) -> None:
    for key in _SECRETS:
        full_key = f"{NAMESPACE}:{key}"
        if key in data and full_key not in secret_keys:
            raise ConfigError(
                f"{full_key} is stored in plain text.",
                f"./trimaran pulumi config set --secret {full_key} --stack {stack}",
            )


def _refuse_unknown(given: Iterable[str], known: Collection[str], path: tuple[str, ...], stack: str) -> None:
    for key in given:
        if key not in known:
            shown = ".".join((*path, key))
            flag = "--path " if path else ""
            raise ConfigError(
                f"config key '{NAMESPACE}:{shown}' is unknown.{nearest(key, known)} Known keys: {', '.join(known)}.",
                f"./trimaran pulumi config rm {flag}{NAMESPACE}:{shown} --stack {stack}",
            )


def _translated(error: ValidationError, stack: str) -> ConfigError:
    """The first thing that is wrong, in our words."""
    first = min(error.errors(), key=lambda each: each["type"] != "unexpected_keyword_argument")
    path = tuple(str(part) for part in first["loc"])
    owner, info = _field(path)
    if first["type"] == "unexpected_keyword_argument":
        try:
            _refuse_unknown([path[-1]], [to_camel(each.name) for each in fields(owner)], path[:-1], stack)
        except ConfigError as unknown:
            return unknown
    shown = f"{NAMESPACE}:{_dotted(path)}"
    expected = info.description or "something else"
    if first["type"] == "value_error" and (reason := str(first["ctx"]["error"])):
        sentence = f"{shown}: {reason}."
    elif path[0] in _SECRETS:
        sentence = f"{shown} must be {expected}."
    else:
        sentence = f"{shown} is {_seen(first['input'])}; it must be {expected}."
    return ConfigError(sentence, _set_command(path, info, stack))


def _set_command(path: tuple[str, ...], info: FieldInfo, stack: str) -> str:
    if not info.examples:
        return f"edit stacks/environments/Pulumi.{stack}.yaml; the example beside it explains every key"
    flags = " --secret" if path[0] in _SECRETS else " --path" if len(path) > 1 else ""
    key = shlex.quote(f"{NAMESPACE}:{_dotted(path)}")
    return f"./trimaran pulumi config set{flags} {key} {info.examples[0]} --stack {stack}"


def _dotted(path: tuple[str, ...]) -> str:
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path).removeprefix(".")


def _seen(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)


def _field(path: tuple[str, ...]) -> tuple[type, FieldInfo]:
    """The dataclass and the field that a location in the config points at, as deep as it goes."""
    owner: type = StackConfig
    info = FieldInfo()
    for part in path:
        if part.isdigit():
            continue
        known = {info.alias or name: info for name, info in cast("Any", owner).__pydantic_fields__.items()}
        if part not in known:
            break
        info = known[part]
        inner = _dataclass_of(info)
        if inner is None:
            break
        owner = inner
    return owner, info


def _dataclass_of(info: FieldInfo) -> type | None:
    """The dataclass a field holds, also where it is optional."""
    options = (info.annotation, *getattr(info.annotation, "__args__", ()))
    return next((option for option in options if hasattr(option, "__pydantic_fields__")), None)
