"""Every cloud has its file, and says what `doctor` looks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.clouds import cloud_of_type
from delivery.clouds import support
from delivery.clouds.support import CloudSupport, names, supported
from stacks.targets import TARGETS


def test_a_cloud_is_called_as_its_file() -> None:
    assert [each.name for each in supported()] == list(names()) == ["aws", "gcp", "azure"]
    assert all(each.package for each in supported())


def test_every_cloud_of_a_target_has_a_file() -> None:
    """Without one `bootstrap` and `doctor` would not know it."""
    packages = {package for target in TARGETS.values() for package in target.packages}
    clouds = {cloud.name for package in packages if (cloud := cloud_of_type(package)) and cloud.region_keys}
    folder = Path(support.__file__).parent
    missing = [path for cloud in {*clouds, *names()} if not (path := folder / f"{cloud}.py").exists()]
    assert missing == [], "create it, with its SUPPORT"


@pytest.mark.parametrize("is_wanted", [lambda each: each.bucket, lambda each: each.state_home])
def test_one_cloud_has_what_commands_need(is_wanted: Callable[[CloudSupport], object]) -> None:
    """`weights sync` names no cloud, and an unknown one is told one that has a bootstrap."""
    assert any(is_wanted(each) for each in supported())
