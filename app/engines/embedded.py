"""The embedded model: llama.cpp in a process of its own, with weights out of an installed package."""

from __future__ import annotations

import os

from app.engines.child import ModelServer, Program

_PASSED = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")


class EmbeddedEngine(ModelServer):
    """One embedded model server."""

    def __init__(self, model: str) -> None:
        program = Program(module="app.engines.embedded_server", arguments=("--model", model), environment=_environment)
        super().__init__(model, program)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED if name in os.environ}
