"""Where a rescued answer is joined: what the caller has seen, and the first text of the backend that goes on. Pure.

The prefill is the seen text without the white space at its end (a model continues badly after a lone space), so what comes next may begin
with that white space once more; the caller must see it once. A stop string may begin before the seam and end behind it. A backend that was
*asked* to go on (`instruct`) may repeat some of what was there; only then is an overlap taken out, and only one of at least 16 characters,
because a shorter one may be what the model meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

OVERLAP_MIN = 16
OVERLAP_MAX = 2000


@dataclass(slots=True)
class Seam:
    """Fed with the new backend's text, piece by piece; gives what the caller should see. ``stopped`` is set by a stop string."""

    seen: str
    stop: Sequence[str] = ()
    overlap: bool = False
    stopped: bool = False
    _held: str = ""
    _joined: bool = False
    _tail: str = field(init=False)

    def __post_init__(self) -> None:
        longest = max((len(word) for word in self.stop), default=0)
        self._tail = self.seen[-(longest - 1) :] if longest > 1 else ""

    @property
    def prefill(self) -> str:
        return self.seen.rstrip()

    def feed(self, text: str) -> str:
        """The part of ``text``, and of what was held back, that goes to the caller now."""
        if self.stopped:
            return ""
        if self._joined:
            return self._until_stop(text)
        self._held += text
        if self._undecided():
            return ""
        return self._join()

    def finish(self) -> str:
        """What is still held back when the new backend's answer ends."""
        return "" if self._joined or self.stopped else self._join()

    def _undecided(self) -> bool:
        white = self.seen[len(self.prefill) :]
        if white and white.startswith(self._held) and len(self._held) < len(white):
            return True
        return self.overlap and len(self._held) < OVERLAP_MAX and self._repeats(self._held)

    def _repeats(self, text: str) -> bool:
        """Whether ``text`` so far may be a repetition of the end of what was seen."""
        return text in self.seen[-OVERLAP_MAX:]

    def _join(self) -> str:
        self._joined = True
        text, self._held = self._held, ""
        if self.overlap:
            text = text[_overlap(self.seen, text) :]
        white = self.seen[len(self.prefill) :]
        return self._until_stop(text[_common(white, text) :])

    def _until_stop(self, text: str) -> str:
        """``text`` up to a stop string that ends in it, though it may begin before."""
        joined = self._tail + text
        at = min((index for word in self.stop if word and (index := joined.find(word)) >= 0), default=-1)
        if at >= 0:
            self.stopped = True
            return joined[len(self._tail) : at] if at > len(self._tail) else ""
        keep = len(self._tail)
        self._tail = joined[-keep:] if keep else ""
        return text


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length


def _overlap(seen: str, text: str) -> int:
    """How many characters at the start of ``text`` repeat the end of ``seen``; 0 when fewer than OVERLAP_MIN do."""
    for length in range(min(len(seen), len(text), OVERLAP_MAX), OVERLAP_MIN - 1, -1):
        if seen.endswith(text[:length]):
            return length
    return 0
