"""Characters that a vendor cut in half: JSON writes what lies beyond the basic plane as two escapes, and some servers send one in each event.

Neither half is a character, so parsers refuse both. Each text of such an event is joined again: the first half waits for the second.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    rb"\\(?:u([0-9a-fA-F]{4})|.)", re.S
)  # each escape is taken whole, so that an escaped backslash begins none
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_REPLACEMENT = rb"\ufffd"  # what Unicode has for a half that stays alone


class Halves:
    """One answer's. ``held``: the first half that ended a text, empty where none waits."""

    def __init__(self) -> None:
        self.held = b""

    @staticmethod
    def are_in(raw: bytes) -> bool:
        return _HALF.search(raw) is not None

    def joined(self, raw: bytes, *, whole: bool = False) -> bytes:
        """``raw``, whole events or with ``whole`` a whole answer, in which every escape is a character."""
        parts: list[bytes] = []
        at = 0
        escapes = iter([(found.start(), found.end(), _code(found)) for found in _ESCAPE.finditer(raw)])
        escape = next(escapes, None)
        while escape is not None:
            start, end, code = escape
            following = next(escapes, None)
            if 0xD800 <= code <= 0xDBFF:
                if following is not None and following[0] == end and 0xDC00 <= following[2] <= 0xDFFF:
                    following = next(escapes, None)  # a pair
                else:
                    parts += (raw[at:start], self._alone(raw, start, end, whole=whole))
                    at = end
            elif 0xDC00 <= code <= 0xDFFF:
                is_second = self.held and raw[start - 1 : start] == b'"'
                parts += (raw[at:start], self.held + raw[start:end] if is_second else _REPLACEMENT)
                self.held = b"" if is_second else self.held
                at = end
            escape = following
        return b"".join((*parts, raw[at:]))

    def _alone(self, raw: bytes, start: int, end: int, *, whole: bool) -> bytes:
        """What a first half becomes that no second one follows: nothing yet where it ends a text of a stream."""
        if whole or raw[end : end + 1] != b'"':
            return _REPLACEMENT
        self.held = raw[start:end]
        return b""


def _code(escape: re.Match[bytes]) -> int:
    return int(escape[1], 16) if escape[1] else 0
