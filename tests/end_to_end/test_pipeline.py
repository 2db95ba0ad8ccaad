"""`pipeline local`: from nothing to a deployed and checked stack by one command, and an end where a gate says no."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.machine.ports import free_port
from tests.end_to_end.scratch import Scratch, copy_tree
from tests.scripted.running import routes, scripted_engine

pytestmark = pytest.mark.alone  # it waits for a whole deployment


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Scratch]:
    scratch = copy_tree(tmp_path / "tree", free_port())
    try:
        yield scratch
        scratch.run("down")
    finally:
        scratch.end()


WRONG = """
name: wrong
cases:
  - {id: sum, messages: "What is 2+2?", checks: [{contains: "4"}]}
  - {id: never, messages: "What is 2+2?", checks: [{contains: "five"}]}
"""


def configure(local: Scratch, engine_port: int) -> None:
    (local.root / "routes.yaml").write_text(routes(engine_port, "steady"))
    config = {"trimaran:port": local.port, "trimaran:routes": "routes.yaml"}
    (local.root / "stacks/environments/Pulumi.local.yaml").write_text(json.dumps({"config": config}))


def test_every_stage_is_shown_and_run_and_a_gate_ends_it(local: Scratch) -> None:
    (local.root / "wrong.yaml").write_text(WRONG)
    with scripted_engine() as engine_port:
        configure(local, engine_port)
        done = local.run("pipeline", "local")
        gate = ("eval", f"http://127.0.0.1:{local.port}", "--suite", "wrong.yaml")
        local.run(*gate, "--min-pass", "50")
        refused = local.run(*gate, "--min-pass", "51", status=3)
    unanswered = local.run("pipeline", "local", status=5)

    for line in ("pulumi preview --stack local", "cost local", "--policy-pack policies", "up local", "--min-pass 100"):
        assert line in done.stderr
        assert line in done.stdout  # the table of what was done
    assert "50.0 % of the suite 'wrong' passed, 51 % must." in refused.stderr
    assert "the pipeline ends at 'eval gate'." in unanswered.stderr
