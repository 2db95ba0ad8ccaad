"""How ECS moves the api from one version to the next, as its service says it."""

from __future__ import annotations

from typing import Any

from stacks.aws.config import EcsRollout

# Green answers test traffic then, and no other. ECS cannot pause at the shifts themselves.
_PAUSE_STAGE = "POST_TEST_TRAFFIC_SHIFT"
# Starting tasks, draining the old ones.
_ROOM_MINUTES = 40


def configuration(rollout: EcsRollout, *, promoting: bool) -> dict[str, Any]:
    """The deployment's configuration. While something is promoted it waits, at no production traffic, to be let go on."""
    if not rollout.is_split:
        return {"strategy": "ROLLING"}
    made: dict[str, Any] = {**_shifts(rollout), "bake_time_in_minutes": str(rollout.bake_minutes)}
    if promoting:
        timeout = {"action": "ROLLBACK", "timeout_in_minutes": str(rollout.pause_minutes)}
        made["lifecycle_hooks"] = [
            {"lifecycle_stages": [_PAUSE_STAGE], "target_type": "PAUSE", "timeout_configuration": timeout}
        ]
    return made


def _shifts(rollout: EcsRollout) -> dict[str, Any]:
    """The strategy that ECS has for these steps."""
    percent, minutes = float(rollout.steps[0]), str(rollout.step_minutes)
    match len(rollout.steps):
        case 1:
            return {"strategy": "BLUE_GREEN"}
        case 2:
            canary = {"canary_percent": percent, "canary_bake_time_in_minutes": minutes}
            return {"strategy": "CANARY", "canary_configuration": canary}
        case _:
            linear = {"step_percent": percent, "step_bake_time_in_minutes": minutes}
            return {"strategy": "LINEAR", "linear_configuration": linear}


def longest_minutes(rollout: EcsRollout) -> int:
    """How long a deployment may take when all goes well: what the engine must wait at least."""
    if not rollout.is_split:
        return _ROOM_MINUTES
    return _waits(rollout) * rollout.step_minutes + rollout.bake_minutes + rollout.pause_minutes + _ROOM_MINUTES


def _waits(rollout: EcsRollout) -> int:
    """How many times ECS waits between shifts: once after a canary, after each step of a linear deployment."""
    match len(rollout.steps):
        case 1:
            return 0
        case 2:
            return 1
        case steps:
            return steps
