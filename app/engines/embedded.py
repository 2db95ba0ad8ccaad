"""The embedded model: llama.cpp in a process of its own, with weights out of an installed package."""

from __future__ import annotations

import os

from app.engines.child import ModelServer, Program

_PASSED = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")
# llama.cpp's threads wait for each other hundreds of times a token. Awake, as is the default, each takes its core from one that has work:
# beside two busy processes on two cores a model wrote 0.8 tokens a second so, and 18.8 asleep (2026-12-01).
_WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}


class EmbeddedEngine(ModelServer):
    """One embedded model server."""

    def __init__(self, model: str) -> None:
        program = Program(module="app.engines.embedded_server", arguments=("--model", model), environment=_environment)
        super().__init__(model, program)


def _environment() -> dict[str, str]:
    return _WAITING | {name: os.environ[name] for name in (*_PASSED, *_WAITING) if name in os.environ}
