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
    BeforeValidator,
    ConfigDict,
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

from stacks.targets import TARGETS, named_in, nearest, unknown_target

NAMESPACE = "trimaran"
_STRICT = ConfigDict(extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)


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


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError
    return value


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


# `description` is what the error says is expected, `examples` what its hint proposes.
_Whole = Annotated[int, BeforeValidator(_no_bool)]
_DIGEST = r"^[^\s@]+@sha256:[0-9a-f]{64}$"
_IMAGE = "an image with its digest: registry/name@sha256:<64 hex digits>"


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Settings:
    """What the model is and how it is told to behave; a change makes a new revision. `promote --set` changes these."""

    model: str | None = Field(
        default=None, min_length=1, description="the name of a model", examples=["smollm2-135m-instruct"]
    )
    model_revision: str | None = Field(default=None, description="the pinned version of the model", examples=["0.1.2"])
    system_prompt: str = Field(default="", description="text", examples=["'Answer in one sentence.'"])


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Candidate:
    """The green version while a promotion runs; what it does not name is as in blue. Only `promote` writes it."""

    image: str | None = Field(default=None, pattern=_DIGEST, description=_IMAGE)
    settings: Settings | None = Field(default=None, description="a map like {model: smollm2-135m-instruct}")


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Gpu:
    """The accelerator of one replica."""

    kind: str = Field(default="L4", min_length=1, description="the name of a GPU", examples=["L4"])
    count: _Whole = Field(default=1, ge=1, le=16, description="a whole number from 1 to 16", examples=["1"])
    spot: bool = Field(default=False, description="true or false", examples=["false"])


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Scaling:
    """How many replicas there may be and how many requests one takes at a time."""

    min: _Whole = Field(default=0, ge=0, le=1000, description="a whole number from 0 to 1000", examples=["0"])
    max: _Whole = Field(default=4, ge=1, le=1000, description="a whole number from 1 to 1000", examples=["4"])
    concurrency: _Whole = Field(
        default=16, ge=1, le=10000, description="a whole number from 1 to 10000", examples=["16"]
    )
    idle_timeout_s: _Whole = Field(
        default=300, ge=1, le=86400, description="seconds, from 1 to 86400", examples=["300"]
    )

    @model_validator(mode="after")
    def _min_below_max(self) -> Scaling:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Ingress:
    """Who can reach the app: nobody outside the network unless `public` is set."""

    public: bool = Field(default=False, description="true or false", examples=["false"])
    certificate: str | None = Field(default=None, description="the id of a TLS certificate", examples=["arn:…"])
    allowed_cidrs: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="a list of address ranges like 203.0.113.0/24", examples=["203.0.113.0/24"]
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Rollout:
    """How a promotion moves traffic: percentages to the new version, and how much worse it may answer."""

    steps: Annotated[tuple[_Whole, ...], AfterValidator(_ascending_to_100)] = Field(
        default=(5, 25, 50, 100), description="rising percentages that end at 100"
    )
    max_bake_s: _Whole = Field(
        default=3600, ge=1, le=604800, description="seconds, from 1 to 604800", examples=["3600"]
    )
    margin_points: float = Field(default=10, gt=0, le=100, description="points above 0, up to 100", examples=["10"])
    on_undecided: Undecided = Field(default=Undecided.BLUE, description="blue or hold", examples=["blue"])


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Limits:
    """What a deploy may not exceed; None is no limit."""

    monthly_usd: Decimal | None = Field(default=None, gt=0, description="dollars above 0", examples=["900"])
    regions: tuple[str, ...] | None = Field(default=None, description="a list of regions", examples=["us-east-1"])
    gpu_quota: _Whole | None = Field(default=None, ge=0, description="a whole number of GPUs", examples=["4"])


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class StackConfig:
    """All that a target needs to know. A field is the config key of the same name in camel case."""

    stack: str
    target: str = Field(description="the name of a target", examples=["local"])
    environment: Environment = Field(description="dev, staging or prod", examples=["dev"])
    image: str | None = Field(default=None, pattern=_DIGEST, description=_IMAGE)
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
    port: _Whole = Field(default=8080, ge=1, le=65535, description="a whole number from 1 to 65535", examples=["8080"])


_ADAPTER = TypeAdapter(StackConfig)
_STRUCTURED = ("settings", "candidate", "gpu", "scaling", "ingress", "rollout", "limits", "tags")


def parse(raw: Mapping[str, str], stack: str, *, secret_keys: Collection[str] = ()) -> StackConfig:
    """The stack's config from the engine's flat map (full keys; maps and lists as JSON), with every key checked.

    `secret_keys` are the keys whose values are stored encrypted. Raises ConfigError.
    """
    data: dict[str, Any] = {}
    for full_key, text in raw.items():
        namespace, _, key = full_key.rpartition(":")
        if namespace == NAMESPACE:
            data[key] = _decoded(text) if key in _STRUCTURED else text
    _refuse_unknown(data, [name for name in _names(StackConfig) if name != "stack"], (), stack)
    _refuse_plain_keys(data, secret_keys, stack)
    target, environment = _place(data, stack)
    try:
        config = _ADAPTER.validate_python({**data, "stack": stack, "target": target, "environment": environment})
    except ValidationError as error:
        raise _translated(error, stack) from None
    if config.routes and config.settings:
        raise ConfigError(
            f"{NAMESPACE}:routes and {NAMESPACE}:settings both choose the model of stack '{stack}'.",
            f"keep one: ./trimaran pulumi config rm {NAMESPACE}:settings --stack {stack}",
        )
    return config


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
    full_key = f"{NAMESPACE}:apiKeys"
    if "apiKeys" in data and full_key not in secret_keys:
        raise ConfigError(
            f"{full_key} is stored in plain text.", f"./trimaran pulumi config set --secret {full_key} --stack {stack}"
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
            _refuse_unknown([path[-1]], _names(owner), path[:-1], stack)
        except ConfigError as unknown:
            return unknown
    shown = f"{NAMESPACE}:{_dotted(path)}"
    expected = info.description or "something else"
    if first["type"] == "value_error" and (reason := str(first["ctx"]["error"])):
        sentence = f"{shown}: {reason}."
    elif path[0] == "apiKeys":
        sentence = f"{shown} must be {expected}."
    else:
        sentence = f"{shown} is {_seen(first['input'])}; it must be {expected}."
    return ConfigError(sentence, _set_command(path, info, stack))


def _set_command(path: tuple[str, ...], info: FieldInfo, stack: str) -> str:
    if not info.examples:
        return f"edit stacks/environments/Pulumi.{stack}.yaml; the example beside it explains every key"
    flags = " --secret" if path[0] == "apiKeys" else " --path" if len(path) > 1 else ""
    key = shlex.quote(f"{NAMESPACE}:{_dotted(path)}")
    return f"./trimaran pulumi config set{flags} {key} {info.examples[0]} --stack {stack}"


def _dotted(path: tuple[str, ...]) -> str:
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path).removeprefix(".")


def _seen(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)


def _names(owner: type) -> list[str]:
    return [to_camel(each.name) for each in fields(owner)]


def _field(path: tuple[str, ...]) -> tuple[type, FieldInfo]:
    """The dataclass and the field that a location in the config points at, as deep as it goes."""
    owner: type = StackConfig
    info = FieldInfo()
    for part in path:
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
