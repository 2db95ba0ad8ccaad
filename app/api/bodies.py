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
MAX_DEPTH = 128  # as serde_json, which many model servers read requests by; what is deeper may be decoded here and then not encoded again

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?")
Shape = TypeVar("Shape", bound=msgspec.Struct)
_decode = msgspec.json.Decoder().decode


def parse(raw: bytes | str) -> Any:
    """The JSON value in ``raw``. Raises Fault."""
    if isinstance(raw, str):
        raw = raw.encode()
    opening = raw.count(b"{") + raw.count(b"[")
    if len(raw) > MAX_MARKS and (marks := opening + raw.count(b",")) > MAX_MARKS:  # a shorter one cannot have so many
        raise Fault(
            400,
            f"the body has {marks:,} braces, brackets and commas, and at most {MAX_MARKS:,} are taken: send less at a time",
        )
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Fault(400, f"the body is not valid JSON: {str(error).partition(' - at ')[0]}") from None
    if opening > MAX_DEPTH and _is_deep(value):
        raise Fault(400, f"the body is nested more than {MAX_DEPTH} deep")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
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
    except (msgspec.ValidationError, RecursionError) as error:
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
