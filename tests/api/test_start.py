"""Starting: what is refused, in which words, and what a start costs."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import aiohttp
import psutil
import pytest

from app.inference.openai_compatible import OpenAICompatible
from app.routing import Routing, read_routes
from app.settings import Settings, SettingsError, from_environment
from tests.api.process import refused, running_app
from tests.api.serving import routes_to
from tests.api.upstream import upstream


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TRIMARAN_PORT": "eighty"}, "TRIMARAN_PORT='eighty' cannot be used"),
        ({"TRIMARAN_METRICS_PORT": "70000"}, "TRIMARAN_METRICS_PORT='70000' cannot be used"),
        ({"TRIMARAN_LOG_PROMPTS": "yes?"}, "TRIMARAN_LOG_PROMPTS='yes?' cannot be used"),
        ({"TRIMARAN_CORS_ORIGINS": "app.example"}, "'app.example' is not an origin such as https://app.example"),
        ({"TRIMARAN_CORS_ORIGINS": "https://a.example/page"}, "is not an origin"),
        (
            {"TRIMARAN_ENTRYPOINT": "runpod"},
            "TRIMARAN_ENTRYPOINT='runpod' cannot be used: this entry point is not built yet; there are 'server', 'vertex' and",
        ),
        (
            {"TRIMARAN_ENTRYPOINT": "lamda"},
            "TRIMARAN_ENTRYPOINT='lamda' cannot be used: input should be 'server', 'vertex' or",
        ),
        (
            {"TRIMARAN_ENGINE_MODEL": "m"},
            "TRIMARAN_ENGINE_MODEL is set, and only TRIMARAN_ENGINE=vllm or litserve reads it",
        ),
        (
            {"TRIMARAN_ROUTES": "r.yaml", "TRIMARAN_ROUTES_YAML": "x"},
            "TRIMARAN_ROUTES and TRIMARAN_ROUTES_YAML are both set",
        ),
        (
            {"TRIMARAN_ROUTES": "r.yaml", "TRIMARAN_MODEL_NAME": "gpt-4o"},
            "TRIMARAN_ROUTES and TRIMARAN_MODEL_NAME are both set",
        ),
        (
            {"TRIMARAN_ENGINE": "vllm", "TRIMARAN_MODEL_NAME": "m"},
            "the one that the app's own server runs is TRIMARAN_ENGINE_MODEL",
        ),
        ({"TRIMARAN_REDIS_PASSWORD_FILE": "p"}, "TRIMARAN_REDIS_PASSWORD_FILE is set without TRIMARAN_REDIS_URL"),
        ({"TRIMARAN_METRICS_HOST": "0.0.0.0"}, "TRIMARAN_METRICS_HOST is set without TRIMARAN_METRICS_PORT"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(environment: dict[str, str], said: str) -> None:
    """The error has the variable, what it was set to, and why that does not do."""
    with pytest.raises(SettingsError) as caught:
        from_environment(environment)
    assert said in str(caught.value)


def test_origins_are_a_list() -> None:
    """Origins stand between commas; a slash at the end is forgiven; without the setting there are none."""
    given = from_environment({"TRIMARAN_CORS_ORIGINS": "https://a.example/, http://b.example:81"})
    assert given.cors_origins == ("https://a.example", "http://b.example:81")
    assert from_environment({}).cors_origins == ()


def test_an_empty_setting_is_none() -> None:
    """A compose file can set a variable to nothing, and cannot leave it out."""
    assert from_environment({f"TRIMARAN_{name.upper()}": "" for name in Settings.model_fields}) == from_environment({})


async def test_a_model_name_and_a_key_are_enough() -> None:
    """The model of OpenAI's that is named, at its vendor's address, with the key of the usual variable, is `chat`."""
    named = from_environment({"TRIMARAN_MODEL_NAME": 'gpt-4o: "mini"'})
    async with aiohttp.ClientSession() as session:
        routing = Routing(named, read_routes(named), session, {"OPENAI_API_KEY": "sk-1"})
        [(name, state)] = routing.router.states.items()
        backend = state.member.backend
        await routing.aclose()
    assert isinstance(backend, OpenAICompatible)
    shown = await backend.identity.show("", {}, b"")
    assert (name, backend.model, shown.headers) == ("openai", 'gpt-4o: "mini"', {"authorization": "Bearer sk-1"})
    assert backend.base_url == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TRIMARAN_MODEL_NAME": "gpt-4o"}, "set the environment variable OPENAI_API_KEY, or OPENAI_API_KEY_FILE"),
        (
            {"TRIMARAN_REDIS_URL": "redis://127.0.0.1:1", "TRIMARAN_REDIS_PASSWORD_FILE": "/nowhere"},
            "TRIMARAN_REDIS_PASSWORD_FILE=/nowhere cannot be read: No such file or directory",
        ),
    ],
)
async def test_a_secret_that_is_not_there_is_told_in_one_sentence(environment: dict[str, str], said: str) -> None:
    """With the variable to set, and without a traceback."""
    [line] = (await refused({"TRIMARAN_PORT": "0", **environment})).strip().splitlines()
    assert line.startswith("trimaran: ")
    assert said in line


async def test_a_taken_port_is_told_with_its_setting(tmp_path: Path) -> None:
    """Each of the two ports, when somebody else listens there, is named by its variable."""
    keyed = {
        "TRIMARAN_ROUTES_YAML": "version: 1\nbackends: {a: {adapter: embedded}}\nmodels: {m: {backends: [{use: a}]}}"
    }
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for name in ("TRIMARAN_PORT", "TRIMARAN_METRICS_PORT"):
            said = await refused({"TRIMARAN_PORT": "0", **keyed, name: port})
            assert said.startswith(f"trimaran: {name}={port} on 127.0.0.1 cannot be used")
            assert "Traceback" not in said


@pytest.mark.parametrize("content", [None, b"models: \xff", b"models: {"], ids=["missing", "not text", "half a file"])
async def test_a_routes_file_that_cannot_be_read_is_told_in_one_sentence(content: bytes | None, tmp_path: Path) -> None:
    """With its path, and without a traceback."""
    file = tmp_path / "routes.yaml"
    if content is not None:
        file.write_bytes(content)
    said = await refused({"TRIMARAN_PORT": "0", "TRIMARAN_ROUTES": str(file)})
    assert len(said.strip().splitlines()) == 1
    assert said.startswith("trimaran: ")
    assert str(file) in said


@pytest.mark.alone  # measures time
async def test_a_start_is_quick_and_small() -> None:
    """With a provider configured and nothing compiled anew the app listens within 1.5 s (thrice that on a busy machine) and 120 MB."""
    async with upstream() as up:
        async with running_app(routes_to(up)):
            pass
        start = time.monotonic()
        async with running_app(routes_to(up)) as process:
            took_s = time.monotonic() - start
            held = psutil.Process(process.pid).memory_info().rss
    assert took_s < 4.5
    assert held < 120 * 2**20
