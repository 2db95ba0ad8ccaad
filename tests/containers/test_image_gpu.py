"""The image with a model server, as it is built: without a GPU, NVIDIA's base and vLLM itself, for which a Debian and a small package stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.failure import Failure
from delivery.images.archive import Contents
from delivery.images.base import Base
from tests.containers.conftest import GPU_OPTIONS, built, edited_app, ran_inside

pytestmark = [pytest.mark.xdist_group("containers"), pytest.mark.timeout(900)]

CACHES = (
    "HF_HOME",
    "VLLM_CACHE_ROOT",
    "TRITON_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "FLASHINFER_WORKSPACE_BASE",
    "CUDA_CACHE_PATH",
)


def inside(root: Path, *command: str) -> str:
    """What a command says in the image."""
    done = ran_inside(root, "gpu", *command)
    done.check_returncode()
    return done.stdout.strip()


def test_an_edit_of_the_app_sends_little_and_no_model_server(gpu: Contents, sources: Path, standing_on: Base) -> None:
    """The app's layer is the last, and the only one that changes: less than 5 MB."""
    with edited_app(sources):
        after = built(sources, "gpu", standing_on, *GPU_OPTIONS)

    assert after.layers[:-1] == gpu.layers[:-1]
    assert after.layers[-1] != gpu.layers[-1]
    assert after.layers[-1][1] < 5e6


def test_everything_that_is_written_lies_in_the_volume(gpu: Contents, sources: Path) -> None:
    """Weights, what is compiled for them, and nothing below a read-only root; the volume is the user's own."""
    environment = dict(each.split("=", 1) for each in gpu.config["Env"])

    assert {name: environment[name].rpartition("/")[0] for name in (*CACHES, "TRIMARAN_DATA_DIR")} == {
        **dict.fromkeys(CACHES, "/var/lib/trimaran"),
        "TRIMARAN_DATA_DIR": "/var/lib",
    }
    assert set(gpu.config["Volumes"]) == {"/tmp", "/var/lib/trimaran"}
    assert gpu.config["User"] == "10001:10001"
    assert inside(sources, "stat", "-c", "%u:%g", "/var/lib/trimaran") == "10001:10001"


def test_it_says_what_it_is(gpu: Contents) -> None:
    """The engine is the one that the app starts, and the CUDA is told to whoever chooses a machine."""
    labels = {name: value for name, value in gpu.labels.items() if name.startswith("trimaran.")}

    assert labels == {
        "trimaran.variant": "gpu",
        "trimaran.engine": "vllm",
        "trimaran.weights": "aws",
        "trimaran.cuda": "13",
    }
    assert "TRIMARAN_ENGINE=vllm" in gpu.config["Env"]
    assert gpu.config["Healthcheck"]["Test"] == ["CMD", "python3", "-m", "app.live"]


def test_app_and_model_server_have_packages_of_their_own(gpu: Contents, sources: Path) -> None:
    """The app's Python has the app's, and programs of the model server are found behind the system's."""
    ours = "import uvicorn, app.main; print(uvicorn.__file__)"
    theirs = "import uvicorn, setuptools; print(uvicorn.__file__)"

    assert inside(sources, "python3", "-c", ours).startswith("/opt/dependencies/")
    assert inside(sources, "env", "-u", "PYTHONPATH", "/opt/engine/bin/python3", "-c", theirs).startswith(
        "/opt/engine/"
    )
    assert inside(sources, "env", "-u", "PYTHONPATH", "sh", "-c", "command -v python3") == "/usr/bin/python3"


def test_a_model_server_of_the_apps_finds_its_packages_behind_the_apps(sources: Path, standing_on: Base) -> None:
    """LitServe's process is a module of the app's: one Python has both, and where both have a package it is the app's."""
    built(sources, "gpu", standing_on, "--build-arg", "ENGINE=litserve", "--build-arg", "PACKAGES=litserve<0.3")
    asked = "import litserve, fastapi, app.engines.litserve_server; print(litserve.__file__, fastapi.__file__)"
    try:
        server, framework = inside(sources, "python3", "-c", asked).split()
    finally:
        built(sources, "gpu", standing_on, *GPU_OPTIONS)  # the name is again that of the image which other tests mean

    assert server.startswith("/opt/engine/packages/")
    assert framework.startswith("/opt/dependencies/")


def test_another_cuda_without_its_wheels_is_refused(sources: Path, standing_on: Base) -> None:
    """An image whose model server starts on no machine of that CUDA is not built."""
    with pytest.raises(Failure, match=r"/engine\.sh"):
        built(sources, "gpu", standing_on, "--build-arg", "CUDA=12")
