"""What was let through for a while: no exception outlives its last day."""

from __future__ import annotations

from policies.rule import ALWAYS, Rule, Severity

RULES = (
    Rule(
        id="exceptions-in-date",
        title="No exception has outlived its last day.",
        why="An exception that nobody ends becomes the rule. Its last day makes somebody decide again.",
        severity=Severity.MEDIUM,
        enforcement=ALWAYS,
        remedy="Take it out of policies/exceptions.yaml, or give it a new day and a reason that still holds.",
        over_stack=True,
        every_type=True,
    ),
)
