"""The routes of the target `local`: made from settings, or read from the user's file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stacks.config import ConfigError, ModelSettings
from stacks.local.config import LocalConfig
from stacks.local.routes import from_file, from_settings, routes_of
from stacks.parsing import parse

FILE = """
version: 1
backends:
  gpt: {adapter: openai, model: gpt-4o, key_env: OPENAI_API_KEY}
  small: {adapter: embedded}
models:
  chat: {backends: [{use: gpt}, {use: small}]}
default_model: chat
"""


def settings(**values: str) -> ModelSettings:
    config = local({"trimaran:settings": yaml.safe_dump(values, default_flow_style=True, width=1000)})
    assert config.settings is not None
    return config.settings


def local(raw: dict[str, str]) -> LocalConfig:
    config = parse(raw, "local")
    assert isinstance(config, LocalConfig)
    return config


def test_without_settings_the_embedded_model_answers() -> None:
    """A first `up` needs no decision."""
    routes = from_settings(ModelSettings(), "local")

    assert yaml.safe_load(routes.environment["TRIMARAN_ROUTES_YAML"]) == {
        "version": 1,
        "backends": {"embedded": {"adapter": "embedded", "model": "smollm2-135m-instruct", "revision": "0.1.2"}},
        "models": {"chat": {"backends": [{"use": "embedded"}]}},
        "default_model": "chat",
    }
    assert (routes.models, routes.engine, routes.key_names) == (("chat",), "embedded", ())


def test_a_system_prompt_is_part_of_the_route_and_of_the_revision() -> None:
    """What changes the answers changes the revision."""
    routes = from_settings(ModelSettings(systemPrompt="Be brief: é"), "local")  # type: ignore[call-arg]

    assert (
        yaml.safe_load(routes.environment["TRIMARAN_ROUTES_YAML"])["models"]["chat"]["system_prompt"] == "Be brief: é"
    )
    assert routes.settings["systemPrompt"] == "Be brief: é"


def test_the_pinned_revision_is_the_default() -> None:
    """Naming the revision that is installed changes nothing."""
    pinned = ModelSettings(model="smollm2-135m-instruct", modelRevision="0.1.2")  # type: ignore[call-arg]

    assert from_settings(pinned, "local") == from_settings(ModelSettings(), "local")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ModelSettings(model="smolm2-135m"),
            "trimaran:settings.model 'smolm2-135m' is not a model this machine can run."
            " Known models: smollm2-135m-instruct. Did you mean 'smollm2-135m-instruct'?",
        ),
        (
            ModelSettings(modelRevision="0.2"),  # type: ignore[call-arg]
            "trimaran:settings.modelRevision '0.2' of smollm2-135m-instruct is not installed; installed is 0.1.2.",
        ),
    ],
)
def test_a_model_that_is_not_here_is_refused(given: ModelSettings, sentence: str) -> None:
    """The deploy says so, rather than an app that never gets ready."""
    with pytest.raises(ConfigError) as raised:
        from_settings(given, "local")

    assert raised.value.sentence == sentence


def test_a_file_names_models_engine_and_keys(tmp_path: Path) -> None:
    """What a deploy must know of the user's file."""
    (tmp_path / "routes.yaml").write_text(FILE)

    routes = routes_of(local({"trimaran:routes": "routes.yaml"}), tmp_path, ModelSettings(), "settings")

    assert routes.environment == {"TRIMARAN_ROUTES": str(tmp_path / "routes.yaml")}
    assert (routes.models, routes.engine, routes.key_names) == (("chat",), "embedded", ("OPENAI_API_KEY",))
    assert routes.settings == {"routes": FILE}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        ("a: [", "is not YAML: expected the node content, but found '<stream end>', line 1"),
        ("[]", "lacks what every routes file has"),
        ("version: 1", "lacks what every routes file has"),
        ("backends: {a: {}}\nmodels: {}", "lacks what every routes file has"),
        ("backends: {a: {adapter: x}}\nmodels: [a]", "lacks what every routes file has"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path, content: str | None, says: str) -> None:
    """Missing, broken or empty: never a traceback."""
    path = tmp_path / "routes.yaml"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigError) as raised:
        from_file(path, "leave it out")

    assert says in raised.value.sentence


@pytest.mark.parametrize("key", ["sk-proj-SECRET", "gsk_SECRET0123456", "[SECRET]"])
def test_a_key_in_the_place_of_its_variables_name_is_not_told(tmp_path: Path, key: str) -> None:
    """Neither in the sentence nor in what to do."""
    path = tmp_path / "routes.yaml"
    path.write_text(FILE.replace("OPENAI_API_KEY", key), encoding="utf-8")
    with pytest.raises(ConfigError, match="key_env of backend 'gpt' is the name of a variable") as caught:
        from_file(path, "leave it")
    assert "SECRET" not in f"{caught.value!r} {caught.value} {vars(caught.value)}"


def test_a_date_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """PyYAML lets Python's own error through."""
    path = tmp_path / "routes.yaml"
    path.write_text(FILE.replace("gpt-4o", "2026-13-45"), encoding="utf-8")
    with pytest.raises(ConfigError, match="a value is not what it looks like, such as a date"):
        from_file(path, "leave it")
