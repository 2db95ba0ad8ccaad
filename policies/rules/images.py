"""Which images run: by digest, from a registry that is known, with tags that never change."""

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
)
