"""The configuration of the target `local`, and of nothing else: what this machine alone can do."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from stacks.config import STRICT, PromotedConfig, Whole


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LocalConfig(PromotedConfig):
    """The keys of `local`: those of every service that is promoted, a routes file and a port."""

    routes: str | None = Field(
        default=None, min_length=1, description="the path of a routes file", examples=["routes.yaml"]
    )
    port: Whole = Field(default=8080, ge=1, le=65535, description="a whole number from 1 to 65535", examples=["8080"])
