"""Who may call: named keys, compared in constant time, read again when their file changes. A key's text is kept nowhere.

A file is taken as a whole or not at all. One that is written anew beside the old one and renamed is always whole. One that is changed in
place may be read while it is half-written, so it is taken only when it ends with the end of a line and has not changed since the look
before; a hangup (SIGHUP) is the operator's word that it is done.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

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
        names[digest_of(key.strip().encode())] = name.strip()
    return names


class _Stamp(NamedTuple):
    """By which a changed file is known; another ``inode`` is another file under the same name."""

    inode: int
    changed_ns: int
    size: int


class Keys:
    """The keys that are valid now. Without any, everybody may call (the app refuses to start so on a public address).

    ``on_change`` are called when a reading has changed them. Raises KeysError.
    """

    def __init__(self, text: str, file: Path | None) -> None:
        self.on_change: set[Callable[[], None]] = set()
        self._names = self._fixed = parse(text, "TRIMARAN_API_KEYS")
        self._file = file
        self._trouble = ""
        self._taken: _Stamp | None = None
        self._seen: _Stamp | None = None
        if file is not None:
            try:
                self._taken, read = _read(file)
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is not UTF-8"
                raise KeysError(f"TRIMARAN_API_KEYS_FILE={file} cannot be read: {why}") from None
            self._names = self._fixed | parse(read, str(file))

    @property
    def required(self) -> bool:
        return bool(self._names) or self._file is not None

    def name_of(self, key: bytes) -> str | None:
        """The name that ``key`` belongs to, None when it is not valid."""
        return self.name_by(digest_of(key))

    def name_by(self, digest: bytes) -> str | None:
        """The name of the key with this digest, None when it is not, or no longer, valid."""
        for known, name in self._names.items():
            if hmac.compare_digest(known, digest):
                return name
        return None

    def reload(self, *, anyway: bool = False) -> None:
        """Reads the file again if it changed, or ``anyway``. A bad or missing file keeps the keys that there are, and says so once."""
        if self._file is None:
            return
        try:
            if anyway or _stamp(self._file) != self._taken:
                self._take(self._file, anyway=anyway)
            self._trouble = ""
        except (OSError, UnicodeDecodeError, KeysError) as error:
            if anyway or str(error) != self._trouble:
                log.error("the keys stay as they were: %s", error)
            self._trouble = str(error)

    def _take(self, file: Path, *, anyway: bool) -> None:
        """Takes the file's keys, unless it may be half-written: then the next look decides. Raises KeysError, OSError, UnicodeDecodeError."""
        stamp, text = _read(file)
        names = self._fixed | parse(text, str(file))
        if not anyway and self._taken is not None and stamp.inode == self._taken.inode:
            if text and not text.endswith("\n"):
                raise KeysError(f"{file}: its last line has no end, so it may be half-written: end it, or send SIGHUP")
            if stamp != self._seen:
                self._seen = stamp
                return
        self._taken, before, self._names = stamp, self._names, names
        log.info("read the keys again: %d are valid, from %s", len(names), file)
        if names != before:
            for tell in list(self.on_change):
                tell()


class Holder:
    """Somebody who came with a key and stays: known by its digest, and told when it is valid no longer."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._digest: bytes | None = None

    def name_of(self, key: bytes) -> str | None:
        """The name of ``key``, which is the holder's from now on; None when it is not valid."""
        name = self._keys.name_of(key)
        if name is not None:
            self._digest = digest_of(key)
        return name

    @contextmanager
    def losing(self, tell: Callable[[], None]) -> Iterator[None]:
        """While open, ``tell`` is called when the holder's key is revoked."""

        def look() -> None:
            if self._digest is not None and self._keys.name_by(self._digest) is None:
                tell()

        self._keys.on_change.add(look)
        try:
            yield
        finally:
            self._keys.on_change.discard(look)


def digest_of(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _stamp(file: Path) -> _Stamp:
    status = file.stat()
    return _Stamp(status.st_ino, status.st_mtime_ns, status.st_size)


def _read(file: Path) -> tuple[_Stamp, str]:
    stamp = _stamp(file)
    return stamp, file.read_text(encoding="utf-8")


def presented(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key that a request carries, in `x-api-key` or `Authorization: Bearer`. Beside the one, the other may have a platform's own token."""
    if key := headers.get(b"x-api-key"):
        return key
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None
