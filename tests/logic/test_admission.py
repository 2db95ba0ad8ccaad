"""What a request takes is reserved when it comes and given back when it is over."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from app.logic.admission.admission import Admission
from app.logic.admission.body_bytes import BodyBytes
from app.logic.answer import Failure
from app.logic.record import Record


def request(body_bytes: int) -> Record:
    return Record(request_id="r", started_at=0.0, body_bytes=body_bytes)


def test_bodies_are_bounded_together() -> None:
    """What is over the limit with the others hears 429 and when to come back; what ended makes room."""
    bodies = BodyBytes(limit=100)
    with bodies.holding(request(60)):
        with bodies.holding(request(40)), pytest.raises(Failure) as caught, bodies.holding(request(1)):
            pass
        assert (caught.value.status, caught.value.retry_after_s) == (429, 1)
        with bodies.holding(request(40)):
            assert bodies.held == 100
    assert bodies.held == 0


def test_a_large_body_alone_is_taken() -> None:
    """The limit is for many: one request's own bound is the API's."""
    with BodyBytes(limit=100).holding(request(500)):
        pass


def test_an_admitted_request_holds_its_body_until_it_is_over() -> None:
    """However it ends: whoever closes what is held settles."""
    admission = Admission()
    with ExitStack() as held:
        admission.admit(request(7), held)
        assert admission.bodies.held == 7
    assert admission.bodies.held == 0
