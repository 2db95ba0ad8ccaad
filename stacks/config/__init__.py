"""A stack's configuration: what every target's has in `common`, how it is read and checked in `parsing`."""

from __future__ import annotations

from stacks.config.common import (
    NAMESPACE,
    Candidate,
    ConfigError,
    Environment,
    ModelSettings,
    PromotedConfig,
    Rollout,
    ServiceConfig,
    StackConfig,
    WhenUndecided,
)
from stacks.config.parsing import keys_of, parse

__all__ = [
    "NAMESPACE",
    "Candidate",
    "ConfigError",
    "Environment",
    "ModelSettings",
    "PromotedConfig",
    "Rollout",
    "ServiceConfig",
    "StackConfig",
    "WhenUndecided",
    "keys_of",
    "parse",
]
