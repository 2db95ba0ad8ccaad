"""What tests of the API look at inside the app."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.api.requests import Requests
from tests.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the app and of everything else in the test's process."""
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock.read)
    return clock


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The bytes that the app of the test holds."""
    made: list[Requests] = []
    init = Requests.__init__

    def noting(self: Requests, *arguments: object, **options: object) -> None:
        init(self, *arguments, **options)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(Requests, "__init__", noting)
    return lambda: made[-1].admission.bodies.held
