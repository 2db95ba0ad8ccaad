"""A client library's own test suite: which of its tests are run against which backend of the app, and which of them may fail, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Tests that fail as they should: those in whose names ``named``, a pattern, is found, each with ``says`` in what it says."""

    named: str
    says: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """``library``: whose source package has the tests; ``models``: the names by which they ask; ``adapter``: of the backend that answers,
    which is faked as ``wire`` has it, unless it is the embedded model.

    ``left_out``: names of tests that are not run, with the reason: only what a test beyond loopback or a vendor's account needs.
    ``passing``: how many pass; fewer would mean that tests have been skipped or lost. ``environment``: what tells the tests where
    the app is, `{url}`.
    """

    library: str
    tests: tuple[str, ...]
    adapter: str
    models: tuple[str, ...]
    environment: Mapping[str, str]
    passing: int
    options: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    failing: tuple[Failing, ...] = ()
