"""The app's own vLLM: real processes and sockets around a scripted `vllm`, because there is no GPU here."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engines.child import ModelServer
from app.engines.given import _weights
from app.engines.keeper import watch
from app.engines.vllm import program
from app.logic.routes import RoutesError
from app.settings import Settings
from tests.api.process import ROOT, Process, refused
from tests.api.upstream import upstream
from tests.clock import PATIENCE_S
from tests.engines.vllm_app import ARGS, CHAT, MODEL, REVISION, Installed, alive, asked, ready, running, without_vllm

FALLBACK = """
version: 1
backends:
  own: {{adapter: vllm, model: {model}}}
  small: {{adapter: openai_compatible, model: small, base_url: "{url}"}}
models: {{chat: {{backends: [{{use: own}}, {{use: small}}]}}}}
default_model: chat
"""


@pytest.fixture
def vllm(tmp_path: Path) -> Installed:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Installed(folder)


async def until(holds: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.02)


async def becomes_ready(app: Process) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await ready(app))[0] != 200:
            await asyncio.sleep(0.02)


async def test_it_is_started_as_the_settings_say(vllm: Installed, tmp_path: Path) -> None:
    """Model and commit from the hub, the caller's own name for it, loopback alone, and the further words unchanged."""
    async with running(vllm.environment(tmp_path)):
        argv = vllm.started()["argv"]
    port = argv[argv.index("--port") + 1]
    assert argv == [
        *("serve", MODEL, "--revision", REVISION, "--served-model-name", MODEL, "--host", "127.0.0.1"),
        *("--port", port, "--disable-uvicorn-access-log", *ARGS.split()),
    ]


async def test_it_sees_no_key_of_the_app(vllm: Installed, tmp_path: Path) -> None:
    """The model server's environment has what a GPU needs, no credential, and not the way to the app's packages."""
    secrets = {"OPENAI_API_KEY": "sk-theirs", "AWS_SECRET_ACCESS_KEY": "secret", "AZURE_CLIENT_SECRET": "secret"}
    given = {"CUDA_VISIBLE_DEVICES": "0", "PYTHONPATH": str(tmp_path), **secrets}
    async with running(vllm.environment(tmp_path, given)):
        names = set(vllm.started()["environment"])
    assert {"CUDA_VISIBLE_DEVICES", "VLLM_API_KEY", "VLLM_NO_USAGE_STATS"} <= names
    assert not names & {*secrets, "PYTHONPATH", "TRIMARAN_API_KEYS"}


async def test_a_folder_of_weights_is_used_as_it_is(vllm: Installed, tmp_path: Path) -> None:
    """A folder has no revisions, and the hub is not asked."""
    weights = tmp_path / "weights"
    weights.mkdir()
    async with running(vllm.environment(tmp_path, {"TRIMARAN_ENGINE_WEIGHTS": str(weights)})) as app:
        await becomes_ready(app)
        started = vllm.started()
    assert started["argv"][:4] == ["serve", str(weights), "--served-model-name", MODEL]
    assert "HF_HUB_OFFLINE" in started["environment"]


async def test_readiness_says_what_it_waits_for(vllm: Installed, tmp_path: Path) -> None:
    """While the model loads the process is live and not ready, and says why; then it is ready."""
    vllm.script(loads_s=600)
    async with running(vllm.environment(tmp_path)) as app:
        await app.logged(f"engine {MODEL} waits for vllm to load")
        waiting = {"status": "loading", "waits_for": {MODEL: f"vllm to load {MODEL}"}}
        assert await ready(app) == (503, waiting)
    vllm.script()
    async with running(vllm.environment(tmp_path)) as app:
        await becomes_ready(app)
        assert await ready(app) == (200, {"status": "ready"})


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_it_answers_through_the_app(vllm: Installed, tmp_path: Path, stream: bool) -> None:
    """With no routes file the built-in routes lead to it, as a backend named after the model."""
    async with running(vllm.environment(tmp_path)) as app:
        await becomes_ready(app)
        status, text = await asked(app, {**CHAT, "stream": stream})
        assert (status, f"from {vllm.started()['pid']}" in text) == (200, True)
        [attempt] = (await app.logged("chat"))["attempts"]
        assert attempt["backend"] == MODEL


