"""A candidate on this machine, by the real engine: it starts beside the stable version, takes over, or goes again.

The tests share one deployment, in front of scripted models, and run in order.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from delivery.stack_file import StackFile
from providers.machine.ports import free_port
from providers.machine.proxy import read_weights, set_weights
from stacks.local.files import proxy_directory
from tests.end_to_end.scratch import Scratch, copy_tree
from tests.end_to_end.test_local import Callers
from tests.scripted.running import routes, scripted_engine

pytestmark = pytest.mark.alone  # it waits for two deployments


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    scratch = copy_tree(tmp_path_factory.mktemp("tree"), free_port())
    with scripted_engine() as engine_port:
        (scratch.root / "routes.yaml").write_text(routes(engine_port))
        config = {"trimaran:port": scratch.port, "trimaran:routes": "routes.yaml"}
        file_of(scratch).path.write_text(json.dumps({"config": config}))
        try:
            scratch.run("up")
            yield scratch
            scratch.run("down")
        finally:
            scratch.end()


def file_of(local: Scratch) -> StackFile:
    return StackFile(root=local.root, stack="local")


def outputs_of(local: Scratch) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(local.run("pulumi", "stack", "output", "--json", "--stack", "local").stdout)
    return found


def apps(local: Scratch) -> dict[str, int]:
    """Revision -> process id, as the state has them."""
    exported = json.loads(local.run("pulumi", "stack", "export", "--stack", "local").stdout)
    made = [each for each in exported["deployment"]["resources"] if each["type"] == "machine:index:Process"]
    return {each["urn"].rpartition("app-")[2]: int(each["outputs"]["pid"]) for each in made}


def weights(local: Scratch) -> Mapping[str, int] | None:
    return read_weights(folder(local))


def folder(local: Scratch) -> Path:
    return proxy_directory(local.root, "local")


def who_answers(url: str) -> tuple[str, str]:
    """The revision and the model that answer at this address."""
    body = json.dumps({"messages": [{"role": "user", "content": "What is 2+2?"}]}).encode()
    request = urllib.request.Request(f"{url}/v1/chat", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert "4" in json.loads(answer.read())["content"]
        return answer.headers["x-revision"], answer.headers["x-trimaran-model"]


def test_it_starts_beside_the_stable_version_and_gets_no_traffic(local: Scratch) -> None:
    """The test listener leads to it alone."""
    stable = outputs_of(local)["revision"]
    file_of(local).write({"candidate": {"settings": {"model": "better"}}})

    local.run("up")

    outputs = outputs_of(local)
    green = outputs["revision"]
    assert (outputs["stable_revision"], green != stable) == (stable, True)
    assert weights(local) == {"blue": 100, "green": 0}
    assert {who_answers(outputs["url"]) for _ in range(20)} == {(stable, "steady")}
    assert who_answers(outputs["test_url"]) == (green, "better")
    for side, revision in (("blue", stable), ("green", green)):
        with urllib.request.urlopen(outputs["metrics"]["ref"][side], timeout=60) as answer:
            assert f'revision="{revision}"' in answer.read().decode()


def test_up_leaves_the_split_alone(local: Scratch) -> None:
    """Also one that was moved since."""
    set_weights(folder(local), {"blue": 75, "green": 25})

    done = local.run("up")

    assert done.stdout.startswith("no changes\n")
    assert weights(local) == {"blue": 75, "green": 25}


def test_it_takes_over_without_a_failed_request(local: Scratch) -> None:
    """The process that was the candidate stays; the old one ends; the next `up` has nothing to do."""
    before, outputs = apps(local), outputs_of(local)
    green, stable = outputs["revision"], outputs["stable_revision"]
    with Callers(local) as callers:
        set_weights(folder(local), {"blue": 0, "green": 100})
        file_of(local).adopt_candidate()
        done = local.run("up")

    assert callers.failures == []
    assert callers.revisions[-1] == green
    assert set(callers.revisions) <= {stable, green}
    assert apps(local) == {green: before[green]}
    assert before[stable] not in {each.pid for each in local.processes()}
    assert weights(local) == {"blue": 100}
    assert "created" not in done.stderr
    after = outputs_of(local)
    assert (after["revision"], after["stable_revision"], list(after["metrics"]["ref"])) == (green, green, ["blue"])
    assert local.run("up").stdout.startswith("no changes\n")


def test_it_goes_again_without_a_failed_request(local: Scratch) -> None:
    """With traffic on it when its line is taken out of the config: all goes to the stable version."""
    stable = outputs_of(local)["revision"]
    file_of(local).write({"candidate": {"settings": {"systemPrompt": "Be brief."}}})
    local.run("up")
    set_weights(folder(local), {"blue": 50, "green": 50})
    file_of(local).write({"candidate": None})

    with Callers(local) as callers:
        local.run("up")

    assert callers.failures == []
    assert callers.revisions[-1] == stable
    assert (list(apps(local)), weights(local)) == ([stable], {"blue": 100})
