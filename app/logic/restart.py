"""Whether a backend that was asked to go on with an answer starts it over instead. Pure.

Nobody can tell for sure, so what looks like it is never mended by leaving text out: the attempt is given up, and another backend may go on.
"""

from __future__ import annotations

import re

LOOKED_AT = 200  # characters of the continuation
_BEGINNING = 400  # of what was seen: where an answer that starts over has its words from
_GRAM = 8  # characters in a row; of two texts on one subject few have as many in common by chance
_MUCH, _SOME = 0.5, 0.2  # of a continuation's grams; of a list's next items, which repeat a phrase, about a quarter
_SAME, _ALIKE = 24, _GRAM  # characters in which both begin

_NO_LETTERS = re.compile(r"[\W_]+")
_ENDS_SENTENCE = (".", "!", "?", ":", ";", "。", "！", "？", "\n", '"', "”", "`", "*", ")", "|")


def starts_over(seen: str, text: str) -> bool:
    """Whether ``text``, which was to go on behind ``seen``, tells the same again in other words."""
    told, again = _letters(seen[:_BEGINNING]), _letters(text[:LOOKED_AT])
    alike = _common(told, again)
    shared = _shared(told, again)
    if alike >= _SAME or shared >= _MUCH:
        return True
    return _breaks_into(seen, text) and (alike >= _ALIKE or shared >= _SOME)


def _breaks_into(seen: str, text: str) -> bool:
    """Whether ``text`` begins a sentence where ``seen`` is in the middle of one."""
    return text.lstrip()[:1].isupper() and not seen.rstrip(" ").endswith(_ENDS_SENTENCE)


def _shared(told: str, again: str) -> float:
    """Which part of what is said in ``again`` is said in ``told``."""
    grams = {again[at : at + _GRAM] for at in range(len(again) - _GRAM + 1)}
    return sum(gram in told for gram in grams) / len(grams) if grams else 0.0


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text.casefold())
