"""Managed models: what looks at their prompts is pinned, none is about to end, nothing is bought in passing, nothing is overheard."""

from __future__ import annotations

from policies.rule import ALWAYS, DEV_ONLY, Rule, Severity

RULES = (
    Rule(
        id="pinned-guardrail",
        title="A guardrail is used in a version that nobody can change or take away.",
        why="The draft changes under a running app. A version that goes with its stack's next step takes away what blue still uses.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Give the guardrail a GuardrailVersion with skipDestroy, and name its number in the routes.",
        among_peers=True,
    ),
    Rule(
        id="model-in-date",
        title="Nothing leads to a model that its vendor ends within 14 days.",
        why="From that day on every request to it fails, and its fallbacks carry what they were not sized for.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Name another model; where the vendor gave you more time, write an exception with the day until which.",
    ),
    Rule(
        id="no-provisioned-in-dev",
        title="In dev nobody buys throughput of a managed model.",
        why="Model units are paid by the hour, asked or not, for a month or six where that was agreed; tokens cost nothing at night.",
        severity=Severity.HIGH,
        enforcement=DEV_ONLY,
        remedy="Leave trimaran:throughput out in dev, or make an exception with a last day.",
    ),
    Rule(
        id="no-logged-prompts",
        title="The log of calls to models has no prompts and no answers.",
        why="One setting copies every conversation of the account, of all its apps, into a log that others read for other reasons.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Set trimaran:bedrock.invocationLogging.text and images to false on the foundation, or make an exception.",
    ),
)
