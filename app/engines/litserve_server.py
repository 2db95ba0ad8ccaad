"""LitServe's own process: a pipeline behind OpenAI's chat completions on a loopback port, with batches made of requests that come together.

Started by ``app.engines.keeper``, which looks at `/health` and `/v1/models`. A line of its output that begins with "LitServe: " says why it ends.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
import time
import traceback
from importlib.util import find_spec
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NoReturn

import litserve
from litserve.utils import WorkerSetupStatus

from app.engines.litserve_chat import Chat, Keyed, openai_errors
from app.engines.litserve_loop import Batches
from app.engines.litserve_pipeline import Given
from app.engines.litserve_words import Words, WordsError, parser

_KEEP_ALIVE_S = 75  # longer than the app's connections are idle
_POLL_S = 0.05


class Server(litserve.LitServer):
    """Ready when all its workers are, and over with the process that answers: LitServe waits for ever for a worker that is killed while it
    loads, and goes on without its uvicorn, whose socket then takes requests that nobody reads (0.2.19, read 2026-12-01).
    """

    _is_ending = False

    def _init_manager(self, num_api_servers: int) -> Any:
        manager = super()._init_manager(num_api_servers)
        for pipeline in self.litapi_connector:
            pipeline.spec.asking = manager.dict()
        return manager

    def _start_server(self, *arguments: Any, **more: Any) -> Any:
        started = super()._start_server(*arguments, **more)
        threading.Thread(target=self._end_with, args=(list(started.values()),), daemon=True).start()
        return started

    def _perform_graceful_shutdown(self, *arguments: Any, **more: Any) -> None:
        self._is_ending = True
        super()._perform_graceful_shutdown(*arguments, **more)

    def _end_with(self, answering: list[Any]) -> None:
        wait([each.sentinel for each in answering])
        if not self._is_ending:
            sys.stderr.write("LitServe: its process that answers requests ended, and nothing said why\n")
            sys.stderr.flush()
            os._exit(1)  # a thread cannot end the process otherwise; app.engines.keeper ends the workers

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
    pipeline = _pipeline(options)
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
    arguments = Words(prog="LitServe", description=__doc__, allow_abbrev=False, parents=[parser()], add_help=False)
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--revision", default="")
    arguments.add_argument("--weights", type=Path)
    arguments.add_argument("--port", required=True, type=int)
    arguments.add_argument("--pipeline", required=True, help="package.module:ClassName")
    try:
        return arguments.parse_args()
    except WordsError as error:
        sys.exit(f"LitServe: {error}")


def _pipeline(options: argparse.Namespace) -> Any:
    named = f"TRIMARAN_ENGINE_PIPELINE={options.pipeline}"
    module, _, name = options.pipeline.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a person's own module raises
        _end(f"{named} cannot be imported", error)
    if not (isinstance(found, type) and issubclass(found, litserve.LitAPI)):
        sys.exit(f"LitServe: {named}: {module} has no class {name} that is a litserve.LitAPI")
    try:
        return found(
            max_batch_size=options.max_batch_size,
            batch_timeout=options.batch_timeout,
            spec=Chat(options.model),
            loop=Batches(),
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a person's own class raises
        hint = f" (its __init__ must take what litserve.LitAPI's takes; {name}.setup needs none)"
        _end(f"{named} cannot be constructed", error, hint if isinstance(error, TypeError) else "")


def _end(what: str, error: BaseException, hint: str = "") -> NoReturn:
    """In one line, behind the traceback: it is a person's own code that failed."""
    traceback.print_exception(error)
    sys.exit(f"LitServe: {what}: {type(error).__name__}: {' '.join(str(error).split())}{hint}")


def _devices() -> tuple[str, int]:
    """LitServe's `auto` takes a GPU only where torch happens to be imported already (connector.py of 0.2.19, read 2026-12-01)."""
    if find_spec("torch") is None:
        return "cpu", 1
    import torch  # seconds

    return ("cuda", torch.cuda.device_count()) if torch.cuda.is_available() else ("cpu", 1)


if __name__ == "__main__":
    main()
