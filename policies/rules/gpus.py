"""Which GPUs may be rented in which environment."""

from __future__ import annotations

from policies.rule import ALWAYS, Rule, Severity

RULES = (
    Rule(
        id="gpu-allow-list",
        title="Only kinds of GPU that the environment allows are rented.",
        why="One step up in the instance type multiplies the price. In dev nobody should rent an H100 by a slip.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Choose another trimaran:gpu.kind, or extend gpuKinds in policies/allowed.yaml.",
    ),
)