async def test_a_request_waits_for_the_model(vllm: Installed, tmp_path: Path) -> None:
    """A caller who comes while it loads is answered when it has."""
    vllm.script(loads_s=1)
    async with running(vllm.environment(tmp_path)) as app:
        assert (await ready(app))[0] == 503
        assert (await asked(app))[0] == 200


async def test_what_it_writes_is_in_the_log(vllm: Installed, tmp_path: Path) -> None:
    """Line by line, a progress bar's steps too, under the engine's name."""
    async with running(vllm.environment(tmp_path)) as app:
        line = await app.logged("Loading safetensors checkpoint shards: 100%")
    assert line["engine"] == MODEL
    assert any(said["message"].endswith(" 50%") for said in app.log)


@pytest.mark.parametrize("who", ["pid", "engine"])
async def test_a_killed_server_comes_back_alone(vllm: Installed, tmp_path: Path, who: str) -> None:
    """kill -9 of the server: not ready, its engine process ends too (it would hold the GPU), a new one answers."""
    async with running(vllm.environment(tmp_path)) as app:
        await becomes_ready(app)
        first = vllm.started()
        if who == "engine":  # the process around it, which the app watches
            os.kill(_parent(first["pid"]), signal.SIGKILL)
        else:
            os.kill(first["pid"], signal.SIGKILL)
        ended = await app.logged(f"engine {MODEL} ended with status -9; it starts again")
        assert ended["level"] == "error"
        await becomes_ready(app)
        status, text = await asked(app)
        second = vllm.started()
        assert (status, f"from {second['pid']}" in text, second["pid"] != first["pid"]) == (200, True, True)
        assert not alive(first["pid"])
        assert not alive(first["engine"])


async def test_a_server_that_hangs_is_started_again(vllm: Installed, tmp_path: Path) -> None:
    """It lives and answers nobody, as with SIGSTOP: it ends with its engine process, and a new one answers."""
    words = (
        "--kind",
        "vllm",
        "--program",
        str(vllm.folder / "vllm"),
        "--model",
        MODEL,
        "--data-dir",
        str(tmp_path),
        "--probe-s",
        "0.5",
    )
    server = ModelServer(MODEL, program((*words, "--", *ARGS.split())))
    server.start()
    try:
        await until(lambda: server.base_url)
        first = vllm.started()
        os.kill(first["pid"], signal.SIGSTOP)
        await until(lambda: server.base_url is None)
        assert server.waits_for.endswith("did not answer 3 looks at its health in a row")
        await until(lambda: server.base_url)
        assert vllm.started()["pid"] != first["pid"]
        assert not alive(first["pid"])
        assert not alive(first["engine"])
    finally:
        await server.aclose()


def test_a_server_that_is_late_with_an_answer_goes_on() -> None:
    """One that was well again in time is not ended: the third look in a row counts, not the third look."""
    looks = [503, 503, 200, 503, 503, 503, 200]

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(looks.pop(0))
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    said: list[Any] = []
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as listening,
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process,
    ):
        threading.Thread(target=listening.serve_forever).start()
        watch(process, listening.server_port, "key", 0.5, said.append)
        listening.shutdown()
    assert (looks, process.returncode, len(said)) == ([200], -signal.SIGKILL, 1)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


