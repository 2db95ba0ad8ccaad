"""docs/policies.md, written from the rules so that the two never differ. Run as a module, it rewrites the page."""

from __future__ import annotations

from pathlib import Path

from plan.resource import STACK
from policies.coverage import types_of
from policies.rule import Level, Rule
from policies.rules import RULES

PAGE = Path(__file__).resolve().parents[1] / "docs/policies.md"
_HEAD = """# Policies

Written from the rules by `.venv/bin/python -m policies.reference`; a test compares the two.

{count} rules are held against every stack, by a Pulumi policy pack while the engine plans and deploys, and by
`./trimaran rehearse` without any account:

```console
pulumi preview --policy-pack policies      # or `pulumi up`; a mandatory violation stops it
./trimaran policies                        # the list; with a rule's name, that rule in full
```

How strictly a rule holds depends on the stack's environment: `mandatory` stops the deployment, `advisory` is told, `off` is
not judged. A rule that needs an input which is not known yet says so by name and decides when the value is there: during
`up` at the latest.

A resource of a type that a rule neither checks nor looks at, and that nobody has declared harmless for it, is *undecided*: in prod that is as strict as the
rule itself, elsewhere it is told. So what no table knows is refused in prod by name, never passed over.

Limits of one stack are in its config (`trimaran:limits`, `trimaran:ingress`, `trimaran:scaling`). What is allowed for every
stack (registries, kinds of GPU, replicas, tags) is in [`policies/allowed.yaml`](../policies/allowed.yaml). An exception for one
resource is an entry in [`policies/exceptions.yaml`](../policies/exceptions.yaml) with a reason and a last day, after which it
is a violation itself. How to add a rule: [adding-a-rule.md](adding-a-rule.md).

| rule | severity | dev | staging | prod |
|---|---|---|---|---|
{rows}
"""


def page() -> str:
    """The page as it should be."""
    rows = "\n".join(_row(rule) for rule in RULES)
    head = _HEAD.format(count=len(RULES), rows=rows)
    return "\n".join((head, *(_section(rule) for rule in RULES)))


def _row(rule: Rule) -> str:
    levels = (rule.enforcement.dev, rule.enforcement.staging, rule.enforcement.prod)
    return f"| [{rule.id}](#{rule.id}) | {rule.severity} | {' | '.join(_shown(each) for each in levels)} |"


def _shown(level: Level) -> str:
    return f"**{level}**" if level is Level.MANDATORY else str(level)


def _section(rule: Rule) -> str:
    types = ", ".join("the stack" if each == STACK else f"`{each}`" for each in types_of(rule))
    return f"## {rule.id}\n\n{rule.title} {rule.why}\n\nRemedy: {rule.remedy}\n\nJudges: {types}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
