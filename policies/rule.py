"""The shape of a rule: what must hold, why, how strictly where, and what to do. How it is judged is the clouds' to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What a violation does: stop the deployment, be told, or nothing."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    OFF = "off"


class Severity(StrEnum):
    """How bad it is where the rule does not hold."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """How strictly a rule holds in each environment."""

    dev: Level
    staging: Level
    prod: Level

    def level(self, environment: str) -> Level:
        """The level in an environment; one that nobody knows counts as prod."""
        return {"dev": self.dev, "staging": self.staging}.get(environment, self.prod)

    def of_uncovered(self, environment: str) -> Level:
        """The level where no table says whether the rule holds: in prod as strict as the rule, elsewhere only told."""
        level = self.level(environment)
        return level if level is Level.OFF or environment not in ("dev", "staging") else Level.ADVISORY


ALWAYS = Enforcement(dev=Level.MANDATORY, staging=Level.MANDATORY, prod=Level.MANDATORY)
ADVICE = Enforcement(dev=Level.ADVISORY, staging=Level.ADVISORY, prod=Level.ADVISORY)
TOLD_IN_DEV = Enforcement(dev=Level.ADVISORY, staging=Level.MANDATORY, prod=Level.MANDATORY)
PROD_ONLY = Enforcement(dev=Level.OFF, staging=Level.OFF, prod=Level.MANDATORY)
DEV_ONLY = Enforcement(dev=Level.MANDATORY, staging=Level.OFF, prod=Level.OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `remedy` ends each sentence that says it is broken.

    `among_peers` says that its checks look at other resources too, so that it is judged when all of them are known. A rule
    `over_stack` is about the stack as a whole. One for `every_type` needs no table to know a resource: it says itself which ones
    it cannot judge.
    """

    id: str
    title: str
    why: str
    severity: Severity
    enforcement: Enforcement
    remedy: str
    among_peers: bool = False
    over_stack: bool = False
    every_type: bool = False
