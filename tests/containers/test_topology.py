"""The whole topology as real processes: nginx, the app and Redis with the very files and variables that Docker would give them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from tests.api.serving import CHAT, MESSAGES, STREAM
from tests.api.upstream import DONE, USAGE_CHUNK, Exchange, chunk, complete, cut
from tests.containers.compose import TLS
from tests.containers.network import why_not
from tests.containers.topology import APP, NGINX, Topology, made, model, started, with_routes

WHY_NOT = why_not()
pytestmark = [pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT), pytest.mark.xdist_group("compose")]

PATH = "/v1/chat/completions"
BODY_BYTES = 20 * 2**20  # what nginx takes
LARGE = (
    24 * 2**20
)  # more than the kernel holds between two processes, at most 6 MB where one reads and 4 MB where one writes (tcp(7))
REPLICAS = ("127.0.0.2", "127.0.0.3")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """With one model, a server of the test's."""
    folder = tmp_path_factory.mktemp("compose")
    with made(folder, with_routes(folder)) as topology:
        started(topology)
        yield topology


async def answer_of(response: Any) -> tuple[int, str]:
    """Status and code of an error in OpenAI's shape."""
    async with response as answered:
        assert answered.content_type == "application/json"
        error = (await answered.json())["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return answered.status, error["code"]


# What answers


async def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    """Then the embedded model answers, and every service is healthy by its own check."""
    with made(tmp_path, {}) as topology:
        started(topology)
        async with topology.client() as client, client.post(PATH, json={**CHAT, "max_tokens": 4}) as response:
            assert response.status == 200
            assert (await response.json())["choices"][0]["message"]["content"]
            assert response.headers["x-trimaran-backend"] == "embedded"
        topology.kill("redis")
        topology.kill(APP)
        assert not any(topology.sandbox.is_healthy(name) for name in ("redis", APP, NGINX))


async def test_a_key_and_a_models_name_are_enough(tmp_path: Path) -> None:
    """Then nothing but that model of OpenAI's answers."""
    with made(tmp_path, {"OPENAI_API_KEY": "sk-1", "MODEL_NAME": "gpt-4o-mini"}) as topology:
        started(topology)
        async with topology.client() as client, client.get("/v1/routes") as response:
            models = (await response.json())["models"]
    answering = {name: [(each["adapter"], each["model"]) for each in models[name]["backends"]] for name in models}
    assert answering == {"chat": [("openai", "gpt-4o-mini")]}


def test_a_models_name_without_a_key_is_refused(tmp_path: Path) -> None:
    """The app says what is missing, and nginx does not start before it."""
    with made(tmp_path, {"MODEL_NAME": "gpt-4o-mini"}) as topology, pytest.raises(AssertionError) as raised:
        started(topology)
    assert "its key is missing: set the environment variable OPENAI_API_KEY, or OPENAI_API_KEY_FILE" in str(
        raised.value
    )
    assert NGINX not in topology.running


async def test_secrets_stand_in_files(tmp_path: Path) -> None:
    """A caller's key and the vendor's: the first is asked for, and neither is a variable of the service."""
    (tmp_path / "keys").write_text("ci=sk-caller\n")
    (tmp_path / "vendor").write_text("sk-vendor\n")
    routes = with_routes(tmp_path, ROUTES_WITH_KEY)
    files = {"TRIMARAN_API_KEYS_FILE": str(tmp_path / "keys"), "OPENAI_API_KEY_FILE": str(tmp_path / "vendor")}
    with made(tmp_path, {**routes, **files}) as topology:
        started(topology)
        async with model(topology) as up, topology.client() as client:
            assert (await answer_of(client.post(PATH, json=CHAT)))[0] == 401
            headers = {"authorization": "Bearer sk-caller"}
            async with client.post(PATH, json=CHAT, headers=headers) as response:
                assert response.status == 200
    assert [each.headers["authorization"] for each in up.requests] == ["bearer sk-vendor"]
    assert "sk-" not in json.dumps(topology.sandbox.topology)


ROUTES_WITH_KEY = """
version: 1
backends: {up: {adapter: openai_compatible, base_url: 'http://127.0.0.9:9000/v1', model: mock-1, key_env: OPENAI_API_KEY}}
models: {chat: {backends: [{use: up}]}}
default_model: chat
"""


async def test_redis_is_the_replicas_own(tmp_path: Path) -> None:
    """Nobody reads it without the password that was made for it, and an open circuit stands there, so the app has that password."""
    with made(tmp_path, with_routes(tmp_path)) as topology:
        started(topology)
        async with model(topology, cut), topology.client() as client:
            for _ in range(8):
                async with client.post(PATH, json=CHAT) as response:
                    assert response.status >= 500
        password = (tmp_path / "redis-password" / "password").read_text()
        topology.wait(APP, lambda: b"trimaran:circuit:" in said_by_redis(topology, f"AUTH {password}", "KEYS *"))
        assert said_by_redis(topology, "KEYS *").startswith(b"-NOAUTH")
        told = said_by_redis(topology, f"AUTH {password}", "CONFIG GET maxmemory*")
    assert re.fullmatch(r"[0-9a-f]{64}", password)
    assert (b"67108864" in told, b"volatile-ttl" in told) == (True, True)


def said_by_redis(topology: Topology, *commands: str) -> bytes:
    with topology.network.connected(6379, "127.0.0.5") as redis, redis.makefile("rb") as said:
        redis.sendall("".join(f"{command}\r\n" for command in [*commands, "QUIT"]).encode())
        return said.read()


# What passes nginx


async def test_a_stream_arrives_token_by_token(running: Topology) -> None:
    """Each one is here before the next is made."""
    here = asyncio.Queue[None]()

    async def play(exchange: Exchange) -> None:
        await exchange.head()
        for word in ("one", "two", "three"):
            await exchange.send(chunk(word))
            await here.get()
        await exchange.send(chunk("", "stop") + USAGE_CHUNK + DONE)

    words = []
    async with asyncio.timeout(60), model(running, play), running.client() as client:
        response = await client.post(PATH, json=STREAM)
        async for line in response.content:
            if found := re.search(rb'"content": ?"(\w+)"', line):
                words.append(found[1].decode())
                here.put_nowait(None)
    assert words == ["one", "two", "three"]


async def test_a_web_socket_is_upgraded(running: Topology) -> None:
    """And its deltas arrive one by one as well."""
    here = asyncio.Event()

    async def play(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.send(chunk("one"))
        await here.wait()
        await exchange.send(chunk("two") + chunk("", "stop") + USAGE_CHUNK + DONE)

    told: list[dict[str, Any]] = []
    async with asyncio.timeout(60), model(running, play):
        with running.network.connected(8080) as plain:
            async with connect("ws://127.0.0.1:8080/v1/chat/socket", sock=plain) as talk:
                await talk.send(json.dumps({"type": "chat", "id": "1", "messages": MESSAGES}))
                while not told or told[-1]["type"] != "end":
                    told.append(json.loads(await talk.recv()))
                    if told[-1].get("content") == "one":
                        here.set()
    assert [each["content"] for each in told if each["type"] == "delta"] == ["one", "two"]


def exchanged(running: Topology, head: str, body: bytes = b"") -> tuple[int, Any]:
    """The status and the JSON of the answer to a request on a connection of its own."""
    with running.network.connected(8080) as plain:
        plain.sendall(f"{head}\r\nhost: 127.0.0.1\r\n\r\n".encode() + body)
        response = HTTPResponse(plain)
        response.begin()
        return response.status, json.loads(response.read())


def test_more_than_20_mb_are_refused_in_json(running: Topology) -> None:
    """By the length that is told, before anything of it is sent, and by what comes where none is told."""
    told = exchanged(running, f"POST {PATH} HTTP/1.1\r\ncontent-length: {BODY_BYTES + 1}")
    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (BODY_BYTES + 1, bytes(BODY_BYTES + 1))
    found = exchanged(running, f"POST {PATH} HTTP/1.1\r\ntransfer-encoding: chunked", whole)
    for status, answer in (told, found):
        assert status == 413
        assert answer["error"]["message"] == "The request body is larger than 20 MB."


async def test_20_mb_are_taken(running: Topology) -> None:
    """To the byte."""
    body = json.dumps(CHAT).encode().rjust(BODY_BYTES)
    async with model(running), running.client() as client:
        response = await client.post(PATH, data=body, headers={"content-type": "application/json"})
    assert response.status == 200


def table_of(topology: Topology) -> list[list[str]]:
    """The kernel's table of sockets in that network: of each its address, the other side's, its state and what is in its queues."""
    words = topology.network.joining(["cat", "/proc/net/tcp"])
    rows = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    return [row.split()[1:5] for row in rows]


def connections(topology: Topology, port: int) -> set[str]:
    """Those to this port that are open: the addresses from which they came."""
    rows = table_of(topology)
    return {local for local, remote, state, _ in rows if remote.endswith(f":{port:04X}") and state == "01"}


def unsent_bytes(topology: Topology) -> int:
    """What the app has written and nginx has not taken."""
    queues = [queues for local, _, state, queues in table_of(topology) if local.endswith(":1F40") and state == "01"]
    return sum(int(each.partition(":")[0], 16) for each in queues)


async def test_who_sends_slowly_holds_nothing_of_the_app(running: Topology) -> None:
    """A hundred bodies that do not end wait in nginx: the app sees none of them, and others are served."""
    half = json.dumps(CHAT).encode()
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {2 * len(half)}\r\n\r\n".encode()
    before = connections(running, 8000)
    slow = [running.network.connected(8080) for _ in range(100)]
    for each in slow:
        each.sendall(head + half)
    async with model(running), running.client() as client, client.post(PATH, json=CHAT) as response:
        assert response.status == 200
    assert len(connections(running, 8000) - before) <= 1
    for each in slow:
        each.sendall(half)
    for each in slow:
        assert each.recv(12).startswith(b"HTTP/1.1 ")
        each.close()


async def test_who_reads_slowly_holds_nothing_of_the_app(running: Topology) -> None:
    """A whole answer leaves the app though its caller takes none of it."""
    large = {**json.loads(WHOLE), "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * LARGE}}]}
    body = json.dumps(CHAT).encode()
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n".encode()

    async def play(exchange: Exchange) -> None:
        await exchange.json(large)

    async with model(running, play) as up, running.client() as client:
        before = await finished(client)
        with running.network.connected(8080, received_bytes=4096) as slow:
            slow.sendall(head + body)
            async with asyncio.timeout(60):
                while await finished(client) == before or unsent_bytes(running):
                    await asyncio.sleep(0.05)
    assert len(up.requests) == 1


WHOLE = '{"id": "c1", "object": "chat.completion", "created": 1, "model": "mock-1"}'


async def finished(client: aiohttp.ClientSession) -> float:
    """Requests that the app has answered and is rid of."""
    async with client.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    ok = [line for line in lines if line.startswith("trimaran_requests_total{") and 'outcome="ok"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in ok)


async def test_too_many_requests_are_told_to_come_back(tmp_path: Path) -> None:
    """In JSON, with the time after which; here no app is needed for it."""
    with made(tmp_path, {}) as topology:
        topology.start(NGINX)
        topology.wait(NGINX, lambda: topology.answers(8080))
        async with topology.client() as client:
            answers = await asyncio.gather(*(asked(client, "/health/live") for _ in range(2000)))
    assert {status for status, _ in answers} == {429, 502}
    assert {retry for status, retry in answers if status == 429} == {"1"}


async def asked(client: aiohttp.ClientSession, path: str) -> tuple[int, str | None]:
    async with client.get(path) as response:
        assert "error" in await response.json()
        return response.status, response.headers.get("retry-after")


# What dies


async def test_a_dead_app_is_a_502_in_json(running: Topology) -> None:
    """Until it is back, which nginx sees by itself."""
    running.kill(APP)
    async with model(running), running.client() as client:
        for call in (client.post(PATH, json=CHAT), client.get("/v1/models")):
            assert await answer_of(call) == (502, "unreachable")
        running.start(APP)
        running.healthy(APP)
        async with client.post(PATH, json=CHAT) as response:
            assert response.status == 200


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Topology]:
    """Two replicas of the app under one name, as `--scale llm-api=2` makes them."""
    with made(tmp_path, with_routes(tmp_path), hosts={APP: list(REPLICAS)}) as topology:
        topology.start("redis-password")
        assert topology.running.pop("redis-password").wait(20) == 0
        topology.start("redis")
        for host in REPLICAS:
            topology.start(APP, called=host, changed={"TRIMARAN_HOST": host})
        for host in REPLICAS:
            topology.wait(host, lambda host=host: topology.answers(8000, host))  # type: ignore[misc]
        topology.start(NGINX)
        topology.wait(NGINX, lambda: topology.answers(8080))
        yield topology


async def test_the_other_replica_answers_for_a_dead_one(two: Topology) -> None:
    """Every request, those that change something too: they had not been sent."""
    two.kill(REPLICAS[0])
    async with model(two) as up, two.client() as client:
        for _ in range(20):
            async with client.post(PATH, json=CHAT) as response:
                assert response.status == 200
    assert len(up.requests) == 20


async def test_a_request_that_was_sent_is_not_sent_again(two: Topology) -> None:
    """Its replica dies over it: an honest 502, and the model is not asked, and paid, a second time."""
    proceed = asyncio.Event()

    async def play(exchange: Exchange) -> None:
        await proceed.wait()
        await complete(exchange)

    async with asyncio.timeout(60), model(two, play) as up, two.client() as client:
        calls = [asyncio.create_task(status_of(client)) for _ in range(2)]
        while len(up.requests) < 2:  # the least busy one is asked: one each
            await asyncio.sleep(0.01)
        two.kill(REPLICAS[0])
        [lost] = (await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED))[0]
        proceed.set()
        statuses = [await call for call in calls]
    assert lost.result() == 502
    assert sorted(statuses) == [200, 502]
    assert len(up.requests) == 2


async def status_of(client: aiohttp.ClientSession) -> int:
    async with client.post(PATH, json=CHAT) as response:
        await response.read()
        return response.status


# What stays open


async def test_idle_connections_are_used_again(running: Topology) -> None:
    """After longer than the 5 s for which servers keep them where nobody says otherwise: none is opened anew on either side of nginx."""
    async with model(running), running.client() as client:
        first = await asyncio.gather(*(status_of(client) for _ in range(8)))
        before = connections(running, 8080), connections(running, 8000)
        await asyncio.sleep(6)
        second = await asyncio.gather(*(status_of(client) for _ in range(8)))
        after = connections(running, 8080), connections(running, 8000)
    assert {*first, *second} == {200}
    assert after == before
    assert min(map(len, after)) > 0


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_idle_connections_are_used_again_after_ten_minutes(tmp_path: Path) -> None:
    """Also while nginx is letting go of them, a little before the app would. Ten minutes are what is tested."""
    with made(tmp_path, with_routes(tmp_path)) as topology:
        started(topology)
        async with model(topology), topology.client() as client:
            statuses = await asyncio.gather(*(status_of(client) for _ in range(32)))
            await asyncio.sleep(597)
            for _ in range(40):
                statuses += await asyncio.gather(*(status_of(client) for _ in range(8)))
                await asyncio.sleep(0.2)
    assert set(statuses) == {200}


# To others


async def test_it_is_open_to_others_over_tls_with_a_key(tmp_path: Path) -> None:
    """With the overlay, by any name, and to nobody without a key."""
    certificate, key = tmp_path / "crt.pem", tmp_path / "key.pem"
    words = ["-newkey", "rsa:2048", "-noenc", "-days", "1", "-subj", "/CN=chat.example"]
    made_by = ["openssl", "req", "-x509", *words, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made_by, check=True, capture_output=True)
    (tmp_path / "keys").write_text("ci=sk-caller\n")
    named = {"TRIMARAN_API_KEYS_FILE": tmp_path / "keys", "TLS_CERTIFICATE_FILE": certificate, "TLS_KEY_FILE": key}
    environment = with_routes(tmp_path) | {name: str(file) for name, file in named.items()}
    with made(tmp_path, environment, TLS) as topology:
        started(topology)
        async with model(topology), topology.client() as client:
            for headers, status in (({}, 401), ({"x-api-key": "sk-caller"}, 200)):
                call = client.post(
                    f"https://127.0.0.1:8443{PATH}", json=CHAT, ssl=False, headers={"host": "chat.example", **headers}
                )
                async with call as response:
                    assert response.status == status
