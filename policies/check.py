"""How a rule is judged for one type of resource: a pure function, the inputs it reads, and what it may look at besides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from plan.inputs import Inputs, NotKnown
from plan.resource import Resource
from plan.scope import Reads, Scope
from policies.context import Context
from policies.rule import Rule


class NotCovered(ValueError):
    """No cloud's tables say how resources of these types bear on a rule; the text says which and what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a check may look at besides its subject: the stack's limits, and its other resources where its rule has asked for them."""

    context: Context
    rule: Rule
    scope: Scope

    @property
    def everything(self) -> tuple[Resource, ...]:
        """Every resource that a provider makes. Raises LookupError in a rule that has not asked for its peers."""
        return tuple(each for each in self._peers.resources.values() if each.custom)

    def of(self, type_: str) -> tuple[Inputs, ...]:
        """All resources of a type."""
        return self._peers.of(type_)

    def linked(self, one: Inputs, link: str, type_: str) -> tuple[Inputs, ...]:
        """The resources of a type that an input of `one` refers to."""
        return self._peers.linked(one, link, type_)

    def referring(self, one: Inputs, type_: str) -> tuple[Inputs, ...]:
        """The resources of a type that refer to `one` by any input."""
        return self._peers.referring(one, type_)

    @property
    def _peers(self) -> Scope:
        if not self.rule.among_peers:
            raise LookupError(f"rule {self.rule.id} looks at other resources without `among_peers`")
        return self.scope


_Part = TypeVar("_Part")

# Yields a sentence with the value seen for each thing that is wrong.
Judge = Callable[[Inputs, Scene], Iterator[str]]


def in_turn(parts: Iterable[_Part], judge: Callable[[_Part], Iterator[str]]) -> Iterator[str]:
    """What is wrong with each of several parts; one that cannot be decided hides nothing of the others.

    Raises NotCovered or NotKnown at the end, the first of the stricter kind.
    """
    open_: list[NotCovered | NotKnown] = []
    try:
        for part in parts:
            try:
                yield from judge(part)
            except (NotCovered, NotKnown) as reason:
                open_.append(reason)
    except NotKnown as reason:  # of the parts' own source
        open_.append(reason)
    if open_:
        raise min(open_, key=lambda each: isinstance(each, NotKnown))


def together(*judgements: Iterator[str]) -> Iterator[str]:
    """What several judgements say, as `in_turn` of parts."""
    return in_turn(judgements, lambda each: each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A rule's row for one type. `remedy` takes the place of the rule's where the cloud has other words for it.

    `reads` are the inputs of the type that it may read, `peers` those of others, by their type: `a.b` of a map, `a[].b` of
    each item of a list. Reading another one fails at once, so these lists are those of the code.
    """

    judge: Judge
    reads: tuple[str, ...] = ()
    peers: Reads = field(default_factory=dict)
    remedy: str = ""

    def all_reads(self, type_: str) -> dict[str, tuple[str, ...]]:
        """Every input that it may read, by type."""
        return {**self.peers, **({type_: self.reads} if self.reads else {})}


# By the rule's name and the type of resource.
Checks = Mapping[str, Mapping[str, Check]]


# All rules but those that check a type.
EVERY = "every topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmless:
    """Types that cannot break the rules of some topics, or single rules by their names, and why."""

    why: str
    types: tuple[str, ...]
    topics: tuple[str, ...]
