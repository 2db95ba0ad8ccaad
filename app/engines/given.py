"""What the settings give a model server of the app's own, vLLM or LitServe: checked before anything starts, in the variables' names."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.engines.buckets.kinds import FORMS, VARIABLES, fault, kind_of, looks_like_one, shown
from app.logic.routes import BackendSpec, RoutesError
from app.settings import Settings

_TITLES = {"vllm": "vLLM", "litserve": "LitServe"}
# Beginnings of the variables that the servers, CUDA and the download of weights read. Nothing else of the app's environment is passed on.
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
    *("CUDA", "NVIDIA_", "NCCL_", "OMP_", "MKL_", "TORCH", "PYTORCH_", "TRITON_", "FLASHINFER_", "VLLM_", "HF_"),
    *("TRANSFORMERS_", "TOKENIZERS_"),
    *VARIABLES,
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)


def default_routes(settings: Settings) -> str:
    """Routes of an app that has its engine and no routes file. Raises RoutesError."""
    model = _model(settings)
    return (
        "version: 1\n"
        f"backends: {{'{model}': {{adapter: {settings.engine}, model: '{model}'}}}}\n"
        f"models: {{chat: {{backends: [{{use: '{model}'}}]}}}}\n"
        "default_model: chat\n"
    )


def arguments(spec: BackendSpec, settings: Settings) -> Sequence[str]:
    """Model, commit and weights, as ``app.engines.keeper`` is told them. Raises RoutesError."""
    _refuse_other_model(spec, settings)
    return (
        *("--kind", settings.engine, "--model", settings.engine_model, "--revision", settings.engine_revision),
        *("--weights", _weights(settings), "--data-dir", str(settings.data_dir)),
    )


def words(settings: Settings, ours: frozenset[str]) -> list[str]:
    """TRIMARAN_ENGINE_ARGS; ``ours`` is what the app gives itself, and no other value would do. Raises RoutesError."""
    try:
        given = shlex.split(settings.engine_args)
    except ValueError as error:
        raise RoutesError(f"TRIMARAN_ENGINE_ARGS cannot be read as words: {str(error).lower()}") from None
    for word in given:
        if (option := word.partition("=")[0]) in ours:
            raise RoutesError(f"TRIMARAN_ENGINE_ARGS holds {option}, which the app sets itself.\nhint: leave it out")
    return given


def environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}


def _model(settings: Settings) -> str:
    if not settings.engine_model:
        raise RoutesError(
            f"TRIMARAN_ENGINE={settings.engine} needs a model.\n"
            "hint: set TRIMARAN_ENGINE_MODEL, such as Qwen/Qwen2.5-7B-Instruct, and TRIMARAN_ENGINE_REVISION to its commit"
        )
    return settings.engine_model


def _refuse_other_model(spec: BackendSpec, settings: Settings) -> None:
    if spec.model != _model(settings):
        raise RoutesError(
            f"the app's own {_TITLES[settings.engine]} runs '{settings.engine_model}' (TRIMARAN_ENGINE_MODEL), and the"
            f" routes ask it for '{spec.model}'.\n"
            "hint: name the same model in both, or give the backend a base_url if it is another server's"
        )
    if spec.revision not in ("", settings.engine_revision):
        raise RoutesError(
            f"the routes ask for revision {spec.revision} of '{spec.model}', and TRIMARAN_ENGINE_REVISION is"
            f" '{settings.engine_revision}'.\nhint: set both to the same commit"
        )


def _weights(settings: Settings) -> str:
    """The address or folder of the weights; empty where the server is to fetch them from the hub."""
    given = settings.engine_weights
    if kind_of(given) or (looks_like_one(given) and not Path(given).is_dir()):
        wrong, hint = fault(given)
        if wrong:
            raise RoutesError(f"TRIMARAN_ENGINE_WEIGHTS={shown(given)} {wrong}.\nhint: {hint}")
    if kind := kind_of(given):
        if missing := kind.missing():
            raise RoutesError(
                f"TRIMARAN_ENGINE_WEIGHTS={given} needs what is not installed: {', '.join(missing)}.\n"
                f"hint: pip install {' '.join(missing)}, or give a folder"
            )
        return given
    if given and not Path(given).is_dir():
        raise RoutesError(
            f"TRIMARAN_ENGINE_WEIGHTS={given} is no folder on this machine.\n"
            f"hint: give the folder with the model's config.json, or an address such as {FORMS}"
        )
    return str(Path(given).resolve()) if given else ""
