"""Every cloud has its file, and says what `doctor` looks for."""

from __future__ import annotations

from pathlib import Path

from delivery.clouds import account
from delivery.clouds.account import NAMES, USUAL, account_of, accounts
from stacks.targets import TARGETS


def test_a_cloud_is_called_as_its_file() -> None:
    assert [each.name for each in accounts()] == list(NAMES)
    assert all(each.package for each in accounts())


def test_every_cloud_that_a_target_is_named_after_has_a_file() -> None:
    """Without one `bootstrap` and `doctor` would not know it."""
    clouds = {target.partition("-")[0] for target in TARGETS if "-" in target}
    missing = [f"{Path(account.__file__).parent}/{cloud}.py" for cloud in clouds if cloud not in NAMES]
    assert missing == [], "create the file and add its name to delivery/clouds/account.py"


def test_the_usual_cloud_has_buckets() -> None:
    """`weights sync` names none."""
    assert account_of(USUAL).bucket is not None
