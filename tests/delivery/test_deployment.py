"""`up`: what it says at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery import deployment
from delivery.deployment import up
from stacks.config import StackConfig
from stacks.parsing import parse

OUTPUTS: dict[str, Any] = {"target": "t", "region": "r", "revision": "abc", "stable_revision": "abc", "schema": 1}


@pytest.fixture
def said(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The report of `up` of a stack with these outputs."""

    def report(config: StackConfig, outputs: dict[str, Any]) -> str:
        monkeypatch.setattr(deployment, "bring_up", lambda root, stack: (config, {**OUTPUTS, **outputs}, True))
        up(root, config.stack)
        return capsys.readouterr().out

    return report


def test_a_stack_without_an_app_says_what_it_exports(said: Any) -> None:
    """No address, no question to ask it, and nothing of what every stack exports."""
    own = {"foundation": {"key": "k"}, "registry": {"app": "r"}, "pipeline": {}}
    out = said(parse({}, "aws-foundation-dev"), {"url": "", **own})

    assert out == (
        "aws-foundation-dev is deployed; nothing of it answers requests. It exports foundation, registry:\n"
        "  ./trimaran pulumi stack output --stack aws-foundation-dev\n"
    )


def test_a_stack_with_an_app_says_where_it_answers(said: Any) -> None:
    """With a question that can be pasted."""
    out = said(parse({}, "local"), {"url": "http://127.0.0.1:8080"})

    assert out.startswith("local answers at http://127.0.0.1:8080\n")
    assert "curl -sS http://127.0.0.1:8080/v1/chat" in out
