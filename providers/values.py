"""Property values as every provider written here means them: the plan's plain values, with integers where the wire has floats."""

from __future__ import annotations

from typing import Any

from plan import tokens


def plain(value: Any) -> Any:
    """The value with every secret taken out of its wrapper and whole numbers, which travel as floats, as integers again."""
    return _with_integers(tokens.plain(value))


def _with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
