"""How ECS moves the api from one version to the next, as its service says it."""

from __future__ import annotations

import math
from typing import Any

from stacks.sections import Deployment, Strategy

_NAMES = {
    Strategy.ROLLING: "ROLLING",
    Strategy.BLUE_GREEN: "BLUE_GREEN",
    Strategy.CANARY: "CANARY",
    Strategy.LINEAR: "LINEAR",
}
# Green answers test traffic then, and no other. ECS cannot pause at the shifts themselves.
_PAUSE_STAGE = "POST_TEST_TRAFFIC_SHIFT"
# Starting tasks, draining the old ones.
_ROOM_MINUTES = 40


def configuration(section: Deployment, *, promoting: bool) -> dict[str, Any]:
    """The deployment's configuration. While something is promoted it waits, at no production traffic, to be let go on."""
    made: dict[str, Any] = {"strategy": _NAMES[section.strategy]}
    if section.strategy is Strategy.ROLLING:
        return made
    made["bake_time_in_minutes"] = str(section.bake_minutes)
    step = str(section.step_minutes)
    if section.strategy is Strategy.CANARY:
        made["canary_configuration"] = {
            "canary_percent": float(section.percent),
            "canary_bake_time_in_minutes": step,
        }
    if section.strategy is Strategy.LINEAR:
        made["linear_configuration"] = {"step_percent": float(section.percent), "step_bake_time_in_minutes": step}
    if promoting:
        timeout = {"action": "ROLLBACK", "timeout_in_minutes": str(section.pause_minutes)}
        made["lifecycle_hooks"] = [
            {"lifecycle_stages": [_PAUSE_STAGE], "target_type": "PAUSE", "timeout_configuration": timeout}
        ]
    return made


def longest_minutes(section: Deployment) -> int:
    """How long a deployment may take when all goes well: what the engine must wait at least."""
    if section.strategy is Strategy.ROLLING:
        return _ROOM_MINUTES
    steps = math.ceil(100 / section.percent) if section.strategy is Strategy.LINEAR else 1
    shifting = 0 if section.strategy is Strategy.BLUE_GREEN else steps * section.step_minutes
    return shifting + section.bake_minutes + section.pause_minutes + _ROOM_MINUTES
