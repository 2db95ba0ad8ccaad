"""How many of everything may run: never without a bound, room for blue beside green, nothing idle in dev."""

from __future__ import annotations

from policies.rule import ADVICE, ALWAYS, DEV_ONLY, Enforcement, Level, Rule, Severity

RULES = (
    Rule(
        id="max-replicas",
        title="Everything that scales has an upper bound within what its environment allows.",
        why="A loop in a client, or a load test that nobody stopped, otherwise becomes a bill.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Lower trimaran:scaling.max, or raise maxReplicas in policies/allowed.yaml.",
    ),
    Rule(
        id="blue-green-headroom",
        title="GPU capacity holds the old and the new version side by side.",
        why="Blue/green doubles the tasks for a while. Without room for them the new version waits until it times out.",
        severity=Severity.MEDIUM,
        enforcement=ADVICE,
        remedy="Raise the group's maxSize, or use the strategy ROLLING.",
        among_peers=True,
    ),
    Rule(
        id="scale-to-zero-in-dev",
        title="GPUs in dev scale to zero.",
        why="A GPU that idles over a weekend costs more than the work it did. In dev nobody is hurt by a cold start.",
        severity=Severity.HIGH,
        enforcement=DEV_ONLY,
        remedy="Set trimaran:scaling.min to 0 and leave the warm pool out in dev.",
        among_peers=True,
    ),
    Rule(
        id="always-on-in-prod",
        title="In prod every service without a GPU keeps at least one task.",
        why="The router holds requests while GPUs wake and fails over to other models. At zero tasks there is no router.",
        severity=Severity.HIGH,
        enforcement=Enforcement(dev=Level.OFF, staging=Level.OFF, prod=Level.ADVISORY),
        remedy="Give it a minimum of at least 1, better one for each zone.",
        among_peers=True,
    ),
)
