"""How a deployment ends: rolled back when it fails, hard to delete by accident in prod, easy to delete in dev."""

from __future__ import annotations

from collections.abc import Iterator

from plan.inputs import Inputs
from policies.check import Check, Checks, Judge, Scene

SERVICE = "aws:ecs/service:Service"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
BUCKET = "aws:s3/bucket:Bucket"
REPOSITORY = "aws:ecr/repository:Repository"
VOLUME = "aws:ebs/volume:Volume"
ZONE = "aws:route53/zone:Zone"
SECRET = "aws:secretsmanager/secret:Secret"
_PROTECTION = "enableDeletionProtection"


def _rollback(service: Inputs, scene: Scene) -> Iterator[str]:
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


def _protected(balancer: Inputs, scene: Scene) -> Iterator[str]:
    if not balancer.flag(_PROTECTION):
        yield f"{_PROTECTION} is not true, so one `destroy` takes prod's address away."


def _deletable(balancer: Inputs, scene: Scene) -> Iterator[str]:
    if balancer.flag(_PROTECTION):
        yield f"{_PROTECTION} is true, so `destroy` fails half-way."


def _not_forced(field: str) -> Judge:
    """Says no where a flag takes a resource away with all that it holds."""

    def judge(resource: Inputs, scene: Scene) -> Iterator[str]:
        if resource.flag(field):
            yield f"{field} is true, so it is deleted with all that it holds."

    return judge


def _snapshot(volume: Inputs, scene: Scene) -> Iterator[str]:
    if not volume.flag("finalSnapshot"):
        yield "finalSnapshot is not true, so it is deleted with all that it holds."


def _recoverable(secret: Inputs, scene: Scene) -> Iterator[str]:
    if secret.whole("recoveryWindowInDays") == 0:
        yield "recoveryWindowInDays is 0, so it is deleted at once and for ever."


def _forced(field: str) -> Judge:
    """Says no where a resource cannot be taken away with all that it holds."""

    def judge(resource: Inputs, scene: Scene) -> Iterator[str]:
        if not resource.flag(field):
            yield f"{field} is not true, so `destroy` fails as soon as it holds anything."

    return judge


CHECKS: Checks = {
    "rollback-configured": {
        SERVICE: Check(
            judge=_rollback,
            reads=(
                "alarms.alarmNames",
                "alarms.enable",
                "alarms.rollback",
                "deploymentCircuitBreaker.enable",
                "deploymentCircuitBreaker.rollback",
                "deploymentConfiguration.bakeTimeInMinutes",
                "deploymentConfiguration.strategy",
            ),
        ),
    },
    "deletion-protection-in-prod": {
        BALANCER: Check(judge=_protected, reads=(_PROTECTION,)),
        BUCKET: Check(judge=_not_forced("forceDestroy"), reads=("forceDestroy",)),
        REPOSITORY: Check(judge=_not_forced("forceDelete"), reads=("forceDelete",)),
        VOLUME: Check(judge=_snapshot, reads=("finalSnapshot",)),
        ZONE: Check(judge=_not_forced("forceDestroy"), reads=("forceDestroy",)),
        SECRET: Check(judge=_recoverable, reads=("recoveryWindowInDays",)),
    },
    "deletable-in-dev": {
        BALANCER: Check(judge=_deletable, reads=(_PROTECTION,)),
        BUCKET: Check(judge=_forced("forceDestroy"), reads=("forceDestroy",)),
        REPOSITORY: Check(judge=_forced("forceDelete"), reads=("forceDelete",)),
    },
}
