"""Images that a message gives by address, fetched here and put in as ``data:`` URLs, so that a server in our network fetches nothing.

The address is a caller's choice. So: names are resolved once and the connection goes to exactly the addresses that were checked (a name
that changes its mind afterwards gains nothing), only public ones, no redirects, no proxy, no cookies, and limits of size and time.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import ipaddress
import itertools
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from app.logic.admission.body_bytes import Share
from app.logic.answer import Failure, Kind
from app.logic.excerpt import excerpt

MAX_IMAGES = 8
MAX_IMAGE_BYTES = 10 * 2**20
MAX_FETCH_S = 5.0
MAX_ADDRESS_CHARS = 8 * 2**10  # what servers take of one

# Signatures of the formats that vision models take; the server's own content-type proves nothing.
_FORMATS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
# IANA's special-purpose registries (RFC 6890, checked 2026-11-30), which say what of the address space is no ordinary host. Written out:
# which of them Python's ``is_global`` knows depends on its patch version. Azure's host agent is public by the registry, and not for us.
_NOT_PUBLIC_4 = [
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *(
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
]
# All that is given out for hosts (RFC 4291, section 2.4), and what of it is not: protocol assignments with Teredo, documentation, 6to4.
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = [
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20")
]
# How a network without IPv4 writes the address of a host that has no other (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What stands before an IPv4 address to which a router of the network would tunnel (RFC 5214, section 6.1).
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet could reach. Raises ValueError for what is none."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    inside = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip.ipv4_mapped is not None or ip in _NAT64:
        return is_public(str(inside))
    if ip.scope_id is not None or ip not in _UNICAST_6 or any(ip in network for network in _NOT_PUBLIC_6):
        return False
    return (int(ip) >> 32) & 0xFFFF_FFFF not in _ISATAP or is_public(str(inside))


@functools.cache
def _resolvers() -> ThreadPoolExecutor:
    """Threads of their own: a caller's name that takes its time must not hold up those that backends are looked up with."""
    return ThreadPoolExecutor(4, "image-names")


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of ``host``, as the system's resolver gives them. Raises OSError."""
    look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_resolvers(), look_up)
    return [str(address[4][0]) for address in found]


class _Pinned(AbstractResolver):
    """Gives a connection the addresses that were checked, and no others."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Holds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFetcher:
    """``permitted`` and ``resolve`` are there for tests, whose public host is a local server."""

    resolve: Resolve = resolve
    permitted: Callable[[str], bool] = is_public
    max_bytes: int = MAX_IMAGE_BYTES
    max_s: float = MAX_FETCH_S

    async def inline(self, messages: list[dict[str, Any]], deadline: float, held: Share) -> list[dict[str, Any]]:
        """The messages with every http(s) image in place, which ``held`` reserves. ``deadline`` is in the time of ``time.monotonic``.

        Raises Failure, or Full.
        """
        images = itertools.chain.from_iterable(map(_images, messages))
        wanted = sorted({url for url in map(address, images) if not is_data(url)})
        if not wanted:
            return messages
        if len(wanted) > MAX_IMAGES:
            raise _refused(f"{len(wanted)} images by address; at most {MAX_IMAGES} are fetched")
        try:
            async with asyncio.timeout(min(self.max_s, max(0.0, deadline - time.monotonic()))):
                fetched = await self._all(wanted, held)
        except TimeoutError:
            raise _refused(f"fetching the images took longer than {self.max_s:g} s; send them as data: URLs") from None
        return [_replaced(message, dict(zip(wanted, fetched, strict=True))) for message in messages]

    async def _all(self, urls: Sequence[str], held: Share) -> list[str]:
        """Every image, or none: with one that is not taken the fetching of the others ends."""
        fetching = [asyncio.create_task(self.fetch(url, held)) for url in urls]
        try:
            return await asyncio.gather(*fetching)
        finally:
            for task in fetching:
                task.cancel()

    async def fetch(self, url: str, held: Share) -> str:
        """One image as a ``data:`` URL. Raises Failure, or Full."""
        target, addresses = await self._checked(url)
        connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
            try:
                async with http.get(target, allow_redirects=False, headers={"accept": "image/*"}) as response:
                    if response.status != 200:
                        raise _refused(f"{excerpt(url)} answered {response.status}; redirects are not followed")
                    image = await self._read(response, url, held)
            except (aiohttp.ClientError, OSError) as error:
                raise _refused(f"{excerpt(url)} cannot be fetched: {type(error).__name__}") from error
        return f"data:{_media_type(image, url)};base64,{base64.b64encode(image).decode()}"

    async def _checked(self, url: str) -> tuple[URL, Sequence[str]]:
        """The address to ask and where it may be asked."""
        if len(url) > MAX_ADDRESS_CHARS:
            raise _refused(f"{excerpt(url)!r} is longer than {MAX_ADDRESS_CHARS} characters")
        try:
            target = URL(url)
        except ValueError:
            raise _refused(f"{excerpt(url)!r} is not an address") from None
        if target.scheme not in ("http", "https") or not target.host or target.user or target.password:
            raise _refused(f"{excerpt(url)!r}: only data:, http: and https: without credentials are taken")
        host = target.host
        try:
            addresses = await self.resolve(host, target.port or 443)
            if not addresses or not all(map(self.permitted, addresses)):
                raise _refused(f"{excerpt(host)} is not a public host")
        except (OSError, ValueError):
            raise _refused(f"{excerpt(host)} cannot be resolved") from None
        return target, addresses

    async def _read(self, response: aiohttp.ClientResponse, url: str, held: Share) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := await response.content.readany():
            size += len(part)
            if size > self.max_bytes:
                raise _refused(f"{excerpt(url)} has more than {self.max_bytes >> 20} MiB")
            held.grow(len(part) * 4 // 3)  # as base64, in which it goes on
            parts.append(part)
        return b"".join(parts)


def is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def address(part: dict[str, Any]) -> str:
    """An image part's URL; some clients write it without the object around it. Raises Failure."""
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise _refused("an image part needs image_url.url")
    return url


def _images(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [part for part in content if part.get("type") == "image_url"] if isinstance(content, list) else []


def _replaced(message: dict[str, Any], fetched: dict[str, str]) -> dict[str, Any]:
    """A copy of ``message``: the caller's own is used again when another backend is tried."""
    if not _images(message):
        return message
    parts: list[dict[str, Any]] = []
    for part in message["content"]:
        if part.get("type") == "image_url" and (url := address(part)) in fetched:
            image = part["image_url"] if isinstance(part["image_url"], dict) else {}
            part = {**part, "image_url": {**image, "url": fetched[url]}}
        parts.append(part)
    return {**message, "content": parts}


def _media_type(image: bytes, url: str) -> str:
    for signature, media_type in _FORMATS:
        if image.startswith(signature):
            return media_type
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    raise _refused(f"{excerpt(url)} is not a PNG, JPEG, GIF or WebP image")


def _refused(why: str) -> Failure:
    return Failure(Kind.BAD_REQUEST, f"an image is not taken: {why}", param="messages")
