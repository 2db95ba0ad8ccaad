"""Real parts for the machine provider's tests: small servers, an nginx, the Pulumi engine; and proof that none is left."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from delivery.cache import cache
from providers.machine import ports, process, sessions
from providers.machine.values import Properties

ROOT = Path(__file__).resolve().parents[3]

# A web server that is ready at once; its first argument is the port.
SERVER = textwrap.dedent("""
    import http.server, os, sys

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = os.environ.get("ANSWER", "hello")
            self.send_response(200 if self.path != "/broken" else 503)
            self.send_header("X-Name", answer)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())
        do_POST = do_GET
        def log_message(self, *args):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
""")


def never() -> bool:
    """A deployment that nobody cancels."""
    return False


def python(source: str, *arguments: str) -> list[str]:
    """The command of a small Python program."""
    return [sys.executable, "-S", "-c", textwrap.dedent(source), *arguments]


def processes_under(path: Path) -> list[int]:
    """The living processes that work in a folder or below it."""
    found = []
    for pid, stat in sessions.processes():
        with suppress(OSError):
            if stat.state not in "ZX" and Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(path):
                found.append(pid)
    return found


@pytest.fixture(autouse=True)
def nothing_left_running(tmp_path: Path) -> Iterator[None]:
    """Whatever a test starts works below its folder; what it leaves running there fails it, and is ended."""
    yield
    deadline = time.monotonic() + 30
    while (left := processes_under(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


@pytest.fixture
def wanted(tmp_path: Path) -> Callable[..., Properties]:
    """Make the checked inputs of a process that serves HTTP, with some of them replaced."""

    def make(**changes: Any) -> Properties:
        inputs, failures = process.check(
            {
                "command": python(SERVER, "{port}"),
                "cwd": str(tmp_path),
                "log_file": str(tmp_path / "app.log"),
                "ready_url": "http://127.0.0.1:{port}/",
                "ready_timeout_s": 60,
                **changes,
            }
        )
        assert not failures
        return inputs

    return make


class Upstream(ThreadingHTTPServer):
    """An app behind the proxy: says its name, counts requests, streams slowly, or cuts the connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.proceed = threading.Event()
        self.proceed.set()
        self.delivered = threading.Event()

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Upstream
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        self.server.requests.append((self.command, self.path, headers))
        if self.path == "/cut":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif self.path == "/stream":
            self._stream()
        elif self.path.startswith("/large"):
            self._large()
        else:
            self._answer({"name": self.server.name, "headers": headers, "path": self.path, "size": len(body)})

    do_POST = do_GET

    def _answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("X-Name", self.server.name)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._chunk(b"data: first\n\n")
        time.sleep(0.05)
        self._chunk(b"data: second\n\n")
        self.server.proceed.wait(30)
        self._chunk(b"data: last\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _large(self) -> None:
        self.send_response(200)
        if self.path == "/large/stream":
            self.send_header("X-Accel-Buffering", "no")
        self.send_header("Content-Length", str(32 * 2**20))
        self.end_headers()
        self.wfile.write(bytes(32 * 2**20))
        self.server.delivered.set()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def upstreams() -> Iterator[dict[str, Upstream]]:
    """Two running apps, blue and green."""
    servers = {name: Upstream(name) for name in ("blue", "green")}
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers.values()]
    for thread in threads:
        thread.start()
    yield servers
    for server in servers.values():
        server.proceed.set()
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


class Engine:
    """A Pulumi project in a folder of its own, with its own state, whose program makes what `resources.json` says."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.state.mkdir(parents=True)
        plugin = ROOT / "providers" / "machine"
        project = {
            "name": "machine-test",
            "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(ROOT / ".venv")}},
            "plugins": {"providers": [{"name": "machine", "path": str(plugin)}]},
        }
        # JSON is YAML.
        (directory / "Pulumi.yaml").write_text(json.dumps(project))
        (directory / "__main__.py").write_text(PROGRAM)
        self.environment = {
            **os.environ,
            "PATH": _search_path(),
            "PULUMI_HOME": str(directory / "home"),
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "only for tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.run("stack", "init", "test")

    def want(self, **resources: dict[str, Any]) -> None:
        """Set what the program makes: name to arguments, a process unless they have upstreams."""
        (self.directory / "resources.json").write_text(json.dumps(resources))

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run a Pulumi command; returns what it printed."""
        result = subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert (result.returncode != 0) == fails, result.stdout
        return result.stdout

    def command(self, *arguments: str) -> Sequence[str]:
        """Spell a Pulumi command out."""
        flags = ["--non-interactive", "--color=never"]
        return ["pulumi", *arguments, *flags, *([] if arguments[0] == "stack" else ["--stack=test"])]

    def outputs(self) -> dict[str, Any]:
        """The outputs of every resource, by name, secrets shown."""
        outputs: dict[str, Any] = json.loads(self.run("stack", "output", "--json", "--show-secrets"))
        return outputs

    def up(self, *arguments: str, fails: bool = False) -> str:
        """Deploy without a preview."""
        return self.run("up", "--yes", "--skip-preview", *arguments, fails=fails)

    def destroy(self) -> None:
        """Take everything down."""
        self.run("destroy", "--yes", "--skip-preview")


PROGRAM = """
import json
import pathlib

import pulumi

from providers.machine.resources import Process, Proxy

wanted = json.loads(pathlib.Path("resources.json").read_text())
made = {}
for name, arguments in wanted.items():
    options = pulumi.ResourceOptions(ignore_changes=arguments.pop("ignore_changes", None))
    if "secret_environment" in arguments:
        hidden = {key: pulumi.Output.secret(value) for key, value in arguments.pop("secret_environment").items()}
        arguments["environment"] = {**arguments.get("environment", {}), **hidden}
    if "upstreams" in arguments:
        ports = {key: made[process].port for key, process in arguments.pop("upstreams").items()}
        upstreams = {key: pulumi.Output.format("127.0.0.1:{}", port) for key, port in ports.items()}
        made[name] = Proxy(name, upstreams=upstreams, opts=options, **arguments)
        pulumi.export(name, {"pid": made[name].pid, "url": made[name].url, "test_url": made[name].test_url,
                             "weights": made[name].weights})
    else:
        made[name] = Process(name, opts=options, **arguments)
        pulumi.export(name, {"pid": made[name].pid, "url": made[name].url, "port": made[name].port})
"""


def _search_path() -> str:
    cached = sorted(str(path) for path in (cache() / "pulumi").glob("*/bin"))
    return os.pathsep.join([os.environ["PATH"], *cached, str(ROOT / "tools" / "host")])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A Pulumi engine with an empty stack, which is destroyed afterwards."""
    if shutil.which("pulumi", path=_search_path()) is None:
        pytest.skip("the Pulumi command line is not installed: run ./trimaran doctor")
    engine = Engine(tmp_path / "project")
    yield engine
    engine.destroy()


@pytest.fixture
def free_port() -> int:
    """A port that was free a moment ago."""
    return ports.free_port()
