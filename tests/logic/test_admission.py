"""What a request takes is reserved when it comes and given back when it is over."""

from __future__ import annotations

import pytest

from app.logic.admission.body_bytes import BodyBytes, Full


def test_bytes_are_bounded_together() -> None:
    """What is over the limit with the others is refused, and keeps what it has; what ended makes room."""
    everything = BodyBytes(limit=100)
    with everything.share() as first:
        first.grow(60)
        with everything.share() as second:
            second.grow(30)
            second.grow(10)
            with pytest.raises(Full, match="hold 0 MiB already"):
                second.grow(1)
            with pytest.raises(Full):
                first.grow(1)
            assert (first.size, second.size, everything.held) == (60, 40, 100)
        first.grow(40)
    assert everything.held == 0


def test_a_large_one_alone_is_taken() -> None:
    """The limit is for many: one request's own bound is the API's."""
    with BodyBytes(limit=100).share() as only:
        only.grow(500)
        only.grow(500)


def test_a_share_follows_what_is_held() -> None:
    """It grows and shrinks with what a connection has taken in and handed on."""
    everything = BodyBytes(limit=100)
    share = everything.share()
    for size in (70, 20, 90):
        share.resize(size)
        assert everything.held == size
    share.close()
    share.close()
    assert everything.held == 0


def test_what_stands_beside_is_given_back_by_itself() -> None:
    """A part that is over before the request counts on its own."""
    everything = BodyBytes(limit=100)
    with everything.share() as request:
        request.grow(10)
        with request.beside() as images:
            images.grow(80)
            assert everything.held == 90
        assert everything.held == 10
