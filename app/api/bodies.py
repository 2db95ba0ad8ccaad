"""How a request's JSON is read and checked by type and range, for every dialect: what is wrong is told with the field's path."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from app.api.errors import Fault

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?")
Shape = TypeVar("Shape", bound=msgspec.Struct)
_decode = msgspec.json.Decoder().decode


def parse(raw: bytes | str) -> Any:
    """The JSON value in ``raw``. Raises Fault."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Fault(400, f"the body is not valid JSON: {str(error).partition(' - at ')[0]}") from None


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
    message = f"{where}: {what[0].lower()}{what[1:]}" if where else f"{what[0].lower()}{what[1:]}"
    missing = re.search(r"missing required field '(\w+)'", message)
    return Fault(400, message, param=where or (missing and missing[1]) or None)
