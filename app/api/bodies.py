"""How a request's JSON is read and checked by size, type and range, for every dialect: what is wrong is told with the field's path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from app.api.errors import Fault

# Each may become an object of some 50 bytes, and decoding holds the interpreter: 31 MiB of `{},` took 1.6 GB and 5.7 s from everybody
# (2026-11-30). A prompt of 300,000 token ids has 300,000; commas in texts count too, for telling them apart is decoding.
MAX_MARKS = 1_000_000
_MARKS = (b"{", b"[", b",")
DEEP = 128  # levels: as deep as serde_json goes, by which many model servers read requests

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?")
Shape = TypeVar("Shape", bound=msgspec.Struct)
_decode = msgspec.json.Decoder().decode


def parse(raw: bytes | str) -> Any:
    """The JSON value in ``raw``. Raises Fault."""
    if len(raw) > MAX_MARKS:  # a shorter one cannot have so many
        _check_marks(raw.encode() if isinstance(raw, str) else raw)
    try:
        return _decode(raw)
    except RecursionError:
        raise too_deep() from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Fault(400, f"the body is not valid JSON: {str(error).partition(' - at ')[0]}") from None


def _check_marks(raw: bytes) -> None:
    """Counts what may become an object, a GB a second. Raises Fault."""
    marks = sum(map(raw.count, _MARKS))
    if marks > MAX_MARKS:
        raise Fault(
            400,
            f"the body has {marks:,} braces, brackets and commas, and at most {MAX_MARKS:,} are taken: send less at a time",
        )


def too_deep() -> Fault:
    return Fault(400, "the body is nested too deeply")


def is_deep(value: Any) -> bool:
    """Whether ``value`` is nested so deep that a RecursionError may be its fault: what could just be decoded cannot be encoded again where
    the stack is higher. Measured only then, for measuring takes as long as decoding.
    """
    level = [value]
    for _ in range(DEEP):
        level = [child for each in level for child in _children(each) if type(child) is dict or type(child) is list]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def converted(body: Any, shape: type[Shape]) -> Shape:
    """A parsed body as ``shape``. Raises Fault with the field that is wrong."""
    try:
        return msgspec.convert(body, shape)
    except RecursionError:
        raise too_deep() from None
    except msgspec.ValidationError as error:
        raise wrong(str(error)) from None


def wrong(text: str) -> Fault:
    """msgspec's sentence, with the field's path in front and as ``param``."""
    found = _AT.fullmatch(text)
    what, where = (found["what"], found["where"]) if found else (text, None)
    what = what.replace("`", "'")
    if what.startswith("Expected 'null'"):
        what = "There is no such field on this path"
    message = f"{where}: {what[0].lower()}{what[1:]}" if where else f"{what[0].lower()}{what[1:]}"
    missing = re.search(r"missing required field '(\w+)'", message)
    return Fault(400, message, param=where or (missing and missing[1]) or None)
