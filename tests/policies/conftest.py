"""The plan of an example stack, for tests with a parameter `shape`."""

from __future__ import annotations

import pytest

from tests.policies import example_plans
from tests.stacks.rehearsals import Rehearsals


@pytest.fixture
def plan(shape: str, rehearsals: Rehearsals) -> example_plans.ExamplePlan:
    """What the rules are held against."""
    return example_plans.read(shape, rehearsals.planned(shape))
