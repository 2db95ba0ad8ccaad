"""Which engine is taken, and what a person is told where none works, a variant is not there or a tool is not installed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from delivery.failure import ExitCode, Failure
from delivery.images import base, building, engines, supply
from delivery.images.engines import ENGINES, Engine
from delivery.images.variants import image_of, recipe_of, variants

ROOT = Path(__file__).parents[3]
WORKS = replace(ENGINES[0], name="works", probe="true")
FAILS = replace(ENGINES[0], name="fails", probe="false")
ABSENT = replace(ENGINES[0], name="absent", probe="no-such-program-anywhere info")
ON = base.Base(name="debian:1", digest="sha256:1", reference="debian@sha256:1")


def test_the_first_that_works_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is installed and has no daemon does not count."""
    monkeypatch.setattr(engines, "ENGINES", (ABSENT, FAILS, WORKS))

    assert engines.found().name == "works"


def test_where_none_works_it_says_which_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to get one."""
    monkeypatch.setattr(engines, "ENGINES", (ABSENT, FAILS))

    with pytest.raises(Failure, match="of absent, fails none") as failed:
        engines.found()

    assert "apt-get install buildah" in failed.value.hint


@pytest.mark.parametrize("variant", ["slim", "lambda", "gpu"])
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_each_engine_is_told_everything_the_dockerfile_asks_for(engine: Engine, variant: str) -> None:
    """Its arguments that have no value of their own, the file, the name, and the folder last."""
    words = building.command(ROOT, engine, variant, ON)
    lines = (ROOT / recipe_of(variant).dockerfile).read_text().splitlines()
    wanted = {line.split()[1] for line in lines if line.startswith("ARG ") and "=" not in line}
    own = {line.split()[1].partition("=")[0] for line in lines if line.startswith("ARG ") and "=" in line}
    given = {words[at + 1].partition("=")[0] for at, word in enumerate(words) if word == "--build-arg"}

    assert words[0] == engine.name
    assert wanted <= given <= wanted | own
    assert f"BASE={ON.reference}" in words
    assert image_of(ROOT, variant) in words
    assert words[-1] == str(ROOT)
    assert not [word for word in words if "{" in word]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_no_command_asks_for_a_value_that_it_does_not_get(engine: Engine) -> None:
    """A name misspelt in a command would only be seen where that engine is."""
    values = {"image": "i", "file": "f", "target": "t", "digest_file": "d", "container": "c", "environment": "e"}
    commands = (engine.pull, engine.digest, engine.save, *engine.push, engine.start, engine.container, engine.remove)

    assert all(isinstance(engine.words(command, **values), list) for command in commands)


def test_the_digest_is_read_from_what_a_push_prints(tmp_path: Path) -> None:
    """As docker tells it; the last command is the one that pushes."""
    said = f"echo latest: digest: sha256:{'a' * 64} size: 1234"

    assert replace(WORKS, push=("true", said)).pushed("i", "t") == f"sha256:{'a' * 64}"


def test_a_push_that_tells_no_digest_has_failed() -> None:
    """Nothing is written into a config then."""
    with pytest.raises(Failure, match="did not say its digest"):
        replace(WORKS, push=("echo done",)).pushed("i", "t")


def test_what_an_engine_said_last_is_told() -> None:
    """With the command, to be tried by hand."""
    with pytest.raises(Failure, match="ended with status 2; why") as failed:
        WORKS.run(["sh", "-c", "echo before; echo why; exit 2"], "it failed")

    assert failed.value.hint.startswith("sh -c")


def test_a_person_s_arguments_come_last() -> None:
    """So that they win over the kit's own."""
    words = building.command(ROOT, ENGINES[0], "gpu", ON, ["CUDA=12", "VERSION=mine"])

    assert words.index("VERSION=mine") > max(at for at, word in enumerate(words) if word.startswith("VERSION=0"))


def test_a_variant_that_is_not_there_is_told_with_those_that_are() -> None:
    """A cloud without packages of its own is served by slim."""
    with pytest.raises(Failure, match="Variants: slim, aws, azure, embedded, gcp, lambda, gpu") as failed:
        image_of(ROOT, "oracle")

    assert failed.value.exit_code == ExitCode.USAGE
    assert variants(ROOT)[0] == "slim"


@pytest.mark.parametrize("program", ["syft", "cosign"])
def test_a_tool_that_is_not_installed_is_one_sentence(
    program: str, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Which says what it is for and how to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    file = root / "stacks/environments/Pulumi.aws-ecs-dev.yaml"
    file.write_text((ROOT / "stacks/environments/Pulumi.aws-ecs-dev.example.yaml").read_text())

    with pytest.raises(Failure, match=f"{program}, which .* is not installed") as failed:
        supply.sbom(ROOT, "slim") if program == "syft" else supply.sign(root, "aws-ecs-dev")

    assert failed.value.hint.startswith("go install")
    assert program in failed.value.hint


def test_a_stack_without_an_image_has_nothing_to_sign(root: Path) -> None:
    """The target local runs the source tree."""
    with pytest.raises(Failure, match="names no image") as failed:
        supply.sign(root, "local")

    assert failed.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("variant", "given", "said"),
    [
        ("gpu", "ENGIN=litserve", "takes CUDA=…, ENGINE=…, PACKAGES=…, VARIANT=…, WEIGHTS=…"),
        ("gpu", "ENGINE=sglang", "ENGINE is one of litserve, vllm"),
        ("gpu", "WEIGHTS=s3", "WEIGHTS is one of none, aws, azure, embedded, gcp"),
        ("slim", "ENGINE=litserve", "containers/app.Dockerfile takes VARIANT=…"),
        ("slim", "REVISION=0", "containers/app.Dockerfile takes VARIANT=…"),
        ("lambda", "VARIANT=awss", "VARIANT is one of slim, aws"),
        ("slim", "VARIANT", "takes VARIANT=…"),
    ],
)
def test_an_argument_that_nothing_reads_or_that_is_not_a_persons_is_refused(
    variant: str, given: str, said: str
) -> None:
    """What builds images passes over a misspelt name, and makes another image than was asked for."""
    with pytest.raises(Failure, match=re.escape(said)) as refused:
        building.build(ROOT, variant, "", [given])
    assert refused.value.exit_code == ExitCode.USAGE
