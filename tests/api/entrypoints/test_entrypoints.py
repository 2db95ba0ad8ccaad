"""The list of entry points."""

from __future__ import annotations

from typing import get_args

from app.api.entrypoints.entrypoints import ENTRYPOINTS
from app.settings import Settings


def test_every_entry_point_that_settings_take_is_there() -> None:
    """And no other one, which nobody could choose."""
    assert get_args(Settings.model_fields["entrypoint"].annotation) == tuple(ENTRYPOINTS)
