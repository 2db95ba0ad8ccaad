"""What a backend said, as failures: errors in the router's words, and what was no answer, without the credential that it may quote."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping

from app.logic.answer import Failure, Kind, reported

IN_STREAM = 0  # in place of a status: the error stood in an answer that had begun with 200
MASK = "***"
REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id")  # OpenAI, Anthropic, AWS, Azure

MapError = Callable[[int, Mapping[str, str], bytes], Failure]
"""From an error answer's status, headers and body to the router's words."""


class Said:
    """What one backend said, as failures. The credential that the request carried is taken out of everything, however it is spelled there."""

    __slots__ = ("_map_error", "_name", "_secrets")

    def __init__(self, name: str, map_error: MapError, *secrets: str) -> None:
        self._name = name
        self._map_error = map_error
        self._secrets = secrets

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """An error answer, or with IN_STREAM an error in an answer that began with 200, in the router's words.

        Masked before it is parsed, for a message may show the body's beginning, and afterwards, for parsing ends the escapes.
        """
        failure = self._map_error(status, headers, self._masked(body))
        failure.message = self._masked_text(failure.message)
        failure.args = (failure.message,)
        failure.param = failure.param and self._masked_text(failure.param)
        failure.reported = reported(
            status if status != IN_STREAM else 200,
            code=self._masked_text(failure.code),
            param=failure.param,
            request_id=next((headers[name] for name in REQUEST_IDS if name in headers), ""),
        )
        return failure

    def broken(self, kind: Kind, what: str) -> Failure:
        """An answer that is not whole; ``what`` quotes nothing."""
        text = f"backend '{self._name}' {what}"
        return Failure(kind, text, reason=text, billed="maybe")

    def garbled(self, what: str, found: bytes) -> Failure:
        """Something else than was promised, of which the caller is shown the beginning."""
        text = f"backend '{self._name}' {self._masked_text(what)}: {self._masked(found)[:80]!r}"
        return Failure(Kind.GARBLED, text, billed="maybe")

    def _masked(self, text: bytes) -> bytes:
        for secret in filter(None, self._secrets):
            text = _spellings(secret).sub(MASK.encode(), text)
        return text

    def _masked_text(self, text: str) -> str:
        for secret in filter(None, self._secrets):
            text = text.replace(secret, MASK)
        return text


@functools.lru_cache(maxsize=64)
def _spellings(secret: str) -> re.Pattern[bytes]:
    """``secret`` in bytes of JSON, where each character may be an escape.

    Each has one way to be matched and no more: with two a text that begins like the secret would take time without bounds.
    """
    either = (
        rb"(?:%s%s|\\u(?i:%04x))" % (rb"\\?" if c in '"/' else b"", re.escape(c.encode()), ord(c)) for c in secret
    )
    return re.compile(b"".join(either))
