"""How a deployment ends: rolled back when it fails, hard to delete by accident in prod, easy to delete in dev."""

from __future__ import annotations

from policies.rule import PROD_ONLY, TOLD_IN_DEV, Enforcement, Level, Rule, Severity

RULES = (
    Rule(
        id="rollback-configured",
        title="A deployment that fails is rolled back by the platform itself.",
        why="The circuit breaker catches a version that does not start, alarms one that starts and answers badly.",
        severity=Severity.HIGH,
        enforcement=TOLD_IN_DEV,
        remedy="Set enable and rollback of deploymentCircuitBreaker, and in prod of alarms with a bake time.",
    ),
    Rule(
        id="deletion-protection-in-prod",
        title="In prod nothing that holds data that lasts, or an address, is deleted in passing where its cloud can prevent it.",
        why="A renamed resource is deleted and made anew. In prod that must need two steps.",
        severity=Severity.HIGH,
        enforcement=PROD_ONLY,
        remedy="Protect it in prod; to delete it, first deploy without the protection.",
    ),
    Rule(
        id="deletable-in-dev",
        title="In dev everything can be destroyed in one go.",
        why="A dev stack that `destroy` leaves half standing goes on costing money.",
        severity=Severity.LOW,
        enforcement=Enforcement(dev=Level.ADVISORY, staging=Level.OFF, prod=Level.OFF),
        remedy="Turn protection off and forced deletion on in dev.",
    ),
)
