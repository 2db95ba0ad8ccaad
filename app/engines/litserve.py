"""The app's own LitServe, for what vLLM does not serve: what it is started with, read from the settings and checked before anything starts."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from app.engines import given, litserve_words
from app.engines.child import ModelServer, Program
from app.logic.routes import BackendSpec, RoutesError
from app.settings import Settings

TRANSFORMERS = (
    "app.engines.litserve_transformers:Transformers"  # the pipeline where TRIMARAN_ENGINE_PIPELINE names none
)
_REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements/engine-litserve.txt"
_OURS = frozenset({"--host", "--port", "--model", "--revision", "--weights", "--pipeline"})
# As for the embedded model: beside busy processes on two cores torch took 3.0 s a token with threads that wait awake, and 0.26 s so (2026-12-01).
_WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
_NAMED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_SAID = re.compile(r"^LitServe: (?:error: )?(.+)")  # as app.engines.litserve_server begins what a person must know
_FULL = re.compile(r"CUDA out of memory")  # torch 2.13.0, read 2026-12-01


class LitServeEngine(ModelServer):
    """One LitServe. Raises RoutesError where it cannot be started as the settings say."""

    def __init__(self, spec: BackendSpec, settings: Settings) -> None:
        pipeline = settings.engine_pipeline or TRANSFORMERS
        _refuse_missing(pipeline)
        ours = (*given.arguments(spec, settings), "--program", sys.executable)
        words = given.words(settings, _OURS)
        _refuse_unknown(words)
        super().__init__(settings.engine_model, program((*ours, "--", "--pipeline", pipeline, *words)))


def program(arguments: Sequence[str]) -> Program:
    """The process around LitServe, with ``arguments`` of its own and, behind `--`, of LitServe's process."""
    return Program(module="app.engines.keeper", arguments=arguments, environment=_environment, explain=explained)


def _environment() -> Mapping[str, str]:
    return {**_WAITING, **given.environment()}


def explained(line: str) -> str:
    """Why LitServe ends, and what to do, where ``line`` of its output says so; "" of any other line."""
    if _FULL.search(line):
        return (
            "the model does not fit into the GPU's memory: lower --max-batch-size or --max-model-len in"
            " TRIMARAN_ENGINE_ARGS, or take a larger GPU"
        )
    said = _SAID.match(line)
    return said[1] if said else ""


def _refuse_unknown(words: Sequence[str]) -> None:
    try:
        litserve_words.parser().parse_args(words)
    except litserve_words.WordsError as error:
        raise RoutesError(
            f"TRIMARAN_ENGINE_ARGS cannot be taken: {error}.\n"
            "hint: LitServe takes --max-batch-size, --batch-timeout and --max-model-len"
        ) from None


def _refuse_missing(pipeline: str) -> None:
    packages = ("litserve", "torch", "transformers") if pipeline == TRANSFORMERS else ("litserve",)
    if missing := [f"'{name}'" for name in packages if find_spec(name) is None]:
        install = shlex.join([sys.executable, "-m", "pip", "install", "-r", str(_REQUIREMENTS)])
        raise RoutesError(
            f"TRIMARAN_ENGINE=litserve needs {' and '.join(missing)}, which this Python does not have.\n"
            f"hint: {install}, or run the image that has it"
        )
    if not _NAMED.fullmatch(pipeline):
        raise RoutesError(f"TRIMARAN_ENGINE_PIPELINE={pipeline} is not of the form package.module:ClassName")
    module = pipeline.partition(":")[0]
    try:
        found = find_spec(module)  # runs the packages in front of it, which are a person's own
    except Exception as error:  # noqa: BLE001 - whatever a person's own module raises
        absent = isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}.")
        if not absent:
            raise RoutesError(
                f"TRIMARAN_ENGINE_PIPELINE={pipeline}: '{module}' cannot be imported: {type(error).__name__}: {error}"
            ) from None
        found = None
    if found is None:
        raise RoutesError(
            f"TRIMARAN_ENGINE_PIPELINE={pipeline}: there is no module '{module}'.\n"
            "hint: put its folder into PYTHONPATH, or start the app in that folder"
        )
