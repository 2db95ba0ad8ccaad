"""Which web pages may reach this app through the browser of somebody who looks at them, and by which names this app may be called.

A browser stands where its user stands: a page from anywhere can have it send requests to 127.0.0.1. It says where they come from
(`Origin`, `Sec-Fetch-Site`), which no script can change. A page whose own name leads to 127.0.0.1 since it was loaded (DNS rebinding) is of
the same origin as this app; it is known by that name, the request's `Host`. Clients that are no browsers send no `Origin`.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import Scope

from app.api.errors import Fault
from app.logic.excerpt import excerpt

ANY = "*"
_HOST = re.compile(r"\[(?P<v6>[0-9a-fA-F:.]+)\](?::\d*)?|(?P<name>[^\s:/?#@\[\]\\]+)(?::\d*)?")
_HOST_BYTES = 300  # a name has at most 253 (RFC 1035, section 2.3.4), and a port behind it
_PORTS = {"http": 80, "https": 443}
_FOREIGN = (b"cross-site", b"same-site")  # W3C Fetch Metadata, section 2.3; another port is the same site


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """``listed``: the pages that may call from elsewhere, or `*`. ``hosts``: the names by which the app may be called beside those of
    loopback, `*.` in front standing for all names below; None: by any.
    """

    listed: frozenset[str] = frozenset()
    hosts: frozenset[str] | None = None

    def check(self, scope: Scope, headers: Mapping[bytes, bytes], is_page: Callable[[str], bool]) -> None:
        """``is_page`` tells the paths of the chat page, which a link from anywhere may open. Takes a microsecond. Raises Fault."""
        host = headers.get(b"host")
        if host is not None and not self._is_known(host) and not _is_health(scope["path"]):  # no browser leaves it out
            name = excerpt(host.decode("latin-1"))
            raise Fault(403, f"this app does not answer as '{name}'. hint: TRIMARAN_ALLOWED_HOSTS lists its names")
        if (b"origin" in headers or b"sec-fetch-site" in headers) and not self._is_welcome(headers):
            if _is_opening(scope, headers) and is_page(scope["path"]):
                return
            origin = excerpt(headers.get(b"origin", b"another site").decode("latin-1"))
            raise Fault(
                403, f"pages of {origin} may not call this app. hint: TRIMARAN_CORS_ORIGINS lists those that may"
            )

    def _is_known(self, host: bytes) -> bool:
        return self.hosts is None or (len(host) <= _HOST_BYTES and _is_ours(host, self.hosts))

    def _is_welcome(self, headers: Mapping[bytes, bytes]) -> bool:
        site = headers.get(b"sec-fetch-site")
        if ANY in self.listed or site == b"same-origin":  # the browser knows, also where a proxy wrote another `Host`
            return True
        origin = headers.get(b"origin")
        if origin is None:
            return site not in _FOREIGN
        return origin.decode("latin-1") in self.listed or _is_own(origin, headers.get(b"host", b""))


def _is_opening(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"sec-fetch-mode") == b"navigate" and scope.get("method") in ("GET", "HEAD")


def _is_health(path: str) -> bool:
    """Load balancers probe by address."""
    return path.startswith("/health") and path[7:8] in ("", "/")


@functools.lru_cache(maxsize=256)
def _is_ours(host: bytes, allowed: frozenset[str]) -> bool:
    found = _HOST.fullmatch(host.decode("latin-1"))
    if found is None:
        return False
    name = (found["v6"] or found["name"]).lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return any(known.startswith("*.") and name.endswith(known[1:]) for known in allowed)


def _is_own(origin: bytes, host: bytes) -> bool:
    """Whether the page was loaded from where it calls. The scheme may differ: TLS may end in front of the app."""
    try:
        page = urlsplit(origin.decode("latin-1"))
        here = urlsplit(f"{page.scheme}://{host.decode('latin-1')}")
        usual = _PORTS.get(page.scheme)
        return bool(page.hostname) and (page.hostname, page.port or usual) == (here.hostname, here.port or usual)
    except ValueError:
        return False
