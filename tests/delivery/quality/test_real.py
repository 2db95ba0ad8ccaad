"""The real app with the embedded model passes the whole of `smoke`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from delivery.quality.run import evaluate
from delivery.quality.side import Side
from delivery.quality.store import Store
from delivery.quality.suite import load
from stacks.config import ModelSettings
from stacks.local.routes import from_settings
from tests.api.process import Process, running_app


async def ready(app: Process) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):
        while True:
            async with http.get(f"{app.url}/health/ready") as response:
                if response.status == 200:
                    return
            await asyncio.sleep(0.05)


async def test_smoke_passes(tmp_path: Path) -> None:
    """Every case: it checks what the app promises, not what a model knows."""
    routes = from_settings(ModelSettings(), "local").environment["TRIMARAN_ROUTES_YAML"]
    environment = {"TRIMARAN_ENGINE": "embedded", "TRIMARAN_REVISION": "r1", "TRIMARAN_DATA_DIR": str(tmp_path)}
    async with running_app(routes, environment) as app:
        await ready(app)
        with Store(tmp_path / "answers.sqlite") as store:
            [done] = await evaluate([Side(name="blue", url=app.url)], load("smoke"), store=store, concurrency=1)

    assert [case.as_json() for case in done.cases if not case.passed] == []
    assert (done.revision, done.models) == ("r1", ("smollm2-135m-instruct",))
    assert done.usd is not None
