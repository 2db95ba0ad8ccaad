"""What `rehearse` says to do leads to something that can be rehearsed."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.failure import Failure
from delivery.rehearsal.command import rehearse


@pytest.mark.parametrize(("typed", "hint"), [("aws-bedrok", "aws-bedrock"), ("zzz", "aws-foundation")])
def test_a_target_that_is_misspelt_is_answered_by_one_that_can_be_rehearsed(
    tmp_path: Path, typed: str, hint: str
) -> None:
    """The nearest of them, or the first; one that runs on this machine is none."""
    with pytest.raises(Failure) as raised:
        rehearse(tmp_path, typed, whole_cycle=False, as_json=False)

    assert raised.value.hint == f"./trimaran rehearse {hint}"
