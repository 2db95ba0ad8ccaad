"""Client libraries run their own suites against the app, unchanged: the tests that their authors run against the real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.clients.libraries import Libraries, install
from tests.clients.outcomes import Outcome, complaints, read
from tests.clients.suite import Suite
from tests.clients.suites import SUITES
from tests.clients.wire import reply
from tests.faults.running import KEY_ENV, running
from tests.inference.fakes.server import serving_in_thread

_ADDED = Path(__file__).with_name("langchain_standard.py")
_PATIENCE_S = 900  # of a suite, on a machine that does much else


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Libraries:
    """Installed once: a minute, and 250 MB."""
    return install(tmp_path_factory.mktemp("clients"), dict.fromkeys(suite.library for suite in SUITES.values()))


@pytest.fixture
def url(suite: Suite) -> Iterator[str]:
    """The app, with the models that the suite asks."""
    engine = "embedded" if suite.adapter == "embedded" else "none"
    with serving_in_thread(reply) as faked, running(routes(suite, faked.url), {"TRIMARAN_ENGINE": engine}) as app:
        yield app.url


def routes(suite: Suite, faked: str) -> str:
    """A routes file in which one backend answers for every model of the suite, by the name that it is asked for where it is faked."""
    named = suite.models[:1] if suite.adapter == "embedded" else suite.models
    backends = {name: _backend(suite.adapter, name, faked) for name in named}
    models = {name: {"backends": [{"use": name if name in named else named[0]}]} for name in suite.models}
    return yaml.safe_dump({"version": 1, "backends": backends, "models": models})


def _backend(adapter: str, model: str, faked: str) -> dict[str, str]:
    if adapter == "embedded":
        return {"adapter": adapter, "model": "smollm2-135m-instruct"}
    return {"adapter": adapter, "model": model, "base_url": f"{faked}/v1", "key_env": KEY_ENV}


def run(suite: Suite, libraries: Libraries, url: str, folder: Path) -> list[Outcome]:
    """What came of the suite's tests, in a process of its own with nothing of this one's environment."""
    sources, report = libraries.sources(suite.library), folder / "report.xml"
    shutil.copy(_ADDED, sources / "tests")
    left_out = " and ".join(f"not {name}" for name in suite.left_out)
    options = [
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        f"--junit-xml={report}",
        *(["-k", left_out] if left_out else []),
    ]
    done = subprocess.run(
        [libraries.python, "-m", "pytest", *options, *suite.options, *suite.tests],
        cwd=sources,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            **{name: value.format(url=url) for name, value in suite.environment.items()},
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert report.exists(), done.stdout[-4000:]
    return read(report)


@pytest.mark.long  # a hundred packages are installed, and a model of 135 million parameters answers on the processor
@pytest.mark.timeout(1500)
@pytest.mark.xdist_group("clients")
@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_a_library_finds_what_it_expects(suite: Suite, libraries: Libraries, url: str, tmp_path: Path) -> None:
    """All of its tests pass but those in the table, and those fail for the reason given there."""
    assert complaints(suite, run(suite, libraries, url, tmp_path)) == []
