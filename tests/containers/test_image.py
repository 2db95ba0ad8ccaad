"""The image as it is built: small, in layers that stay, and with nothing in it that an intruder could use."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.images.archive import Contents
from delivery.images.base import Base
from tests.containers.conftest import built, edited_app, ran_inside

pytestmark = [pytest.mark.xdist_group("containers"), pytest.mark.timeout(900)]  # the first run makes a Debian

TOOLS = ("pip", "pip3", "apt", "apt-get", "perl", "gcc", "cc", "make", "curl", "wget", "git")


def _files(rootfs: Path) -> Iterator[tuple[Path, int]]:
    """Every path of the image with its mode; links lead elsewhere and have none of their own."""
    for path in rootfs.rglob("*"):
        if (
            not path.is_symlink()
            and not path.is_relative_to(rootfs / "dev")
            and not path.is_relative_to(rootfs / "proc")
        ):
            yield path.relative_to(rootfs), path.lstat().st_mode


def test_the_slim_image_is_slim(slim: Contents) -> None:
    """In megabytes that are not compressed."""
    assert slim.bytes <= 260e6


def test_the_small_model_costs_no_more_than_it_weighs(embedded: Contents) -> None:
    """Weights and the engine for them."""
    assert embedded.bytes <= 420e6


def test_an_edit_of_the_app_changes_the_app_s_layer_alone(
    slim: Contents, sources: Path, standing_on: Base, tmp_path: Path
) -> None:
    """What a registry gets anew is less than 5 MB."""
    with edited_app(sources):
        after = built(sources, "slim", standing_on)

    assert after.layers[:-1] == slim.layers[:-1]
    assert after.layers[-1] != slim.layers[-1]
    assert after.layers[-1][1] < 5e6


def test_variants_share_what_is_below_them(slim: Contents, embedded: Contents) -> None:
    """System, packages and app are the same; what differs is the variant's own layer."""
    same = [mine == other for mine, other in zip(slim.layers, embedded.layers, strict=True)]

    assert same == [True, True, False, True]


def test_nothing_has_the_rights_of_its_owner_and_nothing_is_open_but_tmp(rootfs: Path) -> None:
    """No setuid, no setgid, and no file or directory that others may write."""
    modes = list(_files(rootfs))

    assert [str(path) for path, mode in modes if mode & (stat.S_ISUID | stat.S_ISGID)] == []
    assert [str(path) for path, mode in modes if mode & stat.S_IWOTH] == ["tmp"]


def test_nothing_belongs_to_the_app_s_user(rootfs: Path, embedded: Contents) -> None:
    """As numbers, which a cluster can judge."""
    owners = {(rootfs / path).lstat().st_uid for path, _ in _files(rootfs)}

    assert 0 in owners
    assert 10001 not in owners
    assert embedded.config["User"] == "10001:10001"


def test_no_installer_no_compiler_and_nothing_that_downloads(rootfs: Path) -> None:
    """By the names of their programs, and pip as a module."""
    there = {path.name for path, _ in _files(rootfs) if path.parent.name in ("bin", "sbin")}

    assert there & set(TOOLS) == set()
    assert [str(path) for path, _ in _files(rootfs) if path.name in ("pip", "ensurepip")] == []


def test_of_the_source_tree_only_the_app_is_inside(rootfs: Path, sources: Path) -> None:
    """No tests, no stacks, no key that lay beside them."""
    inside = {str(path.relative_to(rootfs / "srv")) for path in (rootfs / "srv").rglob("*") if path.suffix != ".pyc"}

    assert {name.partition("/")[0] for name in inside} == {"app", "catalog"}
    assert not [name for name in inside if name.endswith((".env", ".pem"))]


def test_labels_say_what_it_was_made_of(slim: Contents, standing_on: Base) -> None:
    """As the OCI names them; the base by its digest."""
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in slim.labels.items()}

    assert labels["title"] == "trimaran"
    assert labels["revision"] == "unknown-dirty"  # the copy is no clone
    assert (labels["base.name"], labels["base.digest"]) == (standing_on.name, standing_on.digest)


@pytest.mark.long  # builds a program in Rust: a quarter of an hour
@pytest.mark.timeout(2400)
def test_the_image_for_lambda_has_the_adapter_and_is_the_slim_one_otherwise(
    slim: Contents, sources: Path, standing_on: Base
) -> None:
    """One layer more, below the app's, of some megabytes; an adapter that says what it lacks outside of Lambda."""
    image = built(sources, "lambda", standing_on)
    adapter = ran_inside(sources, "lambda", "/opt/extensions/lambda-adapter")

    assert (*image.layers[:-2], image.layers[-1]) == slim.layers
    assert image.layers[-2][1] < 8e6
    assert {each for each in image.config["Env"] if "LWA" in each or "ENTRYPOINT" in each} == {
        "TRIMARAN_ENTRYPOINT=lambda",
        "AWS_LWA_PORT=8080",
        "AWS_LWA_READINESS_CHECK_PATH=/health/ready",
        "AWS_LWA_INVOKE_MODE=response_stream",
    }
    assert "Extension registration failed" in adapter.stdout + adapter.stderr


@pytest.mark.long  # builds everything anew: more than a minute
def test_the_same_sources_make_the_same_layers(slim: Contents, sources: Path, standing_on: Base) -> None:
    """Without what the builder remembers."""
    assert built(sources, "slim", standing_on, "--no-cache").layers == slim.layers
