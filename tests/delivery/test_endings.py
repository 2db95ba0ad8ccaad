"""`doctor` and `serve` tell of models that end: those of this clone's own stacks, by a day that is fixed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from delivery import doctor
from delivery.endings import of_clone, of_text
from delivery.stack_file import DIRECTORY

TODAY = date(2026, 12, 1)
ROUTES = "backends:\n  a: {adapter: openai, model: gpt-5-mini-2025-08-07}\n  b: {adapter: anthropic, model: claude-sonnet-4-5}\n"
CLOUD = "config:\n  {key}:\n    - provider: bedrock\n      model: {model}\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with a stack in a cloud, one on this machine with routes of its own, and an example."""
    folder = tmp_path / DIRECTORY
    folder.mkdir(parents=True)
    old = "anthropic.claude-sonnet-4-20250514-v1:0"
    (folder / "Pulumi.aws-ecs-prod.yaml").write_text(CLOUD.format(key="trimaran:fallbacks", model=old))
    (folder / "Pulumi.aws-ecs-dev.yaml").write_text(CLOUD.format(key="fallbacks", model="amazon.nova-premier-v1:0"))
    (folder / "Pulumi.aws-ecs-prod.example.yaml").write_text(CLOUD.format(key="trimaran:fallbacks", model=old))
    (folder / "Pulumi.local.yaml").write_text("config:\n  trimaran:routes: routes.yaml\n")
    (folder / "Pulumi.broken.yaml").write_text("config: [")
    (tmp_path / "routes.yaml").write_text(ROUTES)
    return tmp_path


def test_the_stacks_of_a_clone_are_told_with_their_names(clone: Path) -> None:
    """Also a key without its namespace; an example is nobody's, and a broken file is told by who reads it."""
    said = [(stack, each.backend, each.retirement.model) for stack, each in of_clone(clone, TODAY)]
    assert said == [
        ("aws-ecs-dev", "bedrock-1", "amazon.nova-premier-v1:0"),
        ("aws-ecs-prod", "bedrock-1", "anthropic.claude-sonnet-4-20250514-v1:0"),
        ("local", "a", "gpt-5-mini-2025-08-07"),
    ]


@pytest.mark.parametrize(
    ("stack", "config", "backends"),
    [
        ("aws-bedrock-dev", "{trimaran:settings: {model: OLD}}", ["settings.model"]),
        ("mine-dev", "{trimaran:target: aws-bedrock, trimaran:settings: {model: OLD}}", ["settings.model"]),
        ("aws-bedrock-dev", "{trimaran:candidate: {settings: {model: us.OLD}}}", ["candidate.settings.model"]),
        ("aws-bedrock-dev", "{trimaran:fallbacks: [{model: OLD}]}", ["bedrock-1"]),
        ("aws-ecs-dev", "{trimaran:fallbacks: [{model: OLD}]}", ["bedrock-1"]),
        ("aws-ecs-dev", "{trimaran:settings: {model: OLD}}", []),
        ("aws-bedrock-dev", "{trimaran:settings: OLD, trimaran:candidate: [OLD], trimaran:fallbacks: {a: OLD}}", []),
    ],
)
def test_the_models_that_answer_first_are_told_where_they_are_managed(
    tmp_path: Path, stack: str, config: str, backends: list[str]
) -> None:
    """A stack's own model is somebody else's on Bedrock and its own on GPUs; a fallback says its provider or is Bedrock's."""
    (tmp_path / DIRECTORY).mkdir(parents=True)
    text = config.replace("OLD", "anthropic.claude-sonnet-4-20250514-v1:0")
    (tmp_path / DIRECTORY / f"Pulumi.{stack}.yaml").write_text(f"config: {text}\n")

    assert [each.backend for _, each in of_clone(tmp_path, TODAY)] == backends


def test_a_routes_file_is_told_before_the_app_starts() -> None:
    """What ends soon, and the version for an alias."""
    said = of_text(ROUTES, TODAY)
    assert "ends on 2026-12-11, in 10 days" in said[0]
    assert said[1].endswith("write claude-sonnet-4-5-20250929")


@pytest.mark.parametrize("text", ["", "[", "- a", "backends: [1]", "models: {}"])
def test_what_is_no_routes_file_is_told_by_its_reader(text: str) -> None:
    """Here it is only passed over."""
    assert of_text(text, TODAY) == []


def test_doctor_has_them_in_its_json(
    clone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the day and the source, for whoever watches them."""
    monkeypatch.setattr(doctor, "examine", lambda root: iter(()))
    doctor.show(clone, as_json=True)
    endings = json.loads(capsys.readouterr().out)["endings"]
    assert [(each["stack"], each["ends"]) for each in endings if each["stack"] != "local"] == [
        ("aws-ecs-dev", "2026-09-14"),
        ("aws-ecs-prod", "2026-10-14"),
    ]
    assert all(each["source"].startswith("https://") for each in endings)
