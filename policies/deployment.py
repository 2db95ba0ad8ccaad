"""How a deployment ends: rolled back when it fails, hard to delete by accident in prod, easy to delete in dev."""

from __future__ import annotations

from collections.abc import Iterator

from policies.planned import Resource
from policies.rule import PROD_ONLY, TOLD_IN_DEV, Enforcement, Level, Rule, Scene, Severity

SERVICE = "aws:ecs/service:Service"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
BUCKET = "aws:s3/bucket:Bucket"
REPOSITORY = "aws:ecr/repository:Repository"
# What makes a resource easy to delete; a load balancer's flag says the opposite.
_FORCED = {BUCKET: "forceDestroy", REPOSITORY: "forceDelete"}
_PROTECTION = "enableDeletionProtection"
_READS = {BALANCER: (_PROTECTION,), BUCKET: ("forceDestroy",), REPOSITORY: ("forceDelete",)}


def _rollback(service: Resource, scene: Scene) -> Iterator[str]:
    for field in ("enable", "rollback"):
        if not service.flag(f"deploymentCircuitBreaker.{field}"):
            yield f"deploymentCircuitBreaker.{field} is not true, so a version that does not start stays deployed."
            break
    if scene.context.environment != "prod":
        return
    for field in ("enable", "rollback"):
        if not service.flag(f"alarms.{field}"):
            yield f"alarms.{field} is not true, so a version that starts but fails its callers stays deployed."
            break
    else:
        if service.count("alarms.alarmNames") == 0:
            yield "alarms.alarmNames is empty, so no alarm can roll a version back."
    strategy = service.text("deploymentConfiguration.strategy", "ROLLING")
    if strategy != "ROLLING" and not service.whole("deploymentConfiguration.bakeTimeInMinutes"):
        yield f"bakeTimeInMinutes is 0 or not set, so a {strategy} deployment removes the old version at once."


def _protected(resource: Resource, scene: Scene) -> Iterator[str]:
    if resource.type == BALANCER:
        if not resource.flag(_PROTECTION):
            yield f"{_PROTECTION} is not true, so one `destroy` takes prod's address away."
    elif resource.flag(_FORCED[resource.type]):
        yield f"{_FORCED[resource.type]} is true, so it is deleted with all that it holds."


def _deletable(resource: Resource, scene: Scene) -> Iterator[str]:
    if resource.type == BALANCER:
        if resource.flag(_PROTECTION):
            yield f"{_PROTECTION} is true, so `destroy` fails half-way."
    elif not resource.flag(_FORCED[resource.type]):
        yield f"{_FORCED[resource.type]} is not true, so `destroy` fails as soon as it holds anything."


RULES = (
    Rule(
        id="rollback-configured",
        title="A deployment that fails is rolled back by the platform itself.",
        why="The circuit breaker catches a version that does not start, alarms one that starts and answers badly.",
        severity=Severity.HIGH,
        enforcement=TOLD_IN_DEV,
        types=(SERVICE,),
        reads={
            SERVICE: (
                "alarms.alarmNames",
                "alarms.enable",
                "alarms.rollback",
                "deploymentCircuitBreaker.enable",
                "deploymentCircuitBreaker.rollback",
                "deploymentConfiguration.bakeTimeInMinutes",
                "deploymentConfiguration.strategy",
            )
        },
        remedy="Set enable and rollback of deploymentCircuitBreaker, and in prod of alarms with a bake time.",
        check=_rollback,
    ),
    Rule(
        id="deletion-protection-in-prod",
        title="In prod nothing that holds data or an address is deleted in passing.",
        why="A renamed resource is deleted and made anew. In prod that must need two steps.",
        severity=Severity.HIGH,
        enforcement=PROD_ONLY,
        types=(BALANCER, BUCKET, REPOSITORY),
        reads=_READS,
        remedy="Protect it in prod; to delete it, first deploy without the protection.",
        check=_protected,
    ),
    Rule(
        id="deletable-in-dev",
        title="In dev everything can be destroyed in one go.",
        why="A dev stack that `destroy` leaves half standing goes on costing money.",
        severity=Severity.LOW,
        enforcement=Enforcement(dev=Level.ADVISORY, staging=Level.OFF, prod=Level.OFF),
        types=(BALANCER, BUCKET, REPOSITORY),
        reads=_READS,
        remedy="Turn protection off and forced deletion on in dev.",
        check=_deletable,
    ),
)
