"""An image's app started on this machine, and how long it takes to be ready."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile

from delivery.failure import ExitCode, Failure
from delivery.images.engines import Engine
from delivery.images.variants import EMBEDDED, LAMBDA

_WITHIN_S = 60.0
_EVERY_S = 0.02
_STOP_S = 15.0
_ENVIRONMENT = "{environment}"  # many words take its place in an engine's command
# A backend that nobody calls: to be ready the app needs none, for it is not to blame for a provider's outage.
_ROUTES = {
    "version": 1,
    "backends": {"none": {"adapter": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "none"}},
    "models": {"chat": {"backends": [{"use": "none"}]}},
}


def environment_of(variant: str, port: int) -> Mapping[str, str]:
    """What the app of a variant is told when only its start counts."""
    listening = {"TRIMARAN_HOST": "127.0.0.1", "TRIMARAN_PORT": str(port)}
    if variant == LAMBDA:
        listening = {"AWS_LWA_PORT": str(port), "TRIMARAN_ALLOW_NO_KEYS": "1"}
    if variant == EMBEDDED:
        return listening
    return {
        **listening,
        "TRIMARAN_ENGINE": "none",
        "TRIMARAN_ROUTES_YAML": json.dumps(_ROUTES),
        "OPENAI_API_KEY": "none",
    }


def start_s(engine: Engine, image: str, variant: str, port: int) -> float:
    """Seconds from the engine's start to the first 200 of /health/ready. Raises Failure."""
    with _container(engine, image) as container, TemporaryFile() as said:
        words = engine.words(engine.start, image=image, container=container, environment=_ENVIRONMENT)
        at = words.index(_ENVIRONMENT)
        given = environment_of(variant, port).items()
        words[at : at + 1] = [word for name, value in given for word in ("--env", f"{name}={value}")]
        began_s = time.monotonic()
        process = subprocess.Popen(
            words,
            env=engine.environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if _is_ready(process, port):
                return time.monotonic() - began_s
        finally:
            _stop(process)
        said.seek(0)
        first = (said.read().decode(errors="replace").strip().splitlines() or ["it said nothing"])[0]
    raise Failure(
        f"{image} was not ready within {_WITHIN_S:.0f} s: {first}", shlex.join(words), ExitCode.COULD_NOT_MEASURE
    )


@contextmanager
def _container(engine: Engine, image: str) -> Iterator[str]:
    """What the engine must make beforehand, and take away afterwards."""
    if not engine.container:
        yield ""
        return
    name = engine.run(engine.words(engine.container, image=image), f"no container of {image}").strip()
    try:
        yield name
    finally:
        engine.run(engine.words(engine.remove, container=name), f"{name} is left over")


def _is_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the app was ready before its time was over or it ended."""
    end_s = time.monotonic() + _WITHIN_S
    while time.monotonic() < end_s and process.poll() is None:
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1).close()
            return True
        time.sleep(_EVERY_S)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The engine and the app in it: both are in the group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
