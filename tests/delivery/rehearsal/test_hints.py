"""What `rehearse` refuses before anything runs, and that what it says to do can be done."""

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


def test_a_wrong_config_is_told_before_a_foundation_is_rehearsed(tmp_path: Path) -> None:
    """There is no project here that an engine could run: what is read first is the stack's own file."""
    file = tmp_path / "stacks/environments/Pulumi.aws-bedrock-dev.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("config:\n  aws:region: us-east-1\n  trimaran:guardrail: {preset: strict}\n")

    with pytest.raises(Failure, match=r"trimaran:guardrail.preset is 'strict'; it must be standard or none"):
        rehearse(tmp_path, "aws-bedrock-dev", whole_cycle=False, as_json=False)
