"""Which images run, and which models they ask: by digest, from a known registry, with tags that never change, and none that is about to end."""

from __future__ import annotations

from policies.rule import ALWAYS, Rule, Severity

RULES = (
    Rule(
        id="image-digest",
        title="Every image is named by its digest.",
        why="What was tested is what runs, on every scale-out and after every rollback. A tag promises neither.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Name it as registry/name@sha256:<64 hex digits>; docker push prints it.",
    ),
    Rule(
        id="registry-allow-list",
        title="Images come from registries that are on the list.",
        why="An image from somewhere else was not built, scanned or signed by the pipeline.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Copy it into your own registry, or extend registries in policies/allowed.yaml.",
    ),
    Rule(
        id="immutable-tags",
        title="A registry never lets a tag be pushed over, and scans what is pushed.",
        why="People read tags, also those who look for what ran last week.",
        severity=Severity.MEDIUM,
        enforcement=ALWAYS,
        remedy="Set imageTagMutability to IMMUTABLE and scanOnPush to true.",
    ),
    Rule(
        id="model-in-date",
        title="No route leads to a model that its vendor ends within 14 days.",
        why="From that day on every request to it fails, and its fallbacks carry what they were not sized for.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Name another model; where the vendor gave you more time, write an exception with the day until which.",
    ),
)
