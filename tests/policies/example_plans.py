"""The example stacks as the rules see them, kept in golden/. Run as a module, it rehearses them and rewrites the files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.cost.bearing import READS
from delivery.rehearsal.prepared import prepared
from delivery.rehearsal.targets import foundation_of, packages_of
from policies import Context, Planned, bearing
from policies.preview import planned_in
from providers.rehearsal.clouds import cloud_of
from tests.policies.plans import TODAY

STACKS = ("aws-foundation-dev", "aws-foundation-prod", "aws-ecs-dev", "aws-ecs-prod")
_GOLDEN = Path(__file__).with_name("golden")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplePlan:
    """A stack's plan; `config` as the engine hands it out."""

    stack: str
    config: Mapping[str, str]
    resources: tuple[Planned, ...]

    def context(self, **changes: Any) -> Context:
        """What it is judged in, with some of its `trimaran:` config replaced."""
        changed = {f"trimaran:{key}": json.dumps(value) for key, value in changes.items()}
        return Context.of(self.stack, {**self.config, **changed}, TODAY)


def read(stack: str) -> ExamplePlan:
    """A plan from its file."""
    document = json.loads((_GOLDEN / f"{stack}.json").read_text(encoding="utf-8"))
    resources = tuple(
        Planned(
            urn=each["urn"],
            type=each["type"],
            inputs=each["inputs"],
            links={key: tuple(urns) for key, urns in each.get("links", {}).items()},
            region=each.get("region", ""),
        )
        for each in document["resources"]
    )
    return ExamplePlan(stack=stack, config=document["config"], resources=resources)


def path_of(stack: str) -> Path:
    """Where a plan is kept."""
    return _GOLDEN / f"{stack}.json"


def rehearsed(stack: str, preview_arguments: Sequence[str] = ()) -> str:
    """The text of a stack's file, from the real engine and the real program. Raises Failure where the preview fails."""
    target, _, environment = stack.rpartition("-")
    clouds = [cloud_of(each) for each in packages_of(target)]
    with prepared(ROOT, stack, clouds, foundation_of(target, environment)) as ready:
        return _text(ready.run("preview", "preview", *preview_arguments).digest)


def _text(digest: Mapping[str, Any]) -> str:
    """Only the inputs that rules or quantities read, sorted, so that a change of the plan is a small change of the file."""
    resources = [_shortened(each) for each in sorted(planned_in(digest), key=lambda each: each.urn)]
    config = {key: value for key, value in sorted(digest["config"].items()) if isinstance(value, str)}
    return json.dumps({"config": config, "resources": resources}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _shortened(planned: Planned) -> dict[str, Any]:
    paths = (*bearing().get(planned.type, ()), *READS.get(planned.type, ()))
    keys = {path.split(".")[0].removesuffix("[]") for path in paths}
    short = {
        "urn": planned.urn,
        "type": planned.type,
        "inputs": {key: value for key, value in planned.inputs.items() if key in keys},
        "links": {key: sorted(urns) for key, urns in planned.links.items()},
        "region": planned.region,
    }
    return {key: value for key, value in short.items() if value or key == "inputs"}


if __name__ == "__main__":
    for each in STACKS:
        path_of(each).write_text(rehearsed(each), encoding="utf-8")
