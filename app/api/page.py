"""The chat page: the files of `app/web`, read once at start, under headers that let them load and call nothing but this app."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

WEB = Path(__file__).parent.parent / "web"
PREFIX = "/web/"

# Nothing inline, nothing from elsewhere. Trusted types: a string that reaches an HTML or script sink throws, whoever wrote it.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # kept, but asked about each time: a new revision shows at once
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def is_page(path: str) -> bool:
    """Whether ``path`` belongs to the page's own files, which anybody may load: the page itself asks for a key."""
    return path == "/" or path.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    headers: dict[str, str]


class Page:
    """A raw ASGI endpoint. Only what lay in ``folder`` at start is served: a path is looked up, never opened."""

    def __init__(self, folder: Path = WEB) -> None:
        files = sorted(path for path in folder.rglob("*") if path.suffix in _TYPES)
        found = {PREFIX + path.relative_to(folder).as_posix(): _read(path) for path in files}
        self._files = {"/": found.pop(PREFIX + "index.html"), **found}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises HTTPException 404 for a file that is not there."""
        file = self._files.get(scope["path"])
        if file is None:
            raise HTTPException(404)
        if _has(Headers(scope=scope).get("if-none-match", ""), file.headers["etag"]):
            response = Response(status_code=304, headers=file.headers)
        else:
            response = Response(file.body, headers=file.headers)
        await response(scope, receive, send)


def _read(path: Path) -> _File:
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    return _File(body, {**_HEADERS, "content-type": _TYPES[path.suffix], "etag": etag})


def _has(if_none_match: str, etag: str) -> bool:
    """Whether the list of ``If-None-Match`` names the tag, compared weakly as RFC 9110 13.1.2 says (a proxy may have weakened it)."""
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in if_none_match.split(","))
