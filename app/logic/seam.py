"""Where a rescued answer is joined: what the caller has seen, and the first text of the backend that goes on. Pure.

The prefill is the seen text without the white space at its end (a model continues badly after a lone space), so what comes next may begin
with that white space once more; the caller must see it once. A stop string may begin before the seam and end behind it. A backend that was
*asked* to go on (`instruct`) may tell some of what was there again. What it repeats to the letter, up to where the answer broke off, is
left out, if it is at least 16 characters or the whole of it: less may be what the model meant. One that starts over in other words has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.logic import restart

OVERLAP_MIN = 16


class StartedOver(Exception):
    """The backend tells the answer from its beginning again, in other words than before."""


@dataclass(slots=True)
class Seam:
    """Fed with the new backend's text, piece by piece; gives what the caller should see. ``stopped`` is set by a stop string.

    ``asked``: the backend was asked to go on, in words. Feeding it and ``finish`` raise StartedOver then.
    """

    seen: str
    stop: Sequence[str] = ()
    asked: bool = False
    stopped: bool = False
    _held: str = ""
    _joined: bool = False
    _again: str = ""  # what of the seen text it has yet to repeat
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
            return self._until_stop(self._behind_repetition(text))
        self._held += text
        if self._undecided():
            return ""
        return self._join()

    def finish(self) -> str:
        """What is still held back when the new backend's answer ends."""
        rest = "" if self._joined or self.stopped else self._join()
        if self._again.strip() and not self.stopped:
            raise StartedOver
        return rest

    def _undecided(self) -> bool:
        white = self.seen[len(self.prefill) :]
        if white and white.startswith(self._held) and len(self._held) < len(white):
            return True
        return self.asked and len(self._held) < restart.LOOKED_AT

    def _join(self) -> str:
        self._joined = True
        text, self._held = self._held, ""
        if self.asked:
            text = self._new(text)
        white = self.seen[len(self.prefill) :]
        return self._until_stop(text[_common(white, text) :])

    def _new(self, text: str) -> str:
        """The part of an asked continuation's beginning that was not there before."""
        for start in (text, text.lstrip()):
            if told := _overlap(self.prefill, start):
                return start[told:]
            if len(start) >= restart.LOOKED_AT and (at := self.prefill.find(start)) >= 0:
                self._again = self.prefill[at + len(start) :]
                return ""
        if restart.starts_over(self.prefill, text):
            raise StartedOver
        return text

    def _behind_repetition(self, text: str) -> str:
        """What of ``text`` is new, while it may still be repeating."""
        if not self._again:
            return text
        same = _common(self._again, text)
        if same < min(len(self._again), len(text)):
            raise StartedOver
        self._again = self._again[same:]
        return text[same:]

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
    """How many characters at the start of ``text`` repeat the end of ``seen``, or all of it; 0 when fewer than OVERLAP_MIN do."""
    if seen and text.startswith(seen):
        return len(seen)
    for length in range(min(len(seen), len(text)), OVERLAP_MIN - 1, -1):
        if seen.endswith(text[:length]):
            return length
    return 0
