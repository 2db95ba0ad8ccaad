"""A stack in front of scripted models whose versions are promoted, killed on the way, and taken back."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from providers.machine.proxy import read_weights
from stacks.local.files import proxy_directory
from tests.end_to_end.scratch import Scratch, copy_tree
from tests.scripted.running import routes, scripted_engine

STEPS = [25, 50, 100]
ROLLOUT = {"steps": STEPS, "maxBakeS": 120}
SUITE = "arithmetic.yaml"
CREATION = r'"resourcePreEvent":\{"metadata":\{"op":"create","urn":"[^"]*::app-%s"'
PATIENCE_S = 90


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The stack `local` of a copy of the tree; its stable version is `steady`."""

    scratch: Scratch

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self.scratch.run(*arguments, status=status)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return self.scratch.start(*arguments)

    @property
    def state(self) -> dict[str, Any]:
        """What is recorded of the last promotion."""
        try:
            found: dict[str, Any] = json.loads(self._file(".trimaran/promotions/local.json").read_text())
        except FileNotFoundError:
            return {"id": "", "phase": "", "share": 0}
        return found

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self._file("stacks/environments/Pulumi.local.yaml").read_text())[
            "config"
        ]
        return found

    @property
    def weights(self) -> Mapping[str, int] | None:
        """The split in use."""
        return read_weights(proxy_directory(self.scratch.root, "local"))

    @property
    def revision(self) -> str:
        return str(self.scratch.status()["revision"])

    @property
    def reports(self) -> set[str]:
        """Kinds of report that there are of the last promotion."""
        found = self._file(".trimaran/reports").glob(f"promotion-local-{self.state['id']}.*")
        return {path.suffix for path in found if path.stat().st_size > 0}

    def is_creating(self, revision: str) -> bool:
        """Whether the engine has begun to start this revision."""
        return bool(re.search(CREATION % revision, self._file(".trimaran/logs/local/up.jsonl").read_text()))

    def stop_engine_for(self, seconds: float) -> None:
        """The engine that is at work does nothing for so long, and then goes on: as one whose app starts slowly."""
        [engine] = [each for each in self.scratch.processes() if each.cmdline()[1:2] == ["up"]]
        engine.suspend()
        threading.Timer(seconds, engine.resume).start()

    def killed_at(self, model: str, phase: str, share: int, after_s: float) -> None:
        """`promote` is killed where it stands so; what is recorded then is that."""
        for path in self._file(".trimaran/quality").glob("answers*"):
            path.unlink()  # nothing that was answered before makes a phase shorter
        before = self.state["id"]
        running = self.start(*promote(model))
        deadline_s = time.monotonic() + PATIENCE_S
        while not self._stands_at(before, phase, share):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        time.sleep(after_s)
        running.kill()
        running.communicate()
        assert (self.state["phase"], self.state["share"]) == (phase, share)
        assert sum((self.weights or {}).values()) == 100

    def restore(self) -> None:
        """Back to `steady`, whatever a test has left."""
        if {"trimaran:candidate", "trimaran:settings"} & self.config.keys():
            self.run("rollback", "local")

    def _stands_at(self, before: str, phase: str, share: int) -> bool:
        state = self.state
        is_there = state["id"] != before and (state["phase"], state["share"]) == (phase, share)
        return is_there and (phase != "deploy" or self.is_creating(state["green"]))

    def _file(self, name: str) -> Path:
        return self.scratch.root / name


@contextmanager
def deployed(root: Path, port: int) -> Iterator[Stack]:
    """Up while the block runs; nothing of it stays."""
    scratch = copy_tree(root, port)
    with scripted_engine() as engine_port:
        (root / "routes.yaml").write_text(routes(engine_port))
        (root / SUITE).write_text((Path(__file__).parent / SUITE).read_text())
        config = {"trimaran:port": port, "trimaran:routes": "routes.yaml", "trimaran:rollout": ROLLOUT}
        (root / "stacks/environments/Pulumi.local.yaml").write_text(json.dumps({"config": config}))
        try:
            scratch.run("up")
            yield Stack(scratch=scratch)
            scratch.run("down")
            assert scratch.processes() == []
        finally:
            scratch.end()


def promote(model: str) -> tuple[str, ...]:
    """The command line of a promotion."""
    return ("promote", "local", "--set", f"model={model}", "--suite", SUITE)
