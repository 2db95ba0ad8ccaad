"""How a deployment ends: rolled back when it fails, hard to delete by accident in prod, easy to delete in dev."""

from __future__ import annotations

from collections.abc import Iterator

from plan.inputs import Inputs, known_first
from policies.check import Check, Checks, Judge, Scene, together

SERVICE = "aws:ecs/service:Service"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
BUCKET = "aws:s3/bucket:Bucket"
REPOSITORY = "aws:ecr/repository:Repository"
VOLUME = "aws:ebs/volume:Volume"
ZONE = "aws:route53/zone:Zone"
SECRET = "aws:secretsmanager/secret:Secret"
_PROTECTION = "enableDeletionProtection"


def _rollback(service: Inputs, scene: Scene) -> Iterator[str]:
    yield from together(
        _undone(service, "deploymentCircuitBreaker", "a version that does not start stays deployed"),
        *((_by_alarms(service), _baked(service)) if scene.context.environment not in ("dev", "staging") else ()),
    )


def _undone(service: Inputs, block: str, otherwise: str) -> Iterator[str]:
    switches = known_first(("enable", "rollback"), lambda each: (each, service.flag(f"{block}.{each}")))
    off = next((each for each, is_on in switches if not is_on), "")
    if off:
        yield f"{block}.{off} is not true, so {otherwise}."


def _by_alarms(service: Inputs) -> Iterator[str]:
    yield from (told := list(_undone(service, "alarms", "a version that starts but fails its callers stays deployed")))
    if not told and service.count("alarms.alarmNames") == 0:
        yield "alarms.alarmNames is empty, so no alarm can roll a version back."


def _baked(service: Inputs) -> Iterator[str]:
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
