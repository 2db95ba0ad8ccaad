"""Who may call: named keys, compared in constant time, read again when their file changes. A key's text is kept nowhere."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)


class KeysError(ValueError):
    """Keys that cannot be used; the text never quotes a key."""


def parse(text: str, source: str) -> dict[bytes, str]:
    """The names by the sha256 of their keys, from lines `name=key`; empty lines and lines that start with # are left out."""
    names: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, separator, key = line.partition("=")
        if not separator or not name.strip() or not key.strip():
            raise KeysError(f"{source}, line {number}: a key is written name=key")
        names[hashlib.sha256(key.strip().encode()).digest()] = name.strip()
    return names


class Keys:
    """The keys that are valid now. Without any, everybody may call (the app refuses to start so on a public address)."""

    def __init__(self, text: str, file: Path | None) -> None:
        self._fixed = parse(text, "TRIMARAN_API_KEYS")
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._trouble = ""
        self._names = dict(self._fixed)
        self._from_file: dict[bytes, str] = {}
        if file is not None:
            self._read_file(file)

    @property
    def required(self) -> bool:
        return bool(self._names) or self._file is not None

    def name_of(self, key: bytes) -> str | None:
        """The name that ``key`` belongs to, None when it is not valid."""
        digest = hashlib.sha256(key).digest()
        for known, name in self._names.items():
            if hmac.compare_digest(known, digest):
                return name
        return None

    def reload(self, *, anyway: bool = False) -> None:
        """Reads the file again if it changed, or ``anyway``. A bad or missing file keeps the keys that there are, and says so once."""
        if self._file is None:
            return
        try:
            status = self._file.stat()
            if anyway or (status.st_mtime_ns, status.st_ino) != self._stamp:
                self._read_file(self._file)
                log.info("read the keys again: %d are valid, from %s", len(self._names), self._file)
            self._trouble = ""
        except (OSError, UnicodeDecodeError, KeysError) as error:
            if anyway or str(error) != self._trouble:
                log.error("the keys stay as they were: %s", error)
            self._trouble = str(error)

    def _read_file(self, file: Path) -> None:
        status = file.stat()
        self._from_file = parse(file.read_text(), str(file))
        self._names = self._fixed | self._from_file
        self._stamp = (status.st_mtime_ns, status.st_ino)


def presented(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key that a request carries, in `Authorization: Bearer` or `x-api-key`."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token.strip():
        return token.strip()
    return headers.get(b"x-api-key") or None
