"""Shapes of the stacks on AWS, each deployed once; `pytest tests/stacks/aws --update` rewrites their golden plans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.stacks.aws.rehearsals import Rehearsals, engine_on_path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite tests/golden/plans; then read the diff")


@pytest.fixture(scope="session")
def rehearsals() -> Iterator[Rehearsals]:
    """The shapes by name."""
    with engine_on_path(), ExitStack() as open_:
        yield Rehearsals(open_)
