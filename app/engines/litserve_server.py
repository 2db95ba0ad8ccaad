"""LitServe's own process: a pipeline behind OpenAI's chat completions on a loopback port, with batches made of requests that come together.

Started by ``app.engines.keeper``, which looks at `/health` and `/v1/models`. A line of its output that begins with "LitServe: " says why it ends.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import litserve
from litserve.utils import WorkerSetupStatus

from app.engines.litserve_chat import Chat, Keyed, openai_errors
from app.engines.litserve_loop import Batches
from app.engines.litserve_pipeline import Given

BATCH = 8
BATCH_TIMEOUT_S = 0.02  # the first of a batch waits so long for others: less than a token takes
_KEEP_ALIVE_S = 75  # longer than the app's connections are idle
_POLL_S = 0.05


class Server(litserve.LitServer):
    """Ready when all its workers are; LitServe waits for ever for one that is killed while it loads."""

    def verify_worker_status(self) -> None:
        while True:
            statuses = set(self.workers_setup_status.values())
            if statuses == {WorkerSetupStatus.READY}:
                return
            if WorkerSetupStatus.ERROR in statuses or not all(each.is_alive() for each in self.inference_workers):
                sys.exit("LitServe: the pipeline could not be set up, as the lines of the log before this one say")
            time.sleep(_POLL_S)


def main() -> None:
    options = _options()
    pipeline = _class(options.pipeline)(
        max_batch_size=options.max_batch_size,
        batch_timeout=options.batch_timeout,
        spec=Chat(options.model),
        loop=Batches(),
    )
    pipeline.given = Given(
        model=options.model,
        revision=options.revision,
        weights=options.weights,
        max_model_len=options.max_model_len,
    )
    accelerator, devices = _devices()
    server = Server(
        pipeline,
        accelerator=accelerator,
        devices=devices,
        timeout=False,  # the app has times of its own
        middlewares=[(Keyed, {"key": os.environ.pop("LITSERVE_KEY")})],
        disable_openapi_url=True,
    )
    server.uvicorn_graceful_timeout = 1  # the app has waited for the answers already
    openai_errors(server.app)
    listed = {"object": "list", "data": [{"id": options.model, "object": "model", "owned_by": "trimaran"}]}
    server.app.get("/v1/models")(lambda: listed)
    server.run(
        host="127.0.0.1",
        port=options.port,
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="LitServe", description=__doc__, allow_abbrev=False)
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--revision", default="")
    arguments.add_argument("--weights", type=Path)
    arguments.add_argument("--port", required=True, type=int)
    arguments.add_argument("--pipeline", required=True, help="package.module:ClassName")
    arguments.add_argument("--max-batch-size", default=BATCH, type=_positive)
    arguments.add_argument("--batch-timeout", default=BATCH_TIMEOUT_S, type=float, help="seconds")
    arguments.add_argument("--max-model-len", type=_positive, help="tokens of question and answer together")
    return arguments.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def _class(named: str) -> Any:
    module, _, name = named.partition(":")
    found = getattr(importlib.import_module(module), name, None)
    if not (isinstance(found, type) and issubclass(found, litserve.LitAPI)):
        sys.exit(f"LitServe: TRIMARAN_ENGINE_PIPELINE={named}: {module} has no class {name} that is a litserve.LitAPI")
    return found


def _devices() -> tuple[str, int]:
    """LitServe's `auto` takes a GPU only where torch happens to be imported already (connector.py of 0.2.19, read 2026-12-01)."""
    if find_spec("torch") is None:
        return "cpu", 1
    import torch  # seconds

    return ("cuda", torch.cuda.device_count()) if torch.cuda.is_available() else ("cpu", 1)


if __name__ == "__main__":
    main()
