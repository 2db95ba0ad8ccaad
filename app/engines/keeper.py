"""The process around vLLM or LitServe: fetches the weights, starts the server on a loopback port, says when it answers, and takes all of it
down when it ends or hangs.

Started by ``app.engines.vllm`` and ``app.engines.litserve``; ``app.engines.child`` says how the two talk. vLLM's engine processes survive a
SIGKILL of its server and keep the GPU's memory (vllm-project/vllm#55510, read 2026-11-24), and so do LitServe's workers: here the whole process
group ends with the server.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.engines import weights
from app.engines.buckets.kinds import VARIABLES, kind_of
from app.engines.child import end_without_parent

GRACE_S = 4.0  # from SIGTERM to SIGKILL; the answers are over by then
PROBE_S = 5.0  # between two looks at the health of a server that was ready, and for its answer to each
MISSED = 3  # in a row, by which it hangs: half a minute, since one that reads long prompts may be late once
_POLL_S = 0.25
_ANSWER_S = 5.0

Tell = Callable[[Mapping[str, str | int]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a server. ``folder`` holds the weights; without one the server asks the hub. A folder has no revisions."""

    program: str
    model: str
    revision: str
    folder: Path | None
    port: int
    rest: Sequence[str]

    @property
    def pinned(self) -> list[str]:
        return ["--revision", self.revision] if self.revision and self.folder is None else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``key``: the variable in which the server is given the key that it asks for under /v1. ``of_the_app``: it is a module of the app's, found
    where the app's own packages are; another sees only its own.
    """

    command: Callable[[Run], list[str]]
    key: str
    of_the_app: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def vllm(run: Run) -> list[str]:
    """Options: vllm/entrypoints/openai/cli_args.py on vLLM's main branch, read 2026-11-24."""
    return [
        *(run.program, "serve", str(run.folder or run.model), *run.pinned, "--served-model-name", run.model),
        *("--host", "127.0.0.1", "--port", str(run.port), "--disable-uvicorn-access-log", *run.rest),
    ]


def litserve(run: Run) -> list[str]:
    """``program`` is Python."""
    weights = ["--weights", str(run.folder)] if run.folder else []
    return [
        *(run.program, "-m", "app.engines.litserve_server", "--model", run.model, *run.pinned, *weights),
        *("--port", str(run.port), *run.rest),
    ]


KINDS = {
    "vllm": Kind(command=vllm, key="VLLM_API_KEY", environment={"VLLM_NO_USAGE_STATS": "1"}),
    "litserve": Kind(command=litserve, key="LITSERVE_KEY", of_the_app=True),
}


def main() -> None:
    options = _options()
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what anything else prints belongs in the log

    def tell(said: Mapping[str, str | int]) -> None:
        with contextlib.suppress(BrokenPipeError):  # the app is gone, and the group still has to end
            print(json.dumps(said), file=report, flush=True)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    end_without_parent(options.parent)
    key = sys.stdin.readline().strip()
    threading.Thread(target=_end_with_app, daemon=True).start()
    status = 1
    try:
        status = _serve(options, key, tell)
    except weights.WeightsError as error:
        sys.stderr.write(f"{error}\n")
        tell({"why": str(error).partition("\n")[0].rstrip(".")})
    except Exception:  # noqa: BLE001  whatever it is, somebody has to read it
        traceback.print_exc()  # here: Python's own would come after the end of the group, this process among it
    finally:
        tell({"status": status})
        os.killpg(0, signal.SIGKILL)  # this process, and the engine processes that the server left


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--parent", required=True, type=int)
    arguments.add_argument("--kind", required=True, choices=KINDS)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--revision", default="")
    arguments.add_argument("--weights", default="", help="a bucket's address, a folder, or nothing: from the hub")
    arguments.add_argument("--data-dir", required=True, type=Path)
    arguments.add_argument("--probe-s", default=PROBE_S, type=float)
    arguments.add_argument("rest", nargs="*", help="more words for the server")
    return arguments.parse_args()


def _end_with_app() -> None:
    """When the app closes our standard input, or is gone, the server ends: in good order if it can."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S + 1)
    os.killpg(0, signal.SIGKILL)


def _serve(options: argparse.Namespace, key: str, tell: Tell) -> int:
    """Runs the server to its end and gives its exit status. Raises WeightsError."""
    folder = _folder(options, tell)
    kind = KINDS[options.kind]
    run = Run(
        program=options.program,
        model=options.model,
        revision=options.revision,
        folder=folder,
        port=_free_port(),
        rest=options.rest,
    )
    tell({"waits_for": f"{options.kind} to load {options.model}"})
    server = subprocess.Popen(
        kind.command(run), stdin=subprocess.DEVNULL, env=_environment(kind, key, offline=folder is not None)
    )
    try:
        while server.poll() is None:
            if _answers(run.port, key, options.model):
                tell({"address": f"http://127.0.0.1:{run.port}"})
                watch(server, run.port, key, options.probe_s, tell)
            else:
                time.sleep(_POLL_S)
        return server.returncode
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(GRACE_S)


def _folder(options: argparse.Namespace, tell: Tell) -> Path | None:
    if kind_of(options.weights):
        return weights.fetch(
            options.weights, options.data_dir, options.revision, lambda said: tell({"waits_for": said})
        )
    return Path(options.weights) if options.weights else None


def watch(server: subprocess.Popen[bytes], port: int, key: str, probe_s: float, tell: Tell) -> None:
    """Until the server ends; one that hangs is killed. Looks are counted, not seconds: a machine that slept has missed none."""
    missed = 0
    while missed < MISSED:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(probe_s)
            return
        missed = 0 if _get(port, "/health", key, probe_s) is not None else missed + 1
    tell({"why": f"it was running and did not answer {MISSED} looks at its health in a row"})
    server.kill()
    server.wait()


def _environment(kind: Kind, key: str, *, offline: bool) -> dict[str, str]:
    """The server's own: it needs no cloud's credential, reports to nobody, and with the weights here asks no hub."""
    withheld = VARIABLES if kind.of_the_app else (*VARIABLES, "PYTHONPATH")
    passed = {name: value for name, value in os.environ.items() if not name.startswith(withheld)}
    alone = {"HF_HUB_OFFLINE": "1"} if offline else {}
    return {**passed, **alone, **kind.environment, kind.key: key, "NO_COLOR": "1"}


def _free_port() -> int:
    """Another may take it before the server does, which then ends and is started again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _answers(port: int, key: str, model: str) -> bool:
    """Whether our server, and no other that took the port, says that it is well."""
    if _get(port, "/health", key) is None:
        return False
    listed = _get(port, "/v1/models", key)
    try:
        return listed is not None and model in [each["id"] for each in json.loads(listed)["data"]]
    except (ValueError, LookupError, TypeError):
        return False


def _get(port: int, path: str, key: str, answer_s: float = _ANSWER_S) -> bytes | None:
    """The body of a 200; None for anything else."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=answer_s)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if answer.status == 200 else None


if __name__ == "__main__":
    main()
