"""A small OpenAI-compatible server that answers each question as a script says, over real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_S = 120.0  # no answer halts for longer, in case its test has failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An answer: ``text`` in pieces of ``size`` signs with ``gap_s`` seconds between them.

    Before each piece that begins at one of ``halts`` it waits until the test lets it go on; at 0 nothing has been sent.
    ``error`` with ``status`` takes the place of the answer; ``broken`` ends it half-way, without a word.
    """

    text: str = ""
    size: int = 7
    gap_s: float = 0.0
    halts: tuple[int, ...] = ()
    finish: str = "stop"
    status: int = 200
    error: str = ""
    broken: bool = False


@dataclass(slots=True)
class Upstream:
    """``seen``: the bodies that arrived, in order; ``halted``: what the answers that halt wait for, by their order."""

    base_url: str
    seen: list[dict[str, Any]]
    halted: list[threading.Semaphore]

    def go_on(self) -> None:
        """Lets the latest answer that halts go on to where it halts next."""
        self.halted[-1].release()


@contextmanager
def scripted(scripts: Mapping[str, Script], port: int = 0) -> Iterator[Upstream]:
    """Runs the server, on a free port unless told on which. The last message's text names the script; any other text is answered with itself."""
    seen: list[dict[str, Any]] = []
    halted: list[threading.Semaphore] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append(body)
            question = body["messages"][-1]["content"]
            script = scripts.get(question, Script(text=f"You said: {question}"))
            word = threading.Semaphore(0)
            if script.halts:
                halted.append(word)
            if 0 in script.halts:
                word.acquire(timeout=PATIENCE_S)
            if script.error:
                self._refuse(script)
            else:
                self._answer(script, word)

        def _refuse(self, script: Script) -> None:
            body = json.dumps({"error": {"message": script.error, "type": "server_error", "code": None}}).encode()
            self.send_response(script.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self, script: Script, word: threading.Semaphore) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for start in range(0, len(script.text), script.size):
                if start and start in script.halts:
                    word.acquire(timeout=PATIENCE_S)
                self._event({"choices": [_choice({"content": script.text[start : start + script.size]})]})
                time.sleep(script.gap_s)
            if script.broken:
                return
            self._event({"choices": [_choice({}, script.finish)]})
            usage = {"prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290}
            self._event({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\r\n\r\n")

        def _event(self, chunk: dict[str, Any]) -> None:
            whole = {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "scripted-1",
                **chunk,
            }
            self.wfile.write(f"data: {json.dumps(whole)}\r\n\r\n".encode())

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args: object) -> None:
            """A caller that left is part of the tests."""

    with Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield Upstream(f"http://127.0.0.1:{server.server_port}/v1", seen, halted)
        finally:
            server.shutdown()


def _choice(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}
