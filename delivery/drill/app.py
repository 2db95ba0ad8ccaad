"""The app under drill: a process of its own with the person's routes, in which the one provider is called through the door."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from delivery.failure import ExitCode, Failure
from tools import child_process

READY_S = 120.0
ALONE = "drill: the provider alone"  # a model that only the provider that is drilled answers: whether it does at all
_STOP_S = 10.0
_LAST_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """The routes of a file, and which of its backends is taken away from which of its models. ``base_url`` is that backend's."""

    document: Mapping[str, Any]
    model: str
    backend: str
    base_url: str
    others: tuple[str, ...]


def drilled(path: Path, model: str) -> Drilled:
    """The first provider of ``model``, or of the default one. Raises Failure where no drill of it can be: nothing is called by it that the
    file does not name.
    """
    from app.logic import routes as routes_file
    from app.logic.routes import RoutesError

    try:
        text = path.read_text(encoding="utf-8")
        routes = routes_file.parse(text, str(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise Failure(f"routes file '{path}' cannot be read: {why}.", "", ExitCode.USAGE) from None
    except RoutesError as error:
        raise Failure(f"{error}.", "./trimaran serve --routes FILE says the same", ExitCode.USAGE) from None
    name = model or routes.default_model or next(iter(routes.models))
    if name not in routes.models:
        raise Failure(f"{path} has no model '{name}'. Known: {', '.join(routes.models)}.", "", ExitCode.USAGE)
    first, *others = (use.use for use in routes.models[name].backends)
    if not others and not routes.models[name].when_down:
        raise Failure(
            f"model '{name}' of {path} has one backend: with it away nothing is left to answer.",
            f"a second one under models.{name}.backends",
            ExitCode.USAGE,
        )
    for each in (first, *others, *(resort for resort in routes.models[name].when_down if resort in routes.backends)):
        spec = routes.backends[each]
        if not spec.base_url and spec.adapter != "embedded":
            raise Failure(
                f"backend '{each}' of {path} has no base_url, and a drill calls no address that you have not written.",
                f"base_url under backends.{each}",
                ExitCode.USAGE,
            )
    spec = routes.backends[first]
    if spec.adapter == "embedded":
        raise Failure(
            f"backend '{first}' of {path} is the app's own engine: there is no way to it that could be shut.",
            f"a provider as the first of models.{name}.backends",
            ExitCode.USAGE,
        )
    signs = spec.adapter == "bedrock" or (spec.auth is not None and spec.auth.kind == "aws_sigv4")
    if signs and spec.base_url.startswith("https:"):
        raise Failure(
            f"backend '{first}' of {path} signs its requests for AWS's own address: none can pass through a door in front of it.",
            "drill a backend that is entered with a key or a token, or let this one be the second",
            ExitCode.USAGE,
        )
    return Drilled(
        document=yaml.safe_load(text), model=name, backend=first, base_url=spec.base_url, others=tuple(others)
    )


@asynccontextmanager
async def running(drill: Drilled, door: str, root: Path, port: int) -> AsyncIterator[str]:
    """The app's address, with ``door`` in place of the provider's. Raises Failure when it does not get ready."""
    backends = drill.document["backends"]
    through = {**backends, drill.backend: {**backends[drill.backend], "base_url": door}}
    models = {**drill.document["models"], ALONE: {"backends": [{"use": drill.backend}], "retries": 0}}
    document = {**drill.document, "backends": through, "models": models, "default_model": drill.model}
    embedded = any(backend["adapter"] == "embedded" for backend in through.values())
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRIMARAN_")},
        "TRIMARAN_ENGINE": "embedded" if embedded else "none",
        "TRIMARAN_ROUTES_YAML": yaml.safe_dump(document, sort_keys=False, allow_unicode=True),
        "TRIMARAN_HOST": "127.0.0.1",
        "TRIMARAN_PORT": str(port),
        "PYTHONPATH": str(root),
    }
    with tempfile.TemporaryFile() as said:
        process = await child_process.start(
            [sys.executable, "-m", "app.main"], cwd=root, environment=environment, output=said
        )
        try:
            url = f"http://127.0.0.1:{port}"
            if not await _ready(url, process):
                raise Failure("the app does not start with these routes.", _last(said), ExitCode.COULD_NOT_MEASURE)
            yield url
        finally:
            await child_process.end(process, signal.SIGTERM, grace_s=_STOP_S)


async def _ready(url: str, process: asyncio.subprocess.Process) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as http:
            while process.returncode is None:
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with http.get(f"{url}/health/ready") as answer:
                        if answer.status == 200:
                            return True
                await asyncio.sleep(0.1)
    return False


def _last(said: Any) -> str:
    """The last lines that the app wrote."""
    said.seek(0)
    return "\n".join(said.read().decode(errors="replace").strip().splitlines()[-_LAST_LINES:])
