"""`policies [RULE]`: what the rules are, and why; one rule in full."""

from __future__ import annotations

import textwrap

from delivery.failure import ExitCode, Failure
from delivery.terminal import data, data_json, table
from policies.coverage import types_of
from policies.judging import described
from policies.rule import Rule
from policies.rules import RULES, ids, rule_of
from stacks.targets import nearest

_WIDTH = 100


def show(id_: str, *, as_json: bool) -> None:
    """List the rules, or explain the one called `id_`. Raises Failure for one that is not there."""
    rule = rule_of(id_) if id_ else None
    if id_ and rule is None:
        raise Failure(f"there is no rule '{id_}'.{nearest(id_, ids())}", "./trimaran policies", ExitCode.USAGE)
    chosen = (rule,) if rule else RULES
    if as_json:
        rules = [described(each, _levels(each)) for each in chosen]
        data_json("policies", None, {"rules": rules, "violations": [], "undecided": []})
    elif rule:
        data(explained(rule))
    else:
        table(
            ("rule", "severity", "dev", "staging", "prod", "what must hold"),
            [(each.id, each.severity, *_levels(each).values(), each.title) for each in RULES],
        )


def explained(rule: Rule) -> str:
    """A rule in full, for a terminal."""
    levels = ", ".join(f"{level} in {environment}" for environment, level in _levels(rule).items())
    parts = [
        rule.id,
        "",
        *_wrapped("", rule.title),
        "",
        *_wrapped("why       ", rule.why),
        *_wrapped("remedy    ", rule.remedy),
        *_wrapped("severity  ", str(rule.severity)),
        *_wrapped("strict    ", levels),
        *(f"{'judges    ' if at == 0 else ' ' * 10}{type_}" for at, type_ in enumerate(types_of(rule))),
        *_wrapped("exception ", "an entry in policies/exceptions.yaml with a reason and a last day"),
    ]
    return "\n".join(parts)


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=label, subsequent_indent=" " * len(label), break_long_words=False)


def _levels(rule: Rule) -> dict[str, str]:
    enforcement = rule.enforcement
    return {"dev": enforcement.dev, "staging": enforcement.staging, "prod": enforcement.prod}
