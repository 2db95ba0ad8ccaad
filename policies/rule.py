"""The shape of a rule: what must hold, why, how strictly where, which inputs it reads, and the function that judges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from policies.planned import Planned, Resource, known_as

if TYPE_CHECKING:
    from policies.context import Context

# The stack itself, the subject of what holds for all of its resources together.
STACK = "pulumi:pulumi:Stack"


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


ALWAYS = Enforcement(dev=Level.MANDATORY, staging=Level.MANDATORY, prod=Level.MANDATORY)
ADVICE = Enforcement(dev=Level.ADVISORY, staging=Level.ADVISORY, prod=Level.ADVISORY)
TOLD_IN_DEV = Enforcement(dev=Level.ADVISORY, staging=Level.MANDATORY, prod=Level.MANDATORY)
PROD_ONLY = Enforcement(dev=Level.OFF, staging=Level.OFF, prod=Level.MANDATORY)
DEV_ONLY = Enforcement(dev=Level.MANDATORY, staging=Level.OFF, prod=Level.OFF)

Check = Callable[[Resource, "Scene"], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `check` yields a sentence with the value seen for each thing that is wrong with a resource of `types`.

    `reads` are the inputs that it may read, by resource type; reading another one fails. `among_peers` says that it looks
    at other resources too, so that it is judged when all of them are known. `remedy` ends each sentence.
    """

    id: str
    title: str
    why: str
    severity: Severity
    enforcement: Enforcement
    types: tuple[str, ...]
    reads: Mapping[str, tuple[str, ...]]
    remedy: str
    check: Check
    among_peers: bool = False

    def sees(self, planned: Planned) -> Resource:
        """A resource as this rule may read it."""
        return Resource(planned=planned, declared=self.reads.get(known_as(planned.type), ()), values=planned.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a rule may look at besides its subject: the stack's limits, and its other resources where it has asked for them."""

    context: Context
    rule: Rule
    planned: Mapping[str, Planned]

    @property
    def everything(self) -> tuple[Planned, ...]:
        """Every resource of the stack. Raises LookupError in a rule that has not asked for its peers."""
        if not self.rule.among_peers:
            raise LookupError(f"rule {self.rule.id} looks at other resources without `among_peers`")
        return tuple(self.planned.values())

    def of(self, type_: str) -> tuple[Resource, ...]:
        """All resources of a type."""
        return tuple(self.rule.sees(each) for each in self.everything if known_as(each.type) == type_)

    def linked(self, resource: Resource, link: str, type_: str) -> tuple[Resource, ...]:
        """The resources of a type that an input of `resource` refers to."""
        urns = resource.planned.links.get(link, ())
        return tuple(each for each in self.of(type_) if each.planned.urn in urns)

    def referring(self, resource: Resource, type_: str) -> tuple[Resource, ...]:
        """The resources of a type that refer to `resource` by any input."""
        return tuple(
            each for each in self.of(type_) if any(resource.planned.urn in urns for urns in each.planned.links.values())
        )
