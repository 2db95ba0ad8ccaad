"""The example stacks as the rules see them: what the real engine plans for the real programs, before anything exists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plan.document import read as read_preview
from plan.resource import Resource
from policies import Context
from tests.policies.plans import TODAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplePlan:
    """A stack's plan; `config` as the engine hands it out."""

    stack: str
    config: Mapping[str, str]
    resources: tuple[Resource, ...]

    def context(self, **changes: Any) -> Context:
        """What it is judged in, with some of its `trimaran:` config replaced."""
        changed = {f"trimaran:{key}": json.dumps(value) for key, value in changes.items()}
        return Context.of(self.stack, {**self.config, **changed}, TODAY)


def read(stack: str, preview: Mapping[str, Any]) -> ExamplePlan:
    """A plan from the document that `pulumi preview --json --show-sames` prints."""
    config = {key: value for key, value in preview["config"].items() if isinstance(value, str)}
    return ExamplePlan(stack=stack, config=config, resources=tuple(read_preview(preview).after.values()))
