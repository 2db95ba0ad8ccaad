"""What is kept: buckets closed to the public, keys that rotate, logs that end, caches encrypted."""

from __future__ import annotations

from policies.rule import ALWAYS, TOLD_IN_DEV, Rule, Severity

RULES = (
    Rule(
        id="no-public-bucket",
        title="No bucket can be made public.",
        why="One policy or one object's ACL opens a bucket to everybody. The block makes both without effect.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        remedy="Give the bucket a BucketPublicAccessBlock with all four of its settings true.",
        among_peers=True,
    ),
    Rule(
        id="key-rotation",
        title="Keys are rotated every year.",
        why="A key that leaked unnoticed then opens one year's data, not all.",
        severity=Severity.MEDIUM,
        enforcement=TOLD_IN_DEV,
        remedy="Set enableKeyRotation to true.",
    ),
    Rule(
        id="log-retention",
        title="Logs are kept for a limited time.",
        why="Logs are personal data and are billed by the gigabyte for as long as they exist.",
        severity=Severity.MEDIUM,
        enforcement=ALWAYS,
        remedy="Set retentionInDays, at most to logRetentionDays in policies/allowed.yaml.",
    ),
    Rule(
        id="encrypted-cache",
        title="The shared cache is encrypted on the wire and at rest.",
        why="It holds sessions, budgets and, for a while, answers.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Set transitEncryptionEnabled and atRestEncryptionEnabled to true.",
    ),
)
