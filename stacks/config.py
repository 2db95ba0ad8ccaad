"""What the configurations of all targets are made of: the keys that every stack has, and sections that targets share.

A field is the config key of the same name in camel case. Its `description` is what an error says is expected, its
`examples` what the error's hint proposes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

NAMESPACE = "trimaran"
STRICT = ConfigDict(extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)
DIGEST = r"^[^\s@]+@sha256:[0-9a-f]{64}$"
IMAGE = "an image with its digest: registry/name@sha256:<64 hex digits>"


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


class WhenUndecided(StrEnum):
    """What a promotion does when its time is up and the evidence does not decide."""

    BLUE = "blue"
    HOLD = "hold"


def no_bool(value: object) -> object:
    """YAML's true is no number. Raises ValueError."""
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


Whole = Annotated[int, BeforeValidator(no_bool)]
Number = Annotated[float, BeforeValidator(no_bool)]
Steps = Annotated[tuple[Whole, ...], AfterValidator(_ascending_to_100)]
STEPS = "rising percentages that end at 100"


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class ModelSettings:
    """What the model is and how it is told to behave; a change makes a new revision. `promote --set` changes these."""

    model: str | None = Field(
        default=None, min_length=1, description="the name of a model", examples=["smollm2-135m-instruct"]
    )
    model_revision: str | None = Field(default=None, description="the pinned version of the model", examples=["0.1.2"])
    # None: as a routes file has it, else none; an empty text is none in any case.
    system_prompt: str | None = Field(default=None, description="text", examples=["'Answer in one sentence.'"])

    def overlaid(self, other: ModelSettings) -> ModelSettings:
        """These with what `other` names in its place; another model comes without the revision of this one."""
        is_same_model = other.model in (None, self.model)
        return ModelSettings(
            model=self.model if other.model is None else other.model,
            modelRevision=other.model_revision or (self.model_revision if is_same_model else None),  # type: ignore[call-arg]
            systemPrompt=self.system_prompt if other.system_prompt is None else other.system_prompt,
        )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Candidate:
    """The green version while a promotion runs; what it does not name is as in blue. Only `promote` writes it."""

    image: str | None = Field(default=None, pattern=DIGEST, description=IMAGE)
    settings: ModelSettings | None = Field(default=None, description="a map like {model: smollm2-135m-instruct}")


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Rollout:
    """How a promotion moves traffic: percentages to the new version, and how much worse it may answer."""

    steps: Steps = Field(default=(5, 25, 50, 100), description=STEPS)
    max_bake_s: Whole = Field(default=3600, ge=1, le=604800, description="seconds, from 1 to 604800", examples=["3600"])
    margin_points: Number = Field(default=10, gt=0, le=100, description="points above 0, up to 100", examples=["10"])
    on_undecided: WhenUndecided = Field(default=WhenUndecided.BLUE, description="blue or hold", examples=["blue"])


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
class Api:
    """The app in front, on CPU and always on."""

    cpu: Number = Field(default=1, gt=0, le=16, description="a number of vCPUs", examples=["1"])
    memory_gib: Number = Field(default=2, gt=0, le=120, description="a number of GiB", examples=["2"])
    min: Whole = Field(default=1, ge=1, le=100, description="a whole number from 1 to 100", examples=["1"])
    max: Whole = Field(default=2, ge=1, le=100, description="a whole number from 1 to 100", examples=["4"])

    @model_validator(mode="after")
    def _min_below_max(self) -> Api:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class EngineKind(StrEnum):
    """The model server: TRIMARAN_ENGINE of the app on GPU. The image must have it."""

    VLLM = "vllm"
    LITSERVE = "litserve"


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class EngineSection:
    """The app on GPU, which runs the model. Without an image there is none, and the fallbacks answer."""

    kind: EngineKind = Field(default=EngineKind.VLLM, description="vllm or litserve", examples=["vllm"])
    image: str | None = Field(default=None, pattern=DIGEST, description=IMAGE)
    context_tokens: Whole | None = Field(
        default=None, ge=512, description="a whole number from 512", examples=["16384"]
    )


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Alerts:
    """Who hears of alarms and of the budget."""

    email: str | None = Field(default=None, pattern=r"^\S+@\S+$", description="an address", examples=["me@example.com"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Limits:
    """What a deploy may not exceed; None is no limit."""

    monthly_usd: Annotated[Decimal, BeforeValidator(no_bool)] | None = Field(
        default=None, gt=0, description="dollars above 0", examples=["900"]
    )
    regions: tuple[str, ...] | None = Field(default=None, description="a list of regions", examples=["us-east-1"])


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class GpuLimits(Limits):
    """What a deploy with GPUs may not exceed; None is no limit."""

    gpu_quota: Whole | None = Field(default=None, ge=0, description="a whole number of GPUs", examples=["4"])


# The classes of whole stacks have no slots: a target's may have two of them as bases, which slots do not allow.
@dataclass(frozen=True, kw_only=True, config=STRICT)
class StackConfig:
    """What every stack has. A target's own class adds the keys that this target reads; any other key is an error.

    `derived` fields are no keys: they follow from the stack's name, the provider's config and the run. `moved` are keys
    of earlier versions, with what has taken their place.
    """

    derived: ClassVar[tuple[str, ...]] = ("stack", "region", "rehearsal")
    # Values that a hint shows where a target takes others than most.
    examples: ClassVar[Mapping[str, str]] = {}
    moved: ClassVar[Mapping[str, str]] = {}

    stack: str
    target: str = Field(description="the name of a target", examples=["local"])
    environment: Environment = Field(description="dev, staging or prod", examples=["dev"])
    region: str = ""
    rehearsal: bool = False


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ServiceConfig(StackConfig):
    """What every stack has whose app answers requests."""

    settings: ModelSettings | None = Field(default=None, description="a map like {model: smollm2-135m-instruct}")
    candidate: Candidate | None = Field(default=None, description="a map written by promote")
    api_keys: Annotated[SecretStr, AfterValidator(_key_lines)] | None = Field(
        default=None, description="lines of name=key", examples=["'me=<a long random key>'"]
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PromotedConfig(ServiceConfig):
    """What every stack has whose versions `promote` moves traffic between."""

    rollout: Rollout = Field(default=Rollout(), description="a map like {steps: [5, 25, 50, 100]}")
