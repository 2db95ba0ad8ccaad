"""What stands in for vLLM where there is no GPU: its command line, strictly, its environment, its routes, its engine process.

Options as in vllm/entrypoints/openai/cli_args.py and engine/arg_utils.py on vLLM's main branch, read 2026-11-24. Like the real one it keeps
an engine process that outlives a SIGKILL of the server. ``SCRIPT`` in the model's folder or beside this file sets what it does.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STARTED = time.monotonic()
SCRIPT = Path(__file__).with_name("script.json")


def options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="vllm", allow_abbrev=False)
    serve = arguments.add_subparsers(required=True).add_parser("serve", allow_abbrev=False)
    serve.add_argument("model_tag")
    for name in ("--host", "--revision", "--served-model-name"):
        serve.add_argument(name)
    for name in ("--port", "--tensor-parallel-size", "--max-model-len", "--max-num-seqs"):
        serve.add_argument(name, type=int)
    serve.add_argument("--gpu-memory-utilization", type=float)
    serve.add_argument("--disable-uvicorn-access-log", action="store_true")
    return arguments.parse_args()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    loaded_at = 0.0
    model = ""

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send(b"", 200 if time.monotonic() > self.loaded_at else 503)
        elif self._allowed():
            self._json({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self._allowed():
            return
        if self.path != "/v1/chat/completions" or body["model"] != self.model:
            self._json({"error": {"message": "no such model", "type": "NotFoundError", "code": 404}}, 404)
            return
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        said = f"from {os.getpid()}"
        whole = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        if not body.get("stream"):
            self._json({"id": "c", "created": 1, "model": self.model, "choices": [whole], "usage": usage})
            return
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage},
        ]
        events = [json.dumps({"id": "c", "created": 1, "model": self.model, **chunk}) for chunk in chunks]
        self._send("".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode(), kind="text/event-stream")

    def _allowed(self) -> bool:
        allowed = self.headers["authorization"] == f"Bearer {os.environ['VLLM_API_KEY']}"
        if not allowed:
            self._json({"error": "Unauthorized"}, 401)
        return allowed

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status)

    def _send(self, body: bytes, status: int = 200, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """As with --disable-uvicorn-access-log."""


def terminated(*_: Any) -> None:
    SCRIPT.with_name("terminated").touch()
    sys.exit(0)


def main() -> None:
    given = options()
    script = json.loads(SCRIPT.read_text())
    note = {"argv": sys.argv[1:], "environment": sorted(os.environ), "pid": os.getpid()}
    engine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "EngineCore"])
    SCRIPT.with_name("started.json").write_text(json.dumps({**note, "engine": engine.pid}))
    sys.stderr.write("Loading safetensors checkpoint shards:  50%\rLoading safetensors checkpoint shards: 100%\n")
    sys.stderr.writelines(f"{line}\n" for line in script["says"])
    sys.stderr.flush()
    if script.get("fails"):
        sys.exit(1)
    signal.signal(signal.SIGTERM, terminated)
    Handler.loaded_at = STARTED + script["loads_s"]
    Handler.model = given.served_model_name
    http.server.ThreadingHTTPServer((given.host, given.port), Handler).serve_forever()


main()
