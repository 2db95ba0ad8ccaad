"""A project of its own with the sample program, rehearsed by the real engine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.cache import cache

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CONFIG: dict[str, Any] = {
    "aws:region": "us-east-1",
    "trimaran:scaling": {"max": 3},
    "trimaran:tags": {"owner": "me"},
    "trimaran:limits": {"gpuQuota": 4},
}


@pytest.fixture(scope="session")
def engine() -> Iterator[None]:
    """The Pulumi command line on PATH, behind it the stand-in for the language host."""
    found = [str(path) for path in sorted((cache() / "pulumi").glob("*/bin"))]
    path = os.pathsep.join([os.environ["PATH"], *found, str(ROOT / "tools/host")])
    if shutil.which("pulumi", path=path) is None:
        pytest.skip("the Pulumi command line is not installed: run ./trimaran doctor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        yield


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Make a project whose program is the sample, or another text, with some config changed."""

    def make(program: str | None = None, **config: Any) -> Path:
        environments = tmp_path / "stacks/environments"
        environments.mkdir(parents=True)
        document = {"name": "sample", "runtime": "python", "main": "stacks/__main__.py"}
        (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(document))
        text = program if program is not None else (HERE / "sample/__main__.py").read_text()
        (tmp_path / "stacks/__main__.py").write_text(text)
        given = {f"trimaran:{key}": value for key, value in config.items()}
        for stack in ("sample-dev", "sample-foundation-dev"):
            written = json.loads(json.dumps({"config": {**CONFIG, **given}}))
            (environments / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(written))
        return tmp_path

    return make
