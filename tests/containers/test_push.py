"""`image push` into a registry that really runs: what arrives, what the stack's config says then, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.failure import ExitCode, Failure
from delivery.images.archive import Contents
from delivery.images.push import push
from delivery.images.variants import image_of, stack_images
from delivery.stack_file import StackFile
from providers.machine.ports import free_port
from tests.containers.conftest import ROOT

pytestmark = [pytest.mark.xdist_group("containers"), pytest.mark.timeout(900)]

ZEROS = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def registry(storage: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on loopback, without TLS: its address."""
    if shutil.which("docker-registry") is None:
        pytest.skip("images are not pushed here: docker-registry missing")
    scratch, address = tmp_path_factory.mktemp("registry"), f"127.0.0.1:{free_port()}"
    (scratch / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {scratch}/data}}}}\nhttp: {{addr: '{address}'}}\n"
    )
    (scratch / "registries.conf").write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
    with (scratch / "log").open("wb") as log, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_REGISTRIES_CONF", str(scratch / "registries.conf"))
        process = subprocess.Popen(["docker-registry", "serve", str(scratch / "config.yml")], stdout=log, stderr=log)
        try:
            _await(f"http://{address}/v2/", process)
            yield address
        finally:
            process.terminate()
            process.wait(20)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    pytest.fail("the registry does not answer")


def _stack(root: Path, name: str, image: str) -> StackFile:
    """A stack whose config names an image."""
    environments = root / "stacks/environments"
    environments.mkdir(parents=True, exist_ok=True)
    example = (ROOT / f"stacks/environments/Pulumi.{name}.example.yaml").read_text().splitlines()
    text = [f"  trimaran:image: {image}" if line.startswith("  trimaran:image:") else line for line in example]
    (environments / f"Pulumi.{name}.yaml").write_text("\n".join(text) + "\n")
    return StackFile(root=root, stack=name)


def test_the_digest_that_the_registry_knows_is_in_the_config(
    slim: Contents, sources: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is told on stdout; the rest of the config stays."""
    file = _stack(sources, "aws-ecs-dev", f"{registry}/trimaran/app@{ZEROS}")
    before = file.path.read_text()

    push(sources, "aws-ecs-dev", "slim")

    pushed = capsys.readouterr().out.strip()
    name, _, digest = pushed.partition("@")
    request = urllib.request.Request(
        f"http://{registry}/v2/trimaran/app/manifests/{digest}",
        method="HEAD",
        headers={"accept": "application/vnd.docker.distribution.manifest.v2+json"},
    )
    assert urllib.request.urlopen(request, timeout=60).headers["docker-content-digest"] == digest
    assert name == f"{registry}/trimaran/app"
    assert file.path.read_text() == before.replace(f"{registry}/trimaran/app@{ZEROS}", pushed)


def test_the_image_with_a_model_server_is_the_engines(gpu: Contents, sources: Path, registry: str) -> None:
    """It goes to the repository of `engine.image`, and its digest there; the app's stays what it was. One for another server does not go."""
    file = _stack(sources, "aws-ecs-dev", f"{registry}/trimaran/app@{ZEROS}")
    text = file.path.read_text()
    named = next(line.strip() for line in text.splitlines() if line.startswith("    image: "))
    file.path.write_text(text.replace(named, f"image: {registry}/trimaran/gpu@{ZEROS}"))
    before = stack_images(file.parse())

    file.write({"engine.kind": "litserve"})
    with pytest.raises(Failure, match=r"built with ENGINE=vllm and WEIGHTS=aws.*needs ENGINE=litserve") as refused:
        push(sources, "aws-ecs-dev", "gpu")
    assert refused.value.exit_code == ExitCode.GATE_SAID_NO

    file.write({"engine.kind": None})
    push(sources, "aws-ecs-dev", "gpu")

    after = stack_images(file.parse())
    assert after["engine.image"].startswith(f"{registry}/trimaran/gpu@sha256:")
    assert after["engine.image"] != before["engine.image"]
    assert after["image"] == before["image"]


def test_an_image_that_no_stack_takes_is_not_pushed_to_one(sources: Path) -> None:
    """One for Lambda would start on ECS and answer nobody."""
    _stack(sources, "aws-ecs-dev", f"registry.example/trimaran/app@{ZEROS}")

    with pytest.raises(Failure, match="no stack takes the image 'lambda' yet"):
        push(sources, "aws-ecs-dev", "lambda")


def test_a_tag_is_refused(sources: Path) -> None:
    """The config's own check: what a tag means can change."""
    _stack(sources, "aws-ecs-dev", "registry.example/trimaran/app:latest")

    with pytest.raises(Failure, match="sha256") as refused:
        push(sources, "aws-ecs-dev", "slim")

    assert refused.value.exit_code == ExitCode.USAGE


def test_prod_takes_committed_sources_only(slim: Contents, sources: Path) -> None:
    """A tree that nobody can check out again does not get there."""
    file = _stack(sources, "aws-ecs-prod", f"registry.example/trimaran/app@{ZEROS}")
    before = file.path.read_text()

    with pytest.raises(Failure, match="committed sources only") as refused:
        push(sources, "aws-ecs-prod", "slim")

    assert refused.value.exit_code == ExitCode.GATE_SAID_NO
    assert file.path.read_text() == before


def test_an_image_for_another_platform_is_refused(slim: Contents, sources: Path) -> None:
    """It would be pulled, and not start."""
    _stack(sources, "aws-ecs-dev", f"registry.example/trimaran/app@{ZEROS}")
    said = ["buildah", "from", "--quiet", image_of(sources, "slim")]
    name = subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["buildah", "config", "--arch", "arm64", name], check=True)
    subprocess.run(
        ["buildah", "commit", "--quiet", "--rm", name, image_of(sources, "aws")], check=True, capture_output=True
    )

    with pytest.raises(Failure, match=r"linux/arm64.*linux/amd64") as refused:
        push(sources, "aws-ecs-dev", "aws")

    assert refused.value.exit_code == ExitCode.GATE_SAID_NO
