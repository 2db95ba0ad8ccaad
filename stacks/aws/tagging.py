"""Tags on everything that can carry them, put on at one place so that none is forgotten."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pulumi

from stacks.aws.config import AwsConfig

# Whose a resource is: budgets count by it, and a role may call what carries it.
STACK_TAG = "trimaran-stack"
_FORMS = {"costCenter": "cost-center"}
# Takes tags in a form of its own.
_OTHERWISE = ("aws:autoscaling/group:Group",)


def tags_of(config: AwsConfig) -> dict[str, str]:
    """The stack's tags: the user's own, and whose they are."""
    own = {_FORMS.get(key, key): value for key, value in config.tags.items()}
    return {"environment": str(config.environment), STACK_TAG: config.stack, **own}


def tag_everything(tags: Mapping[str, str]) -> None:
    """Put the tags on every AWS resource that is made from now on; a resource's own tags stay."""

    def tagged(
        made: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        if not made.type_.startswith("aws:") or made.type_ in _OTHERWISE or not _takes_tags(type(made.resource)):
            return None
        own: Any = made.props.get("tags") or {}
        props = {**made.props, "tags": {**tags, **own}}
        return pulumi.ResourceTransformationResult(props=props, opts=made.opts)

    pulumi.runtime.register_stack_transformation(tagged)


def _takes_tags(kind: type[pulumi.Resource]) -> bool:
    return "tags" in inspect.signature(getattr(kind, "_internal_init", kind.__init__)).parameters
