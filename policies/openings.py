"""Whether address ranges let the world in, whatever a cloud calls its firewall."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from plan.inputs import NotKnown
from policies.check import Scene

_WEB_PORTS = (80, 443)
# An address range as wide as this is the world, whatever it is called: 0.0.0.0/1 twice is everything too.
_WORLD_BITS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The first and the last port that is open; None is every port. `why` says that they are not known yet, and why."""

    first: int | None = None
    last: int | None = None
    why: str = ""

    @property
    def shown(self) -> str:
        """The ports as a sentence names them."""
        if self.why:
            return "a port that is not known yet"
        if self.first is None:
            return "every port"
        return f"port {self.first}" if self.first == self.last else f"ports {self.first}-{self.last}"


def opened_to_the_world(ranges: Iterable[str], ports: Ports, scene: Scene) -> Iterator[str]:
    """A sentence for each range that is the world's; a public stack lets it in to a port of the web. Raises NotKnown."""
    for each in ranges:
        if not _is_world(each):
            continue
        if scene.context.public and ports.why:
            raise NotKnown(ports.why)
        if not (scene.context.public and ports.first == ports.last and ports.first in _WEB_PORTS):
            yield f"{each} may connect to {ports.shown}."


def _is_world(text: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).prefixlen <= _WORLD_BITS
    except ValueError:
        return False
