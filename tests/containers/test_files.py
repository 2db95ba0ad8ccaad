"""The compose files by themselves: valid, closed by default, complete, and of one mind with the app and with the target `local`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.api.listen import KEEP_ALIVE_S
from app.inference.variants import VARIANTS
from app.settings import PREFIX, Settings
from providers.machine.nginx_config import ProxySettings, Server, render
from tests.containers import compose
from tests.containers.compose import BASE, FOLDER, GPU, TLS

# What each overlay wants to be told.
NEEDED = {
    (): {},
    (TLS,): {"TRIMARAN_API_KEYS_FILE": "/keys", "TLS_CERTIFICATE_FILE": "/crt", "TLS_KEY_FILE": "/key"},
    (GPU,): {"MODEL_NAME": "Qwen/Qwen2.5-7B-Instruct", "MODEL_REVISION": "a09a35458c702b33eeacc393d103063234e8bc28"},
}
TOPOLOGIES = [
    pytest.param(overlays, environment, id=" ".join(overlays) or BASE) for overlays, environment in NEEDED.items()
]


@pytest.mark.parametrize("name", sorted(file.name for file in FOLDER.glob("compose*.yaml")))
def test_a_file_is_valid(name: str) -> None:
    """By the specification's schema, as check-jsonschema carries it."""
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FOLDER / name)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def docker(*words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["docker", "compose", *words]
    passed = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home()), **environment}
    return subprocess.run(command, env=passed, capture_output=True, text=True, check=False, timeout=60)


needs_docker = pytest.mark.skipif(
    shutil.which("docker") is None or docker("version", environment={}).returncode != 0,
    reason="docker compose is not installed: without it the files are read by the tests' own reader alone",
)


@needs_docker
@pytest.mark.parametrize(("overlays", "environment"), TOPOLOGIES)
def test_docker_reads_them_as_these_tests_do(overlays: tuple[str, ...], environment: dict[str, str]) -> None:
    """Variables, commands, health checks and files: else the tests would try something else than what Docker starts."""
    environment = {**environment, "OPENAI_API_KEY": "sk-1", "GROQ_API_KEY": ""}
    files = [word for name in (BASE, *overlays) for word in ("-f", str(FOLDER / name))]
    done = docker(*files, "config", "--format", "json", environment=environment)
    assert done.returncode == 0, done.stderr
    theirs, ours = json.loads(done.stdout), compose.read(environment, *overlays)
    assert theirs["services"].keys() == ours["services"].keys()
    for name, service in ours["services"].items():
        assert _seen(theirs["services"][name]) == _seen(service)
    for kind in ("secrets", "configs"):
        files_of = {name: str((FOLDER / each["file"]).resolve()) for name, each in ours[kind].items()}
        assert {name: each["file"] for name, each in theirs[kind].items()} == files_of


def _seen(service: dict[str, Any]) -> dict[str, Any]:
    """What a sandbox makes use of, in one form: Docker escapes a dollar when it writes, and gives no value to what is not there."""
    keys = ("command", "entrypoint", "user", "tmpfs", "read_only", "cap_drop", "stop_signal")
    seen = {key: service.get(key) or None for key in keys}
    seen["environment"] = {name: value for name, value in service.get("environment", {}).items() if value is not None}
    seen["test"] = service.get("healthcheck", {}).get("test")
    return json.loads(json.dumps(seen).replace("$$", "$"))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("overlays", "environment"), TOPOLOGIES)
def test_every_service_is_bounded_and_closed(overlays: tuple[str, ...], environment: dict[str, str]) -> None:
    """Nothing to write to but what is named, no capability, no way to more rights, a limit of memory and of processes."""
    for service in compose.read(environment, *overlays)["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert "privileged" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] in ("unless-stopped", "no")
        assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()


def test_only_loopback_is_published() -> None:
    """And of nginx alone, unless the overlay with TLS and keys is asked for."""
    services = compose.read({"PORT": "9999"})["services"]
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "nginx": ["127.0.0.1:9999:8080"]
    }
    assert [name for name, service in services.items() if "front" in service.get("networks", ())] == [
        "llm-api",
        "nginx",
    ]


