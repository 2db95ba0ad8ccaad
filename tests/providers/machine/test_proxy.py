"""A `Proxy`: a real nginx that splits, strips, streams, upgrades, never repeats a POST, and reloads unnoticed."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from plan.tokens import UNKNOWN
from providers.machine import nginx, ports, probe, proxy, sessions
from providers.machine.values import MachineError, Properties
from tests.providers.machine.conftest import Upstream, never, processes_under
from tests.providers.machine.test_sessions import runs

URN = "urn:pulumi:local::project::machine:index:Proxy::edge"

STREAM = b"data: first\n\ndata: second\n\ndata: last\n\n"

Start = Callable[..., Properties]

pytestmark = pytest.mark.skipif(
    shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None, reason="nginx is not installed"
)


@pytest.fixture
def inputs(upstreams: dict[str, Upstream], free_port: int, tmp_path: Path) -> Properties:
    """The checked inputs of a proxy that sends everything to blue."""
    checked, failures = proxy.check(
        {
            "port": free_port,
            "directory": str(tmp_path / "nginx"),
            "upstreams": {name: server.address for name, server in upstreams.items()},
            "weights": {"blue": 100, "green": 0},
        }
    )
    assert not failures
    return checked


@pytest.fixture
def start(inputs: Properties) -> Iterator[Start]:
    """Start a proxy, with some of its inputs replaced; it is deleted afterwards."""
    made: list[tuple[str, Properties]] = []

    def run(**changes: Any) -> Properties:
        made.append(proxy.create(URN, {**inputs, **changes}, never))
        return made[-1][1]

    yield run
    for resource_id, outputs in made:
        proxy.delete(resource_id, outputs)


def call(
    url: str, method: str = "GET", path: str = "/", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Send one request over a new connection; returns its status and JSON."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def error_of(answer: tuple[int, Any]) -> tuple[int, str, str]:
    """Status, code and message of an error in OpenAI's shape."""
    status, body = answer
    assert body["error"].keys() == {"message", "type", "param", "code"}
    return status, body["error"]["code"], body["error"]["message"]


def failure(inputs: Properties) -> str:
    """The message of a create that must fail."""
    with pytest.raises(MachineError) as caught:
        proxy.create(URN, inputs, never)
    return str(caught.value)


# What callers see


def test_all_goes_to_the_only_side_with_weight(start: Start) -> None:
    """A side at 0 is left out."""
    made = start()

    answers = Counter(call(made["url"])[1]["name"] for _ in range(50))

    assert answers == {"blue": 50}


def test_weights_are_respected(start: Start) -> None:
    """75 to 25 over 2,000 requests of few connections, within five standard deviations (97)."""
    made = start(weights={"blue": 75, "green": 25})
    connection = http.client.HTTPConnection(made["url"].removeprefix("http://"), timeout=20)
    answers: Counter[str] = Counter()

    for _ in range(2000):
        connection.request("GET", "/")
        answers[json.loads(connection.getresponse().read())["name"]] += 1
    connection.close()

    assert abs(answers["green"] - 500) <= 97
    assert answers.total() == 2000


