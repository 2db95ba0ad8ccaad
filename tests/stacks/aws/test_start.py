"""The app with the very environment and routes that each example on AWS writes: what a task reads when it starts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from app.routing import Routing, read_routes
from app.settings import from_environment
from tests.stacks.aws.rehearsals import EXAMPLES
from tests.stacks.rehearsals import Deployed, Rehearsals, Resource

ANSWERING = [shape for shape in EXAMPLES if not shape.startswith("aws-foundation")]
# What somebody else has put there: callers' keys, where config has none.
_ELSEWHERE = "me=a-long-random-key"


def environment_of(task: Resource, deployed: Deployed) -> dict[str, str]:
    """The variables of the app's container, with each parameter's value in its place."""
    app = task.document("containerDefinitions")[0]
    held = {str(each["name"]): str(each["value"]) for each in deployed.opened if {"name", "value"} <= set(each)}
    plain = {each["name"]: each["value"] for each in app["environment"]}
    return {**plain, **{each["name"]: held.get(each["valueFrom"], _ELSEWHERE) for each in app.get("secrets", ())}}


async def models_of(environment: Mapping[str, str]) -> list[str]:
    """The models that the app answers for when it has started with this environment: each backend is made on a running loop."""
    settings = from_environment(environment)
    async with aiohttp.ClientSession() as http:
        routing = Routing(settings, read_routes(settings), http, environment)
        try:
            return list(routing.router.targets)
        finally:
            await routing.aclose()


@pytest.fixture
def _with_the_images_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's image has vLLM on its PATH, which the app looks for as it starts; nothing here lets it run."""
    program = tmp_path / "vllm"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{tmp_path}")


@pytest.mark.usefixtures("_with_the_images_programs")
@pytest.mark.parametrize("shape", ANSWERING)
def test_the_app_starts_with_the_routes_of_every_example(shape: str, rehearsals: Rehearsals) -> None:
    """Each adapter that they name is there and takes what they say, in an api and in an engine."""
    deployed = rehearsals[shape]
    tasks = deployed.of("TaskDefinition")

    assert tasks
    for task in tasks:
        assert asyncio.run(models_of(environment_of(task, deployed))) == ["chat"], task.name
