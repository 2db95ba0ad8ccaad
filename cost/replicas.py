"""The hours that something runs which scales between a minimum and a maximum: those that are always on, and those on top."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cost.amounts import (
    DAYS_PER_MONTH,
    HOURS_PER_MONTH,
    NOTHING,
    SECONDS_PER_HOUR,
    Amount,
    Case,
    State,
    between,
)
from cost.usage import Usage

# Pulling the image and loading the weights: billed like work. Measured on nothing here; say your own as `wake_s`.
DEFAULT_WAKE_S = Decimal(300)
DEFAULT_IDLE_TIMEOUT_S = Decimal(300)
# What decides how long they run, and what a usage file may say besides.
_DECIDING_KEYS = ("busy_hours_per_day", "replicas", "wakes_per_day")
GPU_KEYS = (*_DECIDING_KEYS, "idle_timeout_s", "wake_s")
API_KEYS = ("api_replicas",)


class When(StrEnum):
    """What the hours of something that scales are spent on: the end of a line's key."""

    ALWAYS_ON = "always-on"
    SCALED_OUT = "scaled-out"
    LOADING_AND_IDLE = "loading-and-idle"
    WARM_POOL = "warm-pool"

    @property
    def words(self) -> str:
        """As people read it."""
        return self.value.replace("-", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaHours:
    """Hours a month: those of the minimum, those that scaling adds for work, and those spent loading and waiting to sleep."""

    always: Amount
    scaled: Amount
    idling: Amount


def always(count: Amount) -> Amount:
    """The hours of something that never stops."""
    return count * HOURS_PER_MONTH


def gpu_replicas(low: Amount, high: Amount, usage: Usage, resource: str) -> ReplicaHours:
    """Replicas that are awake while there is work, and until they have been idle for long enough."""
    if not usage.says("busy_hours_per_day", resource):
        return _split(low, high, None, _DECIDING_KEYS)
    replicas = usage.amount("replicas", resource, default=Decimal(1))
    busy = usage.amount("busy_hours_per_day", resource) * replicas
    tail_s = usage.amount("idle_timeout_s", resource, default=DEFAULT_IDLE_TIMEOUT_S)
    wake_s = usage.amount("wake_s", resource, default=DEFAULT_WAKE_S)
    wakes = usage.amount("wakes_per_day", resource, default=Decimal(1))
    idle = wakes * (tail_s + wake_s) / SECONDS_PER_HOUR * DAYS_PER_MONTH
    running = _split(low, high, busy * DAYS_PER_MONTH + idle, _DECIDING_KEYS, usage)
    idling = idle.at_most(running.scaled)
    return ReplicaHours(always=running.always, scaled=running.scaled - idling, idling=idling)


def api_replicas(low: Amount, high: Amount, usage: Usage, resource: str) -> ReplicaHours:
    """Replicas of something that is always on and grows with the load."""
    if not usage.says("api_replicas", resource):
        return _split(low, high, None, API_KEYS)
    return _split(low, high, usage.amount("api_replicas", resource) * HOURS_PER_MONTH, API_KEYS, usage)


def _split(
    low: Amount, high: Amount, total: Amount | None, keys: tuple[str, ...], usage: Usage | None = None
) -> ReplicaHours:
    """The hours of the minimum, and those above it: of `total`, up to the maximum. A case of which usage says nothing is at its bound."""
    floor, room = always(low), always(high) - always(low)
    if room.state is State.UNKNOWN or room.is_nothing:
        return ReplicaHours(always=floor, scaled=room, idling=NOTHING)
    if total is None or usage is None:
        return ReplicaHours(always=floor, scaled=between(NOTHING, room, missing=keys), idling=NOTHING)
    above = (total - floor).at_least(0).at_most(room)
    lowest = above if usage.says_in(Case.LOW, keys) else NOTHING
    highest = above if usage.says_in(Case.HIGH, keys) else room
    return ReplicaHours(always=floor, scaled=between(lowest, highest, expected=above), idling=NOTHING)