def sides_of(url: str, sessions: list[str]) -> dict[str, str]:
    """Which side answers in each conversation, over one connection."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    sides = {}
    for session in sessions:
        connection.request("GET", "/", headers={"x-session-id": session})
        sides[session] = json.loads(connection.getresponse().read())["name"]
    connection.close()
    return sides


def test_a_conversation_stays_on_its_side(start: Start, inputs: Properties) -> None:
    """While the split stands; as green grows it keeps those it has. 5 % are within a point of it."""
    made = start(weights={"blue": 95, "green": 5})
    conversations = [f"conversation-{n}" for n in range(3000)]

    first = sides_of(made["url"], conversations)
    assert abs(Counter(first.values())["green"] - 150) <= 30
    green = [name for name, side in first.items() if side == "green"]
    for percent in (5, 25, 75):
        proxy.set_weights(inputs["directory"], {"blue": 100 - percent, "green": percent})
        assert set(sides_of(made["url"], green).values()) == {"green"}
    proxy.set_weights(inputs["directory"], {"blue": 100, "green": 0})
    assert set(sides_of(made["url"], green).values()) == {"blue"}


def test_no_caller_chooses_a_revision_or_invents_an_address(start: Start) -> None:
    """On either listener; the caller's own request id goes through."""
    made = start(test_upstream="green")
    sent = {"x-revision": "green", "X-Request-Id": "abc", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil"}

    for url, side in ((made["url"], "blue"), (made["test_url"], "green")):
        _, answer = call(url, headers=sent)
        seen = answer["headers"]
        host = url.removeprefix("http://")
        assert answer["name"] == side
        assert "x-revision" not in seen
        assert seen["x-request-id"] == "abc"
        assert (seen["host"], seen["x-forwarded-host"]) == (host, host)
        assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http")


def test_without_a_candidate_the_test_listener_says_so(start: Start) -> None:
    """In the shape that clients of the API read."""
    made = start()

    answer = call(made["test_url"], "POST", "/v1/chat/completions", b"{}")

    assert error_of(answer) == (503, "unreachable", "no candidate is deployed")


def test_the_test_listener_is_on_loopback_only(start: Start) -> None:
    """Even when the other one is open to all."""
    made = start(host="0.0.0.0")
    text = Path(made["config_file"]).read_text()

    assert [line.split()[1] for line in text.splitlines() if line.strip().startswith("listen ")] == [
        f"0.0.0.0:{made['port']};",
        f"127.0.0.1:{made['test_port']};",
    ]
    assert call(made["url"])[0] == 200


def test_a_stream_arrives_as_it_is_made(start: Start, upstreams: dict[str, Upstream]) -> None:
    """Events are not held back until the answer ends."""
    made = start()
    upstreams["blue"].proceed.clear()

    stream = http.client.HTTPConnection(made["url"].removeprefix("http://"), timeout=60)
    stream.request("GET", "/stream")
    response, begun = stream.getresponse(), b"data: first\n\ndata: second\n\n"

    assert response.read(len(begun)) == begun  # before the app is let go on to the rest
    upstreams["blue"].proceed.set()
    assert begun + response.read() == STREAM
    stream.close()


@pytest.mark.parametrize(("path", "is_delivered"), [("/large", True), ("/large/stream", False)])
def test_only_streams_wait_for_a_slow_caller(
    start: Start, upstreams: dict[str, Upstream], path: str, is_delivered: bool
) -> None:
    """Any other answer is taken off the app's hands; the app says which is which, by X-Accel-Buffering."""
    made = start()
    slow = http.client.HTTPConnection(made["url"].removeprefix("http://"), timeout=20)

    slow.request("GET", path)

    assert upstreams["blue"].delivered.wait(60 if is_delivered else 1) is is_delivered
    slow.close()


def test_web_sockets_are_upgraded(start: Start) -> None:
    """Both ways, through either listener."""

    def echo(socket: ServerConnection) -> None:
        for message in socket:
            socket.send(f"echo {message!s}")

    with serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        made = start(upstreams={"blue": f"127.0.0.1:{server.socket.getsockname()[1]}"}, test_upstream="blue")
        for url in (made["url"], made["test_url"]):
            with connect(f"ws{url.removeprefix('http')}/ws", proxy=None) as client:
                client.send("hello")
                assert client.recv(timeout=10) == "echo hello"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("is_warm", [False, True])
def test_a_post_that_was_sent_is_never_sent_again(start: Start, upstreams: dict[str, Upstream], is_warm: bool) -> None:
    """Neither over a new connection to the app nor over a kept one, and never to the other side."""
    made = start(weights={"blue": 1, "green": 1})
    if is_warm:
        for _ in range(8):
            call(made["url"])

    answers = [call(made["url"], "POST", "/cut", b'{"n": 1}') for _ in range(20)]

    seen = [path for server in upstreams.values() for _, path, _ in server.requests]
    assert seen.count("/cut") == 20
    assert {error_of(answer)[:2] for answer in answers} == {(502, "unreachable")}


def test_an_app_that_is_down_is_unreachable_in_json(start: Start) -> None:
    """Nothing of nginx's own HTML reaches a client."""
    made = start(upstreams={"blue": f"127.0.0.1:{ports.free_port()}"})

    assert error_of(call(made["url"], "POST", "/index.html", b"{}"))[:2] == (502, "unreachable")


def test_a_body_above_64_mib_is_refused_in_json(start: Start, upstreams: dict[str, Upstream]) -> None:
    """By its length, before it is sent; 33 MiB still reach the app, whose limit says more."""
    made = start()
    too_large = {"Content-Length": str(65 * 2**20)}

    assert error_of(call(made["url"], "POST", headers=too_large)) == (
        413,
        "bad_request",
        "The request body is too large.",
    )
    assert call(made["url"], "POST", body=bytes(33 * 2**20))[1]["size"] == 33 * 2**20


def test_headers_that_are_too_large_are_refused_in_json(start: Start) -> None:
    """nginx has a status of its own for them."""
    made = start()

    answer = call(made["url"], headers={"X-Large": "x" * 40_000})

    assert error_of(answer) == (400, "bad_request", "The headers of the request are too large.")


def test_what_is_not_http_is_refused_in_json(start: Start) -> None:
    """Also before nginx knows what is asked for."""
    made = start()
    with socket.create_connection(("127.0.0.1", made["port"])) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nBroken header\r\nContent-Length: nine\r\n\r\n")
        answer = raw.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_request"


# Changing it


class Callers:
    """Threads that keep calling a URL over new connections until told to stop, and count what they get."""

    def __init__(self, url: str, *, threads: int = 3) -> None:
        self.address = url.removeprefix("http://")
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        """Until so many more answers are there, or a failure."""
        enough, deadline = self.answers.total() + more, time.monotonic() + 60
        while self.answers.total() < enough and not self.failures:
            assert time.monotonic() < deadline, f"{self.answers} are all"
            time.sleep(0.005)

    def _run(self) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection(self.address, timeout=20)
            try:
                connection.request("POST", "/", b"{}")
                response = connection.getresponse()
                response.read()
            except Exception as error:  # noqa: BLE001 - a failure of any kind is what is counted
                self.failures.append(repr(error))
            else:
                self.answers[response.headers["X-Name"] if response.status == 200 else str(response.status)] += 1
            finally:
                connection.close()


def test_thirty_reloads_drop_no_request_and_cut_no_stream(start: Start, upstreams: dict[str, Upstream]) -> None:
    """Callers open a new connection each time; a stream that began before the first reload ends after the last."""
    made = start()
    upstreams["blue"].proceed.clear()
    stream = http.client.HTTPConnection(made["url"].removeprefix("http://"), timeout=60)
    stream.request("GET", "/stream")
    response = stream.getresponse()

    with Callers(made["url"]) as callers:
        for n in range(30):
            proxy.set_weights(made["directory"], {"blue": 1 + n % 2, "green": 1})
            callers.wait_for(10)

    upstreams["blue"].proceed.set()
    assert callers.failures == []
    assert callers.answers.keys() == {"blue", "green"}
    assert callers.answers.total() >= 300
    assert response.read() == STREAM
    stream.close()


def test_after_a_change_no_new_connection_sees_the_old_split(start: Start) -> None:
    """`set_weights` returns once the old workers accept no more."""
    made = start()

    for side, other in (("green", "blue"), ("blue", "green")) * 3:
        proxy.set_weights(made["directory"], {side: 1, other: 0})
        answers = Counter(call(made["url"])[1]["name"] for _ in range(40))
        assert answers == {side: 40}
        assert proxy.read_weights(made["directory"]) == {side: 1, other: 0}


def test_an_update_changes_upstreams_and_test_listener_in_place(
    start: Start, inputs: Properties, upstreams: dict[str, Upstream]
) -> None:
    """The same nginx, on the same ports."""
    made = start(upstreams={"blue": upstreams["blue"].address}, weights={"blue": 1})

    after = proxy.update(URN, made, made, {**inputs, "weights": {"green": 1}, "test_upstream": "green"}, never)

    assert after["pid"] == made["pid"]
    assert after["test_url"] == made["test_url"]
    assert [call(after[name])[1]["name"] for name in ("url", "test_url")] == ["green", "green"]


def test_a_split_moved_outside_is_read_back_and_survives_an_update(start: Start, inputs: Properties) -> None:
    """Only a program that changes the weights changes the split."""
    made = start()
    proxy.set_weights(made["directory"], {"blue": 5, "green": 95})

    found = proxy.read("edge", inputs, made)
    after = proxy.update(URN, made, inputs, {**inputs, "test_upstream": "green"}, never)
    changed = proxy.update(URN, after, inputs, {**inputs, "weights": {"blue": 1, "green": 1}}, never)

    assert found is not None
    assert found.inputs["weights"] == found.outputs["weights"] == {"blue": 5, "green": 95}
    assert after["weights"] == {"blue": 5, "green": 95}
    assert changed["weights"] == proxy.read_weights(made["directory"]) == {"blue": 1, "green": 1}


@pytest.mark.parametrize("refusal", ["by its check", "while it runs"])
def test_a_refused_change_leaves_the_old_configuration_running(start: Start, inputs: Properties, refusal: str) -> None:
    """Both what nginx cannot read and what it cannot listen on; the next change is not affected."""
    made = start()
    before = nginx.settings_in_use(Path(made["directory"]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        changes = {
            "by its check": {"upstreams": {"blue": "no-such-host.invalid:80"}, "weights": {"blue": 1}},
            "while it runs": {"test_port": taken.getsockname()[1]},
        }
        with pytest.raises(MachineError, match="nginx refuse"):
            proxy.update(URN, made, inputs, {**inputs, **changes[refusal]}, never)

    assert nginx.settings_in_use(Path(made["directory"])) == before
    assert call(made["url"])[1]["name"] == "blue"
    proxy.set_weights(made["directory"], {"green": 1})
    assert call(made["url"])[1]["name"] == "green"


@pytest.mark.parametrize(
    ("weights", "problem"),
    [({"blue": 0}, "at least one"), ({"red": 1}, "give traffic to red"), ({"blue": -1}, "whole numbers, 0 or more")],
)
def test_weights_that_do_not_fit_are_refused(start: Start, weights: dict[str, int], problem: str) -> None:
    """And nothing moves."""
    made = start()

    with pytest.raises(MachineError, match=problem):
        proxy.set_weights(made["directory"], weights)

    assert proxy.read_weights(made["directory"]) == {"blue": 100, "green": 0}


def test_where_no_proxy_is_there_is_no_split(tmp_path: Path) -> None:
    """Reading says None; moving says what to do."""
    assert proxy.read_weights(tmp_path) is None
    with pytest.raises(MachineError, match=r"no nginx runs in .*\nhint: bring it back with: ./trimaran up"):
        proxy.set_weights(tmp_path, {"blue": 1})


def test_a_configuration_that_somebody_edited_is_named(start: Start) -> None:
    """Its split is not guessed."""
    made = start()
    text = Path(made["config_file"]).read_text()
    Path(made["config_file"]).write_text(text.partition("\n")[2])

    with pytest.raises(MachineError, match=r"nginx.conf cannot be read: not a configuration written by"):
        proxy.read_weights(made["directory"])


# Making and ending it


def test_a_taken_port_is_an_error_that_names_who_and_what_to_do(inputs: Properties) -> None:
    """Never silently another port."""
    with socket.create_server(("127.0.0.1", inputs["port"])):
        message = failure(inputs)

    first, hint = message.splitlines()
    assert first.startswith(f"port {inputs['port']} on 127.0.0.1 is already in use by ")
    assert first.endswith(f"(pid {os.getpid()})")
    other = int(hint.split()[-3])
    assert hint == f"hint: choose another with: ./trimaran pulumi config set trimaran:port {other} --stack local"
    assert ports.is_free("127.0.0.1", other)
    assert not Path(inputs["directory"]).exists()


def test_a_lost_race_for_the_test_port_takes_another(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the provider's own choice, so it may choose again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        offers = iter([taken.getsockname()[1], ports.free_port()])
        monkeypatch.setattr(ports, "free_port", lambda: next(offers))

        made = start()

    assert probe.get(made["test_url"]).status == 503


def test_a_create_that_fails_leaves_no_file(inputs: Properties) -> None:
    """nginx checks the configuration before it starts."""
    message = failure({**inputs, "upstreams": {"blue": "no-such-host.invalid:80"}})

    assert "nginx refuses the configuration" in message
    assert "host not found in upstream" in message
    assert not Path(inputs["directory"]).exists()


def test_an_unusable_folder_is_named(inputs: Properties) -> None:
    """One clear sentence instead of a traceback."""
    assert "nginx cannot use /proc/nowhere: " in failure({**inputs, "directory": "/proc/nowhere"})


def test_a_cancelled_create_leaves_nothing(inputs: Properties, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a process nor a file, even if nginx would have served a moment later."""
    monkeypatch.setattr(probe, "get", lambda *_, **__: probe.Reply(0, ""))

    with pytest.raises(MachineError, match="cancelled"):
        proxy.create(URN, inputs, lambda: True)

    assert processes_under(tmp_path) == []
    assert not Path(inputs["directory"]).exists()


def test_two_proxies_do_not_share_a_folder(start: Start, inputs: Properties) -> None:
    """The second must not overwrite what the first runs on."""
    made = start()

    message = failure({**inputs, "port": ports.free_port()})

    assert message == f"another nginx, pid {made['pid']}, already runs in {inputs['directory']}"
    assert call(made["url"])[0] == 200


def test_nothing_outside_its_folder_is_touched_and_all_in_it_is_private(start: Start) -> None:
    """No system log, no system temp folder."""
    made = start()
    directory = Path(made["directory"])
    session = [pid for pid, stat in sessions.processes() if stat.session == made["pid"]]

    opened = {os.readlink(link) for pid in session for link in Path(f"/proc/{pid}/fd").iterdir()}
    files = {path for path in opened if path.startswith("/") and not path.startswith(("/dev/", "/memfd"))}

    assert len(session) == 3
    assert files == {str(directory / "error.log")}
    assert directory.stat().st_mode & 0o077 == 0
    assert Path(made["config_file"]).stat().st_mode & 0o077 == 0


def test_delete_lets_a_running_request_finish(inputs: Properties, upstreams: dict[str, Upstream]) -> None:
    """New ones are refused meanwhile; afterwards only the error log is left."""
    resource_id, made = proxy.create(URN, inputs, never)
    upstreams["blue"].proceed.clear()
    stream = http.client.HTTPConnection(made["url"].removeprefix("http://"), timeout=20)
    stream.request("GET", "/stream")
    response = stream.getresponse()
    threading.Timer(0.5, upstreams["blue"].proceed.set).start()

    proxy.delete(resource_id, made)

    assert response.read() == STREAM
    assert not runs(made["pid"])
    assert [path.name for path in Path(made["directory"]).iterdir()] == ["error.log"]
    proxy.delete(resource_id, made)


def test_a_killed_master_is_read_as_gone_and_its_workers_are_ended(start: Start, inputs: Properties) -> None:
    """Its workers would go on serving and hold the port; the split it had can still be read."""
    made = start()
    os.kill(made["pid"], signal.SIGKILL)
    os.waitpid(made["pid"], 0)
    assert call(made["url"])[0] == 200

    assert proxy.read("edge", inputs, made) is None

    assert ports.is_free("127.0.0.1", made["port"])
    assert proxy.read_weights(made["directory"]) == {"blue": 100, "green": 0}


def test_an_update_of_a_dead_proxy_starts_it_again(start: Start, inputs: Properties) -> None:
    """On the same ports, so that nobody has to be told."""
    made = start()
    os.kill(made["pid"], signal.SIGKILL)
    os.waitpid(made["pid"], 0)

    after = proxy.update(URN, made, inputs, {**inputs, "test_upstream": "green"}, never)

    assert (after["url"], after["test_url"]) == (made["url"], made["test_url"])
    assert call(after["test_url"])[1]["name"] == "green"
    proxy.delete("edge", after)


def test_a_strangers_process_is_neither_signalled_nor_believed(start: Start, inputs: Properties) -> None:
    """The state knows an earlier process of that number."""
    made = start()
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    stat = sessions.stat_of(bystander.pid)
    assert stat is not None
    earlier = {**made, "pid": bystander.pid, "start_time": stat.start_time - 1}

    assert proxy.read("edge", inputs, earlier) is None

    assert bystander.poll() is None
    assert call(made["url"])[0] == 200
    bystander.kill()
    bystander.wait()


# What the engine asks


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("host", "localhost", "IPv4"),
        ("port", 0.0, "from 1 to 65535"),
        ("port", "8080", "from 1 to 65535"),
        ("test_port", -1.0, "to 65535"),
        ("directory", "nginx", "absolute path"),
        ("directory", '/a"b', "absolute path"),
        ("upstreams", {}, "must map names"),
        ("upstreams", {"blue": "127.0.0.1"}, "blue to host:port"),
        ("upstreams", {"blue": "127.0.0.1:1; evil"}, "blue to host:port"),
        ("upstreams", {"blue": "127.0.0.1:1", "Up;": "127.0.0.1:1"}, "a letter first"),
        ("weights", {"blue": 0.0}, "at least one"),
        ("weights", {"blue": 0.5}, "whole numbers"),
        ("weights", None, "whole numbers"),
        ("weights", {"blue": 1.0, "green": 1.0}, "give traffic to green"),
        ("test_upstream", "green", "not among the upstreams"),
        ("colour", "blue", "is not an input"),
    ],
)
def test_check_names_the_wrong_input(name: str, value: Any, problem: str) -> None:
    """One clear sentence each."""
    good = {"port": 80.0, "directory": "/a", "upstreams": {"blue": "127.0.0.1:1"}, "weights": {"blue": 1.0}}

    _, failures = proxy.check({**good, name: value})

    assert [(failed, problem in reason) for failed, reason in failures] == [(name, True)]


def test_preview_foretells_what_is_known(inputs: Properties, tmp_path: Path) -> None:
    """A new upstream address may be unknown; the proxy's own addresses stay."""
    unknown, failures = proxy.check({**inputs, "upstreams": {"blue": UNKNOWN}})
    old = {**inputs, "pid": 7, "test_port": 81, "test_url": "http://127.0.0.1:81"}

    fresh = proxy.preview(unknown, None)
    after = proxy.preview(unknown, old)

    assert failures == []
    assert (fresh["url"], fresh["test_url"], fresh["pid"]) == (f"http://127.0.0.1:{inputs['port']}", UNKNOWN, UNKNOWN)
    assert (after["test_url"], after["pid"]) == ("http://127.0.0.1:81", 7)
    assert processes_under(tmp_path) == []
    assert not Path(inputs["directory"]).exists()


@pytest.mark.parametrize(
    ("changes", "anew", "in_place"),
    [
        ({}, [], []),
        ({"port": 81}, ["port"], []),
        ({"weights": {"green": 1}, "test_upstream": "green"}, [], ["weights", "test_upstream"]),
    ],
)
def test_only_another_address_or_folder_needs_another_nginx(
    inputs: Properties, changes: Properties, anew: list[str], in_place: list[str]
) -> None:
    """And then the old one has to let go first."""
    change = proxy.diff(inputs, {**inputs, **changes})

    assert (change.anew, change.in_place, change.delete_first) == (anew, in_place, True)


@pytest.mark.alone
def test_reloads_are_quick(start: Start) -> None:
    """A promotion moves the split several times; without long streams a move takes well under a second."""
    made = start()
    began = time.monotonic()

    proxy.set_weights(made["directory"], {"blue": 1, "green": 1})

    assert time.monotonic() - began < 4
