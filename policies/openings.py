"""Whether address ranges let the world in, whatever a cloud calls its firewall."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policies.check import Scene

_WEB_PORTS = (80, 443)
# An address range as wide as this is the world, whatever it is called: 0.0.0.0/1 twice is everything too.
_WORLD_BITS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The first and the last port that is open; None is every port."""

    first: int | None = None
    last: int | None = None

    @property
    def shown(self) -> str:
        """The ports as a sentence names them."""
        if self.first is None:
            return "every port"
        return f"port {self.first}" if self.first == self.last else f"ports {self.first}-{self.last}"


def opened_to_the_world(ranges: Iterable[str], ports: Ports, scene: Scene) -> Iterator[str]:
    """The ranges that are the world's; a public stack lets it in to a port of the web."""
    is_public_web = scene.context.public and ports.first == ports.last and ports.first in _WEB_PORTS
    yield from (each for each in ranges if _is_world(each) and not is_public_web)


def _is_world(text: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).prefixlen <= _WORLD_BITS
    except ValueError:
        return False
