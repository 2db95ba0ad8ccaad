"""`./trimaran drill` whole: the app as a process, two model servers on real sockets, one of them taken away under load."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from delivery import html_file
from delivery.drill import command
from delivery.drill.figures import Limits
from delivery.failure import ExitCode, Failure
from tests.clock import PATIENCE_S
from tests.scripted.running import ROOT, scripted_engine

SUITE = {
    "name": "sums",
    "settings": {"max_tokens": 32, "temperature": 0},
    "cases": [
        {
            "id": f"times-{n}",
            "messages": f"What is {n} * 3? Give a long answer.",
            "checks": [{"number": {"value": n * 3}}],
        }
        for n in range(1, 13)
    ],
}
PRICES = {"better": ("10", "40"), "steady": ("1", "4")}


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`better` knows its tables, `steady` gets each product wrong and costs a tenth."""
    with scripted_engine(1) as first, scripted_engine(2) as second:
        backends: dict[str, Any] = {
            name: {
                "adapter": "vllm",
                "base_url": f"http://127.0.0.1:{port}/v1",
                "model": name,
                "price": {"input_usd_per_mtok": PRICES[name][0], "output_usd_per_mtok": PRICES[name][1]},
            }
            for name, port in (("better", first), ("steady", second))
        }
        document = {
            "version": 1,
            "backends": backends,
            "models": {"chat": {"backends": [{"use": "better"}, {"use": "steady"}]}},
        }
        path = tmp_path_factory.mktemp("drill") / "routes.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        yield path


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "sums.yaml"
    path.write_text(yaml.safe_dump(SUITE))
    return path


def drill(routes: Path, suite: Path | str, *faults: str, **given: Any) -> None:
    options = {"model": "", "concurrency": 4, "limits": Limits(), "html": None, "as_json": True, **given}
    command.drill(ROOT, routes, suite_name=str(suite), faults=list(faults), **options)


def test_a_provider_is_taken_away_and_given_back(
    routes: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers that it begins are finished by the next one, none is lost; the second knows less and costs less, and the drill says so."""
    page = tmp_path / "report.html"
    drill(routes, suite, "cut", html=page)
    told = json.loads(capsys.readouterr().out)
    [fault] = told["faults"]
    before, during = told["before"], fault["during"]

    assert (told["schema"], told["backend"], told["model"]) == ("trimaran.drill/1", "better", "chat")
    assert before["passed"] | {"interval": []} == {"count": 12, "total": 12, "percent": 100.0, "interval": []}
    assert (before["lost"]["count"], before["elsewhere"], before["rescued"]) == (0, 0, 0)
    assert during["lost"]["count"] == 0
    assert during["rescued"] > 0
    assert during["rescued"] + during["elsewhere"] >= 12
    assert during["passed"]["count"] < 12
    assert fault["first_success_s"] > 0
    assert fault["back_s"] > 0
    assert float(during["usd"]) > 0
    html = page.read_text()
    assert html.count("<circle") == sum(stage["lost"]["total"] for stage in (before, during, fault["after"]))
    assert 'class="rescued"' in html


def test_a_limit_that_was_broken_ends_it_with_3(routes: Path, suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After the table, which says why."""
    with pytest.raises(Failure, match=r"refused: 100\.0 points fewer passed, 5 may be") as said:
        drill(routes, suite, "refused", limits=Limits(quality_points=5), as_json=False)

    assert said.value.exit_code is ExitCode.GATE_SAID_NO
    assert "'better' away from model 'chat', 1 fault, suite sums: 0 of" in capsys.readouterr().out


def changed(routes: Path, tmp_path: Path, **keys: Any) -> Path:
    """The same routes with keys of the first backend changed; None takes one out."""
    document = yaml.safe_load(routes.read_text())
    backend = document["backends"]["better"] | keys
    document["backends"]["better"] = {name: value for name, value in backend.items() if value is not None}
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"base_url": None}, "backend 'better' of .* has no base_url, and a drill calls no address"),
        ({"adapter": "embedded", "base_url": None, "model": None}, "is the app's own engine"),
        (
            {
                "base_url": "https://bedrock-runtime.us-east-1.amazonaws.com",
                "auth": {"kind": "aws_sigv4", "service": "x"},
            },
            "signs its requests for AWS's own address",
        ),
        ({"adapter": 7}, "'backends.better.adapter' is 7"),
    ],
    ids=["no address", "own engine", "signed", "no routes"],
)
def test_what_cannot_be_drilled_is_refused_before_anything_is_called(
    routes: Path, suite: Path, tmp_path: Path, keys: dict[str, Any], sentence: str
) -> None:
    """Above all an address that the file does not name."""
    with pytest.raises(Failure, match=sentence) as said:
        drill(changed(routes, tmp_path, **keys), suite)

    assert said.value.exit_code is ExitCode.USAGE


def test_what_is_not_known_is_named_with_what_is(routes: Path, suite: Path, tmp_path: Path) -> None:
    """A fault, a model, a file."""
    with pytest.raises(Failure, match=r"'flood' is not a fault\. Known: refused, black-hole"):
        drill(routes, suite, "flood")
    with pytest.raises(Failure, match=r"has no model 'gpt'\. Known: chat"):
        drill(routes, suite, model="gpt")
    with pytest.raises(Failure, match="cannot be read: No such file"):
        drill(tmp_path / "none.yaml", suite)


def test_a_provider_that_never_answered_is_no_drill(routes: Path, suite: Path, tmp_path: Path) -> None:
    """It would lose nothing when it goes away. What it says is in the sentence."""
    with pytest.raises(Failure, match=r"'better' does not answer before it is taken away: .*no such model") as said:
        drill(changed(routes, tmp_path, model="nobody"), suite, "refused")

    assert said.value.exit_code is ExitCode.COULD_NOT_MEASURE


def test_a_report_goes_over_no_other_file(routes: Path, suite: Path, tmp_path: Path) -> None:
    """Told before the first question: neither the routes nor a directory; an older report may go."""
    for path in (routes, tmp_path):
        with pytest.raises(Failure, match=f"^{path} is ") as said:
            drill(routes, suite, "refused", html=path)
        assert said.value.exit_code is ExitCode.USAGE
    assert yaml.safe_load(routes.read_text())["version"] == 1
    older = tmp_path / "older.html"
    older.write_text("<!doctype html>old")
    html_file.check(older)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_app_with_the_drill(routes: Path, number: signal.Signals) -> None:
    """As Ctrl-C does: nothing is left behind."""
    command = [sys.executable, "-m", "delivery.cli", "drill", "--against", str(routes), "--suite", "smoke"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line == "before\n":
                break
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        rest = process.stderr.read()
        process.wait(PATIENCE_S)
    assert process.returncode == 130
    assert "stopped." in rest
    assert children
    assert not psutil.wait_procs(children, PATIENCE_S)[1]


def test_one_backend_leaves_nothing_to_see(routes: Path, suite: Path, tmp_path: Path) -> None:
    """With it away there is no answer."""
    document = yaml.safe_load(routes.read_text())
    document["models"]["chat"]["backends"] = [{"use": "better"}]
    alone = tmp_path / "alone.yaml"
    alone.write_text(yaml.safe_dump(document))

    with pytest.raises(Failure, match="has one backend: with it away nothing is left to answer"):
        drill(alone, suite)
