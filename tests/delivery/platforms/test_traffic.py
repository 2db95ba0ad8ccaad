"""The switch: fakes of two kinds, and this machine's nginx, keep one contract."""

from __future__ import annotations

import http.client
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.platforms import nginx
from delivery.platforms.nginx import NginxTraffic
from delivery.platforms.traffic import Split, TrafficError
from providers.machine import ports, proxy
from tests.delivery.platforms.contract import Switch, TrafficContract, at
from tests.delivery.platforms.fakes import FakeTraffic, TwoPositions
from tests.providers.machine.conftest import Upstream, never, upstreams  # noqa: F401

URN = "urn:pulumi:local::project::machine:index:Proxy::edge"

has_nginx = pytest.mark.skipif(
    shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None, reason="nginx is not installed"
)


class TestFake(TrafficContract):
    """So that what is tested with the fake holds for the others."""

    @pytest.fixture
    def switch(self) -> Switch:
        """A split in memory."""
        return switch_of(FakeTraffic())


class TestTwoPositions(TrafficContract):
    """A cloud's canary, which knows one percentage and everything."""

    @pytest.fixture
    def switch(self) -> Switch:
        """In memory too."""
        return switch_of(TwoPositions())

    def test_what_is_wanted_is_told_as_what_it_can(self, switch: Switch) -> None:
        """And nothing else can be set."""
        assert switch.traffic.ladder((5, 25, 50, 100)) == (10, 100)
        with pytest.raises(TrafficError):
            switch.traffic.set(at(25))


def switch_of(fake: FakeTraffic) -> Switch:
    """With what a test breaks."""
    return Switch(
        traffic=fake,
        hide=lambda: setattr(fake, "is_readable", False),
        freeze=lambda: setattr(fake, "takes_writes", False),
    )


@pytest.fixture
def edge(upstreams: dict[str, Upstream], tmp_path: Path) -> Iterator[tuple[str, NginxTraffic]]:  # noqa: F811
    """A running nginx between two apps: its URL, and the switch."""
    directory = tmp_path / "nginx"
    inputs, failures = proxy.check(
        {
            "port": ports.free_port(),
            "directory": str(directory),
            "upstreams": {name: server.address for name, server in upstreams.items()},
            "weights": {"blue": 100, "green": 0},
        }
    )
    assert not failures
    resource_id, made = proxy.create(URN, inputs, never)
    yield made["url"], NginxTraffic(directory)
    proxy.delete(resource_id, made)


@has_nginx
class TestLocal(TrafficContract):
    """A real nginx."""

    @pytest.fixture
    def switch(self, edge: tuple[str, NginxTraffic], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Switch:
        """Hidden by a configuration that is not ours, frozen by a reload that is answered, but not done."""
        config = tmp_path / "nginx/nginx.conf"
        traffic = edge[1]

        def hide() -> None:
            config.write_text("# somebody else's\n")

        def freeze() -> None:
            monkeypatch.setattr(nginx, "set_weights", lambda directory, weights: None)

        return Switch(traffic=traffic, hide=hide, freeze=freeze)

    def test_callers_see_the_split(self, edge: tuple[str, NginxTraffic]) -> None:
        """All on blue, all on green, and a share of both."""
        url, traffic = edge
        seen = {}
        for green in (0, 100, 50):
            traffic.set(Split(blue=100 - green, green=green))
            seen[green] = Counter(answered_by(url) for _ in range(60))

        assert seen[0] == {"blue": 60}
        assert seen[100] == {"green": 60}
        assert seen[50].keys() == {"blue", "green"}

    def test_a_proxy_that_is_gone_takes_no_split(self, edge: tuple[str, NginxTraffic], tmp_path: Path) -> None:
        """The record of who would reload is lost."""
        (tmp_path / "nginx/master.json").unlink()

        with pytest.raises(TrafficError):
            edge[1].set(Split(blue=95, green=5))


@has_nginx
def test_without_a_proxy_there_is_no_split(tmp_path: Path) -> None:
    """Nothing is deployed: an error with a hint, not 100 % blue."""
    traffic = NginxTraffic(tmp_path)

    with pytest.raises(TrafficError, match=r"hint: \./trimaran up"):
        traffic.read()


@pytest.mark.parametrize(("blue", "green"), [(95, 6), (101, -1), (0, 0)])
def test_a_split_that_does_not_add_up_is_none(blue: int, green: int) -> None:
    """It cannot even be made."""
    with pytest.raises(ValueError, match="100"):
        Split(blue=blue, green=green)


def answered_by(url: str) -> str:
    """The name of the app that answers a new connection."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        connection.request("GET", "/")
        return str(json.loads(connection.getresponse().read())["name"])
    finally:
        connection.close()
