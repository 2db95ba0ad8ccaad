"""The target `local` as the commands reach it: by what its stack exports, and the files beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from delivery.failure import Failure
from delivery.platforms.platform import Deployed
from delivery.platforms.targets.local import PLATFORM, LocalBlueGreen
from stacks.local.files import log_file

OUTPUTS: dict[str, Any] = {
    "revision": "new",
    "stable_revision": "old",
    "auth": "none",
    "metrics": {
        "kind": "prometheus",
        "ref": {"blue": "http://127.0.0.1:1/metrics", "green": "http://127.0.0.1:2/metrics"},
    },
    "traffic": {"kind": "nginx", "ref": {"config_file": "/somewhere/nginx.conf"}},
}


def test_each_side_has_an_address_of_its_own_past_the_split(root: Path) -> None:
    """With the key, which is never shown."""
    both = LocalBlueGreen().both(Deployed(root=root, stack="local", outputs=OUTPUTS, key="secret"))

    assert {side: each.url for side, each in both.addresses.items()} == {
        "blue": "http://127.0.0.1:1",
        "green": "http://127.0.0.1:2",
    }
    assert {each.key for each in both.addresses.values()} == {"secret"}
    assert "secret" not in repr(both.addresses)


def test_without_a_candidate_there_is_blue_alone(root: Path) -> None:
    alone = {**OUTPUTS, "metrics": {"ref": {"blue": "http://127.0.0.1:1/metrics"}}}
    assert [*LocalBlueGreen().both(Deployed(root=root, stack="local", outputs=alone)).addresses] == ["blue"]


def test_the_record_is_where_it_always_was(root: Path) -> None:
    """Tools and people read it there."""
    assert LocalBlueGreen().records(root, "local").place == str(root / ".trimaran/promotions/local.json")


def test_logs_are_those_of_the_running_revision(root: Path) -> None:
    """Else of the last one that ran; one that is gone is not silently another."""
    for age, revision in ((300, "older"), (200, "old")):
        path = log_file(root, "local", revision)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("said\n")
        os.utime(path, (1e9 - age, 1e9 - age))

    down = PLATFORM.log_command(root, "local", {}, lines=5, follow=True)
    with pytest.raises(Failure, match=r"app-new\.log is gone"):
        PLATFORM.log_command(root, "local", OUTPUTS, lines=5, follow=False)
    log_file(root, "local", "new").write_text("says\n")
    running = PLATFORM.log_command(root, "local", OUTPUTS, lines=5, follow=False)

    assert down == ["tail", "-n", "5", "-F", str(log_file(root, "local", "old"))]
    assert running == ["tail", "-n", "5", str(log_file(root, "local", "new"))]
    assert PLATFORM.log_place(root, "local", OUTPUTS) == running[-1]
