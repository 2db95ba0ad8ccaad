"""An error answer's body as fields, whatever it is wrapped in: an object, a list, JSON within JSON, FastAPI's `detail`, OpenRouter's `metadata`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

_STATUS = re.compile(r"[45][0-9]{2}")
_DEPTH = 6  # gateways wrap what they got from others
_WRAPS = ("error", "errors", "detail", "message", "msg", "error_message")
_CODES = ("code", "type", "status", "error_type", "error_code")


class ErrorBody(NamedTuple):
    """``codes``: everything that stands where a code, a type or a status may. ``status``: an HTTP status that the body names.

    ``words``: the message without the names of fields, which are a caller's. ``is_object``: whether it is JSON at all. ``is_validation``: FastAPI's list of the fields that are wrong.
    """

    message: str = ""
    code: str = ""
    codes: frozenset[str] = frozenset()
    param: str | None = None
    status: int | None = None
    is_object: bool = False
    is_validation: bool = False
    words: str = ""


def read(body: bytes) -> ErrorBody:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ErrorBody()
    found = _Found()
    found.look(value, _DEPTH)
    return ErrorBody(
        message=found.message,
        code=found.codes[0] if found.codes else "",
        codes=frozenset(found.codes),
        param=found.param,
        status=next((int(code) for code in found.codes if _STATUS.fullmatch(code)), None),
        is_object=isinstance(value, (dict, list)),
        is_validation=found.is_validation,
        words=found.words or found.message,
    )


def top(body: bytes) -> dict[str, Any]:
    """The object that ``body`` is; an empty one where it is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def aws_type(headers: Mapping[str, str], given: Mapping[str, Any]) -> str:
    """The name of AWS's exception in small letters: in a header `ThrottlingException:http://…`, in a body `com.amazon…#ThrottlingException`."""
    said = headers.get("x-amzn-errortype") or given.get("__type") or given.get("code") or ""
    return str(said).partition(":")[0].rpartition("#")[2].strip().lower()


class _Found:
    """What the wraps of an error have, the innermost words first."""

    def __init__(self) -> None:
        self.message = ""
        self.codes: list[str] = []
        self.param: str | None = None
        self.is_validation = False
        self.words = ""

    def look(self, value: Any, depth: int) -> None:
        match value:
            case dict() if depth:
                self._note(value)
                self._look_behind(value.get("metadata"), depth)
                for name in _WRAPS:
                    self.look(value.get(name), depth - 1)
            case [{"loc": list() as where, "msg": str() as what}, *_]:
                self.is_validation = True
                self.words, self.message = what, f"{'.'.join(map(str, where))}: {what}"
            case [first, *_] if depth:
                self.look(first, depth - 1)
            case str() if depth and value[:1] in ("{", "["):
                self._within(value, depth)
            case str():
                self.message = self.message or value

    def _look_behind(self, metadata: Any, depth: int) -> None:
        """OpenRouter says "Provider returned error" of all, and here what the provider said (cline/cline 13194 and others, read 2026-12-01).

        Nothing else of it is looked at: other vendors might give a caller's own metadata back.
        """
        if isinstance(metadata, dict) and metadata.get("raw"):
            self.look(metadata["raw"], depth - 1)

    def _note(self, error: dict[str, Any]) -> None:
        for name in _CODES:
            if isinstance(code := error.get(name), (str, int)) and not isinstance(code, bool):
                self.codes.append(str(code))
        if isinstance(param := error.get("param"), str):
            self.param = self.param or param

    def _within(self, text: str, depth: int) -> None:
        try:
            self.look(msgspec.json.decode(text), depth - 1)
        except (msgspec.DecodeError, RecursionError):
            self.message = self.message or text
