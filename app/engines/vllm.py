"""The app's own vLLM on a GPU: what it is started with, read from the settings and checked before anything starts."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from app.engines import vllm_memory
from app.engines.child import ModelServer, Program
from app.logic.routes import BackendSpec, RoutesError
from app.settings import Settings

# What the app gives itself, and no other value would do.
_OURS = frozenset({"--host", "--port", "--uds", "--api-key", "--model", "--served-model-name", "--revision"})
# Beginnings of the variables that vLLM, CUDA and the download of weights read. Nothing else of the app's environment is passed on.
_PASSED = (
    *(
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "LC_",
        "TZ",
        "TMPDIR",
        "XDG_",
        "PYTHON",
        "LD_",
        "SSL_CERT_",
        "REQUESTS_CA_BUNDLE",
    ),
    *("CUDA", "NVIDIA_", "NCCL_", "OMP_", "TORCH", "TRITON_", "FLASHINFER_", "VLLM_", "HF_", "AWS_"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)


class VllmEngine(ModelServer):
    """One vLLM. Raises RoutesError where it cannot be started as the settings say."""

    def __init__(self, spec: BackendSpec, settings: Settings) -> None:
        _refuse_other_model(spec, settings)
        arguments = (
            *("--program", _program(), "--model", settings.engine_model, "--revision", settings.engine_revision),
            *("--weights", _weights(settings), "--data-dir", str(settings.data_dir)),
            *("--", *_words(settings.engine_args)),
        )
        super().__init__(settings.engine_model, program(arguments))


def program(arguments: Sequence[str]) -> Program:
    """The process around vLLM, with ``arguments`` of its own and, behind `--`, of vLLM's."""
    return Program(
        module="app.engines.vllm_server", arguments=arguments, environment=_environment, explain=vllm_memory.explained
    )


def default_routes(settings: Settings) -> str:
    """Routes of an app that has its engine and no routes file. Raises RoutesError."""
    model = _model(settings)
    return (
        "version: 1\n"
        f"backends: {{'{model}': {{adapter: vllm, model: '{model}'}}}}\n"
        f"models: {{chat: {{backends: [{{use: '{model}'}}]}}}}\n"
        "default_model: chat\n"
    )


def _model(settings: Settings) -> str:
    if not settings.engine_model:
        raise RoutesError(
            "TRIMARAN_ENGINE=vllm needs a model.\n"
            "hint: set TRIMARAN_ENGINE_MODEL, such as Qwen/Qwen2.5-7B-Instruct, and TRIMARAN_ENGINE_REVISION to its commit"
        )
    return settings.engine_model


def _refuse_other_model(spec: BackendSpec, settings: Settings) -> None:
    if spec.model != _model(settings):
        raise RoutesError(
            f"the app's own vLLM runs '{settings.engine_model}' (TRIMARAN_ENGINE_MODEL), and the routes ask it for '{spec.model}'.\n"
            "hint: name the same model in both, or give the backend a base_url if it is another server's"
        )
    if spec.revision not in ("", settings.engine_revision):
        raise RoutesError(
            f"the routes ask for revision {spec.revision} of '{spec.model}', and TRIMARAN_ENGINE_REVISION is"
            f" '{settings.engine_revision}'.\nhint: set both to the same commit"
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


def _weights(settings: Settings) -> str:
    """The address or folder of the weights; empty where vLLM is to fetch them from the hub."""
    given = settings.engine_weights
    if given.startswith("s3://"):
        if find_spec("boto3") is None:
            raise RoutesError(
                f"TRIMARAN_ENGINE_WEIGHTS={given} needs the package 'boto3', which is not installed.\n"
                "hint: pip install boto3, or give a folder"
            )
        return given
    if given and not Path(given).is_dir():
        raise RoutesError(
            f"TRIMARAN_ENGINE_WEIGHTS={given} is no folder on this machine.\n"
            "hint: give the folder with the model's config.json, or an address that begins with s3://"
        )
    return str(Path(given).resolve()) if given else ""


def _words(arguments: str) -> list[str]:
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise RoutesError(f"TRIMARAN_ENGINE_ARGS cannot be read as words: {str(error).lower()}") from None
    for word in words:
        if (option := word.partition("=")[0]) in _OURS:
            raise RoutesError(f"TRIMARAN_ENGINE_ARGS holds {option}, which the app sets itself.\nhint: leave it out")
    return words


def _environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}
