"""Request bodies are bounded together."""

from __future__ import annotations

import pytest

from app.logic.admission import BodyBytes
from app.logic.answer import Failure


def test_bodies_are_bounded_together() -> None:
    """What is over the limit with the others hears 429 and when to come back; what ended makes room."""
    bodies = BodyBytes(limit=100)
    with bodies.holding(60):
        with bodies.holding(40), pytest.raises(Failure) as caught, bodies.holding(1):
            pass
        assert (caught.value.status, caught.value.retry_after_s) == (429, 1)
        with bodies.holding(40):
            assert bodies.held == 100
    assert bodies.held == 0


def test_a_large_body_alone_is_taken() -> None:
    """The limit is for many: one request's own bound is the API's."""
    with BodyBytes(limit=100).holding(500):
        pass