# As vLLM 0.32.0 writes them, the last line of a traceback in the log of its engine process; read in its source 2026-12-01.
@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "ValueError: Free memory on device cuda:0 (10.2/22.03 GiB) on startup is less than desired GPU memory utilization"
            " (0.9, 19.83 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
            "too little of the GPU's memory is free (10.2/22.03 GiB, and it wants 19.83 GiB): lower --gpu-memory-utilization",
        ),
        (
            "ValueError: Available memory on node 0 (19.5/23.5 GiB) on kv cache allocation is less than requested memory for kv"
            " (1000.0 GiB). Decrease --kv-cache-memory-bytes, VLLM_CPU_KVCACHE_SPACE, or reduce CPU memory used by other processes.",
            "too little memory is free (19.5/23.5 GiB, and its cache wants 1000.0 GiB): lower VLLM_CPU_KVCACHE_SPACE",
        ),
        (
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine",
            "the model's weights leave no memory for its cache: set a shorter --max-model-len",
        ),
        (
            "ValueError: To serve at least one request with the model's max seq len (32768), (1.75 GiB KV cache is needed, which is"
            " larger than the available KV cache memory (0.6 GiB). Try increasing `gpu_memory_utilization`",
            "32768 tokens of context need 1.75 GiB of memory for its cache and 0.6 GiB are left: set a shorter --max-model-len",
        ),
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.02 GiB. GPU 0 has a total capacity of 22.03 GiB",
            "the model does not fit into the GPU's memory: set a shorter --max-model-len",
        ),
    ],
    ids=["taken", "cpu", "no-cache", "context", "weights"],
)
async def test_too_little_memory_is_one_sentence(vllm: Installed, tmp_path: Path, line: str, said: str) -> None:
    """In the log and where readiness says what it waits for, with what to do, whatever else vLLM writes after it."""
    prefix = "\033[0;36m(EngineCore pid=7)\033[0;0m ERROR 12-01 03:00:00 [core.py:1100] "
    vllm.script(fails=True, says=[prefix + line, "RuntimeError: Engine core initialization failed."])
    async with running(vllm.environment(tmp_path)) as app:
        ended = await app.logged(f"engine {MODEL} ended with status 1: {said}")
        assert ended["level"] == "error"
        assert said in (await ready(app))[1]["waits_for"][MODEL]


async def test_a_server_that_cannot_start_is_tried_again_ever_later(vllm: Installed, tmp_path: Path) -> None:
    """The app lives on, is not ready, and each wait is longer than the one before."""
    vllm.script(fails=True)
    async with running(vllm.environment(tmp_path)) as app:
        waits = [(await app.logged(f"engine {MODEL} ended"))["message"].rpartition(" in ")[2] for _ in range(3)]
        assert waits == ["0.1 s", "1 s", "5 s"]
        status, said = await ready(app)
        assert (status, said["waits_for"][MODEL]) == (503, "its next start: it ended with status 1")


async def test_requests_fail_over_while_it_is_away(vllm: Installed, tmp_path: Path) -> None:
    """Another backend answers at once; nobody waits for the model to load."""
    vllm.script(loads_s=600)
    async with upstream() as up:
        given = {"TRIMARAN_ROUTES_YAML": FALLBACK.format(model=MODEL, url=up.url)}
        async with running(vllm.environment(tmp_path, given)) as app:
            status, _ = await asked(app)
            record = await app.logged("chat")
    assert (status, [each["backend"] for each in record["attempts"]]) == (200, ["own", "small"])


@pytest.mark.parametrize("loads_s", [0, 600], ids=["answering", "loading"])
async def test_it_dies_with_the_app(vllm: Installed, tmp_path: Path, loads_s: float) -> None:
    """kill -9 of the app leaves no server and no engine process."""
    vllm.script(loads_s=loads_s)
    async with running(vllm.environment(tmp_path)) as app:
        started = vllm.started()
        if not loads_s:
            await becomes_ready(app)
        os.kill(app.pid, signal.SIGKILL)
        await until(lambda: not alive(started["pid"]) and not alive(started["engine"]))


