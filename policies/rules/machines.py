"""How instances are started: their credentials out of reach of what runs on them, their disks encrypted."""

from __future__ import annotations

from policies.rule import ALWAYS, Rule, Severity

RULES = (
    Rule(
        id="imdsv2",
        title="Instances give out their credentials only for a session token (IMDSv2).",
        why="With IMDSv1 a server that can be made to fetch an address hands the instance's role to a stranger.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        remedy='Set metadataOptions.httpTokens to "required".',
    ),
    Rule(
        id="encrypted-disks",
        title="Every disk is encrypted.",
        why="Disks hold weights, prompts in swap and core dumps, and outlive their instance as snapshots.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Set encrypted to true for each disk, the root disk too.",
    ),
)
