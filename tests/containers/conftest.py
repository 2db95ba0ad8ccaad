"""Images that are really built, once for all tests, in a storage of their own that keeps the base and the packages."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from delivery.cache import cache
from delivery.images import archive, base, building, engines
from delivery.images.archive import Contents
from delivery.images.variants import image_of
from tests.containers.runtime import is_root

ROOT = Path(__file__).parents[2]
_COPIED = ("app", "catalog", "containers", "requirements", "pyproject.toml")
_NEEDED = ("buildah", "mmdebstrap", "crun", "unshare")
_KEPT_IMAGES = 400
# Small packages in place of vLLM, which wants the second of them; and the client of the bucket that an AWS stack has.
GPU_OPTIONS = ("--build-arg", "PACKAGES=uvicorn setuptools", "--build-arg", "WEIGHTS=aws")
BUILDAH = engines.ENGINES[0]


def missing() -> list[str]:
    """What this machine lacks to build and start an image."""
    return [name for name in _NEEDED if shutil.which(name) is None] + ["root's rights"] * (not is_root())


@pytest.fixture(scope="session")
def storage() -> Iterator[None]:
    """Where buildah keeps what these tests make: not among the images of whoever runs them; one run at a time."""
    if lacking := missing():
        pytest.skip(f"images are not built here: {', '.join(lacking)} missing")
    folder = cache() / "containers"
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "storage.conf"
    run = Path(tempfile.gettempdir(), "trimaran-containers")
    settings.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{folder / "storage"}"\nrunroot = "{run}"\n')
    with pytest.MonkeyPatch.context() as patch, (folder / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        patch.setenv("CONTAINERS_STORAGE_CONF", str(settings))
        yield
        _bound()


def _bound() -> None:
    """What builds leave for the next one grows with each: from time to time it begins anew."""
    kept = subprocess.run(["buildah", "images", "--all", "--quiet"], capture_output=True, text=True, check=True).stdout
    if len(kept.split()) > _KEPT_IMAGES:
        subprocess.run(["buildah", "rmi", "--all", "--force"], capture_output=True, check=True)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what images are built from, with times as they are: the builder's cache goes by them."""
    root = tmp_path_factory.mktemp("sources")
    for name in _COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, root / name)
    (root / ".env").write_text("OPENAI_API_KEY=planted")
    (root / "app/key.pem").write_text("planted")
    return root


@pytest.fixture(scope="session")
def standing_on(storage: None) -> base.Base:
    """The Debian that the images stand on."""
    return base.resolve(BUILDAH, base.LOCAL)


def built(root: Path, variant: str, on: base.Base, *options: str) -> Contents:
    """An image of these sources."""
    *words, context = building.command(root, BUILDAH, variant, on)
    BUILDAH.run([*words, *options, context], f"{variant} was not built")
    return archive.contents(BUILDAH, image_of(root, variant))


def ran_inside(root: Path, variant: str, *command: str) -> subprocess.CompletedProcess[str]:
    """A command's end in an image."""
    said = ["buildah", "from", "--quiet", image_of(root, variant)]
    name = subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip()
    try:
        words = ["buildah", "run", "--isolation", "chroot", name, "--", *command]
        return subprocess.run(words, capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["buildah", "rm", name], capture_output=True, check=True)


@contextmanager
def edited_app(root: Path) -> Iterator[None]:
    """These sources with another version of one file of the app."""
    file = root / "app/logs.py"
    before = file.read_text()
    file.write_text(f"{before}\nEDITED = True\n")
    try:
        yield
    finally:
        file.write_text(before)


@pytest.fixture(scope="session")
def slim(sources: Path, standing_on: base.Base) -> Contents:
    """The image without extras."""
    return built(sources, "slim", standing_on)


@pytest.fixture(scope="session")
def embedded(sources: Path, standing_on: base.Base) -> Contents:
    """The image with the small model."""
    return built(sources, "embedded", standing_on)


@pytest.fixture(scope="session")
def gpu(sources: Path, standing_on: base.Base) -> Contents:
    """The image for GPUs with a small package in place of vLLM, on a Debian in place of NVIDIA's image."""
    return built(sources, "gpu", standing_on, *GPU_OPTIONS)


@pytest.fixture(scope="session")
def rootfs(sources: Path, embedded: Contents) -> Iterator[Path]:
    """The file system of the image with the model."""
    said = ["buildah", "from", "--quiet", image_of(sources, "embedded")]
    name = subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip()
    yield Path(subprocess.run(["buildah", "mount", name], capture_output=True, text=True, check=True).stdout.strip())
    subprocess.run(["buildah", "rm", name], capture_output=True, check=True)