async def test_it_is_told_to_stop_when_the_app_is(vllm: Installed, tmp_path: Path) -> None:
    """SIGTERM of the app: the server gets SIGTERM, not SIGKILL, and nothing is left."""
    async with running(vllm.environment(tmp_path)) as app:
        await becomes_ready(app)
        started = vllm.started()
        app.send_signal(signal.SIGTERM)
        assert await app.wait() == 0
    assert vllm.terminated
    assert not alive(started["pid"])
    assert not alive(started["engine"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TRIMARAN_ENGINE_MODEL": ""}, "TRIMARAN_ENGINE=vllm needs a model."),
        ({"TRIMARAN_ENGINE_ARGS": "--port=9"}, "TRIMARAN_ENGINE_ARGS holds --port, which the app sets itself."),
        ({"TRIMARAN_ENGINE_ARGS": "--chat-template 'a"}, "TRIMARAN_ENGINE_ARGS cannot be read as words"),
        ({"TRIMARAN_ENGINE_WEIGHTS": "/no/such"}, "TRIMARAN_ENGINE_WEIGHTS=/no/such is no folder on this machine."),
        ({"TRIMARAN_ENGINE": "tgi"}, "TRIMARAN_ENGINE='tgi' cannot be used"),
        ({"TRIMARAN_ROUTES_YAML": FALLBACK.format(model="other", url="http://x/v1")}, "the routes ask it for 'other'"),
        (
            {"TRIMARAN_ROUTES_YAML": FALLBACK.format(model=f"{MODEL}, revision: main", url="http://x/v1")},
            "the routes ask for revision main",
        ),
        (
            {"TRIMARAN_ROUTES_YAML": FALLBACK.format(model=MODEL, url="").replace("openai_compatible", "vllm")},
            "backends own, small would each be a vllm of the app's own",
        ),
    ],
)
async def test_what_cannot_be_started_is_one_sentence(
    vllm: Installed, tmp_path: Path, given: dict[str, str], said: str
) -> None:
    """Before the app listens."""
    error = await refused(vllm.environment(tmp_path, given))
    assert error.startswith("trimaran: ")
    assert said in error
    assert "Traceback" not in error


SAS = "sv=2026-02-06&sig=secret"
AZURE = "https://account.blob.core.windows.net"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            f"s3://b/p/?{SAS}",
            "TRIMARAN_ENGINE_WEIGHTS=s3://b/p/ is followed by a query or a fragment, which is not read",
        ),
        (f"gs://b/p#{SAS}", "TRIMARAN_ENGINE_WEIGHTS=gs://b/p is followed by a query or a fragment"),
        (f"{AZURE}/c/p?{SAS}", "neither is a SAS, for the workload's identity is used"),
        (f"{AZURE}?{SAS}", "is followed by a query or a fragment"),
        (f"https://me:{SAS}@{AZURE[8:]}/c/p", "none of the forms"),
        ("s3://b/p/../q", "holds '..', which leads out of its folder"),
        (f"{AZURE}/c/..", "holds '..', which leads out of its folder"),
        ("https://account.blob.core.usgovcloudapi.net/c/p", "has a scheme or a host that is none of the forms"),
        ("https://ACCOUNT.blob.core.windows.net/c/p", "has a scheme or a host that is none of the forms"),
        ("az://c/p", "has a scheme or a host that is none of the forms"),
        ("S3://b/p", "TRIMARAN_ENGINE_WEIGHTS=S3://b/p has a scheme or a host that is none of the forms"),
        ("s3:/x", "has a scheme or a host that is none of the forms"),
    ],
)
def test_an_address_that_cannot_be_meant_is_one_sentence(tmp_path: Path, address: str, said: str) -> None:
    """Before anything is asked, and without what may be a secret in it."""
    settings = Settings(engine="vllm", engine_model=MODEL, engine_weights=address, data_dir=tmp_path)
    with pytest.raises(RoutesError, match=re.escape(said)) as refusal:
        _weights(settings)
    assert "secret" not in str(refusal.value)
    assert "no folder" not in str(refusal.value)