@pytest.mark.parametrize("missing", list(NEEDED[TLS,]))
def test_the_open_topology_asks_for_keys_and_a_certificate(missing: str) -> None:
    """It is not started without any of them, and the app takes nobody without a key."""
    environment = NEEDED[TLS,]
    opened = compose.read(environment, TLS)["services"]["llm-api"]["environment"]
    assert opened["TRIMARAN_ALLOW_NO_KEYS"] == "0"
    assert opened["TRIMARAN_API_KEYS_FILE"] == "/run/secrets/api_keys"
    with pytest.raises(ValueError, match=f"{missing}: set it to"):
        compose.read({name: value for name, value in environment.items() if name != missing}, TLS)


def test_the_app_knows_every_variable() -> None:
    """A name that it does not read would be believed; every adapter's usual key comes through, each by itself."""
    for overlays, environment in NEEDED.items():
        given = compose.read(environment, *overlays)["services"]["llm-api"]["environment"]
        known = {PREFIX + name.upper() for name in Settings.model_fields}
        assert {name for name in given if name.startswith(PREFIX)} <= known
    usual = {variant.key_env for variant in VARIANTS.values() if variant.key_env} | {"ANTHROPIC_API_KEY"}
    for name in usual:
        given = compose.read({name: "sk-1"})["services"]["llm-api"]["environment"]
        assert given.get(name) == "sk-1"
        assert not (usual - {name}) & given.keys()


def test_a_gpu_is_reserved() -> None:
    """And with it the app's own vLLM, not OpenAI's model of that name."""
    service = compose.read(NEEDED[GPU,], GPU)["services"]["llm-api"]
    assert service["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    ]
    named = {name: service["environment"][PREFIX + name] for name in ("ENGINE", "ENGINE_MODEL", "MODEL_NAME")}
    assert named == {"ENGINE": "vllm", "ENGINE_MODEL": "Qwen/Qwen2.5-7B-Instruct", "MODEL_NAME": ""}


def _directives(text: str) -> list[str]:
    """nginx's lines without the space around them and the comments behind them."""
    return [line.partition("  #")[0].strip() for line in text.splitlines()]


def test_nginx_does_to_a_request_what_the_target_local_does() -> None:
    """One app, one edge: what is set for a request, a connection, a WebSocket, and what nginx answers by itself."""
    settings = ProxySettings(
        host="127.0.0.1", port=1, test_port=2, upstreams={"blue": "h:1"}, weights={"blue": 1}, test_upstream=""
    )
    local = _directives(render(settings, Server(user=None, open_files=1), directory=Path("/d"), generation="g"))
    here = _directives("".join((FOLDER / "nginx" / name).read_text() for name in ("nginx.conf", "server.conf")))
    shared = re.compile(
        r"proxy_(?!pass|next_upstream|temp_path)|keepalive_timeout 620s|map |default |~\*|websocket |error_page|location @"
    )
    wanted = {
        line for line in local if shared.match(line) and "conversation" not in line and "$http_x_session_id" not in line
    }
    assert len(wanted) > 30
    other = {line for line in wanted - set(here) if not line.startswith("location @own_413")}
    assert other == set()


def test_idle_connections_are_closed_by_who_sends_requests() -> None:
    """nginx lets go of the app's before the app does, or a request would meet one that is being closed."""
    text = (FOLDER / "nginx" / "nginx.conf").read_text()
    [upstream] = re.findall(r"upstream app \{.*?\n    \}", text, re.DOTALL)
    [kept_s] = re.findall(r"keepalive_timeout (\d+)s;", upstream)
    assert int(kept_s) < KEEP_ALIVE_S
