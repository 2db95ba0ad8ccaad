"""The app's own vLLM on a GPU: what it is started with, read from the settings and checked before anything starts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from app.engines import given, vllm_memory
from app.engines.child import ModelServer, Program
from app.logic.routes import BackendSpec, RoutesError
from app.settings import Settings

_OURS = frozenset({"--host", "--port", "--uds", "--api-key", "--model", "--served-model-name", "--revision"})


class VllmEngine(ModelServer):
    """One vLLM. Raises RoutesError where it cannot be started as the settings say."""

    def __init__(self, spec: BackendSpec, settings: Settings) -> None:
        ours = given.arguments(spec, settings)
        super().__init__(
            settings.engine_model,
            program((*ours, "--program", _program(), "--", *given.words(settings, _OURS))),
        )


def program(arguments: Sequence[str]) -> Program:
    """The process around vLLM, with ``arguments`` of its own and, behind `--`, of vLLM's."""
    return Program(
        module="app.engines.keeper",
        arguments=arguments,
        environment=given.environment,
        explain=vllm_memory.explained,
    )


def _program() -> str:
    """Where vLLM is installed: on PATH, or beside this Python."""
    found = shutil.which("vllm") or shutil.which("vllm", path=str(Path(sys.executable).parent))
    if found is None:
        raise RoutesError(
            "TRIMARAN_ENGINE=vllm needs the program 'vllm', which is neither on PATH nor beside this Python.\n"
            "hint: run the image for GPUs, or pip install vllm, or give the backend the base_url of a server that runs elsewhere"
        )
    return found