def test_a_folder_may_be_named_as_no_address_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a question mark, or a colon: it is there."""
    monkeypatch.chdir(tmp_path)
    for name in ("what?", "a:/b"):
        (tmp_path / name).mkdir(parents=True)
        settings = Settings(engine="vllm", engine_model=MODEL, engine_weights=name, data_dir=tmp_path)
        assert _weights(settings) == str(tmp_path / name)


def test_a_fault_of_the_keeper_leaves_its_traceback(tmp_path: Path) -> None:
    """Although it ends with its whole group, which Python's own traceback would come too late for."""
    words = ["--parent", str(os.getpid()), "--kind", "vllm", "--program", "/no/such", "--model", MODEL]
    keeper = subprocess.Popen(
        [sys.executable, "-m", "app.engines.keeper", *words, "--data-dir", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        start_new_session=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    assert keeper.stderr is not None
    with keeper:
        keeper.stdin.write(b"key\n")
        keeper.stdin.flush()  # and left open: its end would end the keeper
        assert json.loads(keeper.stdout.readlines()[-1]) == {"status": 1}
        written = keeper.stderr.read().decode()
    assert written.startswith("Traceback")
    assert "No such file or directory: '/no/such'" in written


async def test_a_missing_program_is_one_sentence(vllm: Installed, tmp_path: Path) -> None:
    """With what to do about it."""
    said = await refused(vllm.environment(tmp_path, {"PATH": without_vllm(tmp_path)}))
    assert said.startswith("trimaran: TRIMARAN_ENGINE=vllm needs the program 'vllm', which is neither on PATH nor")
    assert "hint: run the image for GPUs, or pip install vllm" in said


def written_by_the_stack() -> dict[str, str]:
    """The environment of the app in the engine's task, as the plan of aws-ecs-dev has it."""
    plan = (ROOT / "tests/golden/plans/aws-ecs-dev.txt").read_text()
    [task] = re.findall(r"^aws:ecs/taskDefinition:TaskDefinition engine-.*\n((?:  .*\n)+)", plan, re.MULTILINE)
    values: list[tuple[str, str]] = re.findall(r"containerDefinitions\[app\]\.environment\[(\w+)\]=(.*)", task)
    return {name: json.loads(value) if value.startswith('"') else value for name, value in values}


async def test_the_app_runs_as_the_stack_starts_it(vllm: Installed, tmp_path: Path) -> None:
    """The environment of aws-ecs's engine, but for the ports, the keys and the bucket: while it loads the api is told so, then it answers."""
    weights = tmp_path / "weights"
    weights.mkdir()
    ours = {
        name: value
        for name, value in vllm.environment(tmp_path).items()
        if name in ("PATH", "TRIMARAN_PORT", "TRIMARAN_DATA_DIR", "TRIMARAN_API_KEYS")
    }
    environment = {
        **written_by_the_stack(),
        **ours,
        "TRIMARAN_HOST": "127.0.0.1",
        "TRIMARAN_METRICS_PORT": "0",
        "TRIMARAN_ENGINE_WEIGHTS": str(weights),
    }
    vllm.script(loads_s=600)
    async with running(environment) as app:
        vllm.started()
        status, text = await asked(app, {**CHAT, "model": "chat"})
        assert (status, '"code":"busy"' in text, "is loading its model" in text) == (503, True, True)
    vllm.script()
    async with running(environment) as app:
        await becomes_ready(app)
        assert (await asked(app, {**CHAT, "model": "chat"}))[0] == 200
    words = environment["TRIMARAN_ENGINE_ARGS"].split()
    assert vllm.started()["argv"][-len(words) :] == words


async def test_another_name_in_the_routes_reloads_no_weights(vllm: Installed, tmp_path: Path) -> None:
    """The routes file is read again and the backend has another name: the same server goes on, for there is room for one."""
    routes = tmp_path / "routes.yaml"
    text = "version: 1\nbackends: {{{0}: {{adapter: vllm, model: {1}}}}}\nmodels: {{chat: {{backends: [{{use: {0}}}]}}}}\ndefault_model: chat\n"
    routes.write_text(text.format("one", MODEL))
    async with running(vllm.environment(tmp_path, {"TRIMARAN_ROUTES": str(routes)})) as app:
        await becomes_ready(app)
        _, before = await asked(app)
        routes.write_text(text.format("another", MODEL))
        app.send_signal(signal.SIGHUP)
        await app.logged("read the routes")
        status, after = await asked(app)
        record = await app.logged("chat")
        assert (status, record["attempts"][0]["backend"]) == (200, "another")
        assert json.loads(after)["choices"] == json.loads(before)["choices"]  # it says its process id
