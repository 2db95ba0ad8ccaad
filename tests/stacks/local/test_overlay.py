"""Settings laid over a routes file: what `promote local --set` can change there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.config import ConfigError, ModelSettings
from stacks.local.routes import Routes, from_file

FILE = """
version: 1
backends:
  big: {adapter: openai, model: gpt-4o, key_env: OPENAI_API_KEY}
  small: {adapter: openai, model: gpt-4o-mini, key_env: OPENAI_API_KEY}
models:
  large: {backends: [{use: big}], system_prompt: Be thorough.}
  quick: {backends: [{use: small}]}
default_model: large
"""


def laid(tmp_path: Path, text: str = FILE, **settings: Any) -> Routes:
    (tmp_path / "routes.yaml").write_text(text)
    return from_file(tmp_path / "routes.yaml", "leave it out", ModelSettings(**settings), "candidate.settings", "local")


def document(routes: Routes) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(routes.environment["TRIMARAN_ROUTES_YAML"])
    return found


def test_the_model_is_the_one_that_answers_by_default(tmp_path: Path) -> None:
    """The rest of the file stays as it is, the other model's prompt too."""
    routes = laid(tmp_path, model="quick")

    expected = yaml.safe_load(FILE) | {"default_model": "quick"}
    expected["models"]["quick"]["system_prompt"] = ""
    assert document(routes) == expected
    assert routes.settings == {"routes": FILE, "model": "quick", "systemPrompt": ""}
    assert (routes.models, routes.key_names) == (("large", "quick"), ("OPENAI_API_KEY",))


@pytest.mark.parametrize("prompt", ["Be brief.", ""])
def test_a_system_prompt_wins_over_the_files(tmp_path: Path, prompt: str) -> None:
    """Of the default model alone; an empty one is none."""
    models = document(laid(tmp_path, systemPrompt=prompt))["models"]

    assert (models["large"]["system_prompt"], models["quick"]) == (prompt, {"backends": [{"use": "small"}]})


@pytest.mark.parametrize("settings", [{}, {"model": "large"}, {"model": "large", "systemPrompt": "Be thorough."}])
def test_what_the_file_says_already_is_no_change(tmp_path: Path, settings: dict[str, str]) -> None:
    """The app goes on reading the file itself, and the revision is the file's."""
    routes = laid(tmp_path, **settings)

    assert routes.environment == {"TRIMARAN_ROUTES": str(tmp_path / "routes.yaml")}
    assert routes.settings == {"routes": FILE}


@pytest.mark.parametrize(
    ("settings", "text", "sentence"),
    [
        (
            {"model": "quik"},
            FILE,
            r"model 'quik' is not a model of .* Its models: large, quick. Did you mean 'quick'\?",
        ),
        ({"modelRevision": "1"}, FILE, "modelRevision is set, but the routes file .* pins each model"),
        ({"systemPrompt": "x"}, FILE.replace("default_model: large", ""), "systemPrompt has no model to go to"),
    ],
)
def test_what_cannot_be_laid_over_is_refused(
    tmp_path: Path, settings: dict[str, str], text: str, sentence: str
) -> None:
    """With the key that was typed, and what to do."""
    with pytest.raises(ConfigError, match=f"trimaran:candidate.settings.{sentence}") as raised:
        laid(tmp_path, text, **settings)

    assert raised.value.hint.startswith("./trimaran pulumi config ")
    assert raised.value.hint.endswith(" --stack local")


def test_a_file_without_models_has_none_to_propose(tmp_path: Path) -> None:
    """The remedy is to take the setting out."""
    with pytest.raises(ConfigError, match="'quick' is not a model of the routes file") as raised:
        laid(tmp_path, "backends: {a: {adapter: openai}}\nmodels: {}\n", model="quick")

    assert raised.value.hint == "./trimaran pulumi config rm --path trimaran:candidate.settings.model --stack local"
