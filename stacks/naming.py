"""Names that a cloud will accept: one function that makes a valid name from parts."""

from __future__ import annotations

import hashlib
import re

from catalog.names import NAME_RULES

_HASH_DIGITS = 8


def name(kind: str, *parts: str) -> str:
    """A valid name for this kind of resource: the parts joined, the same on every run.

    What had to be changed to fit ends in a hash of what it was, so that two different names never become one.
    """
    rule = NAME_RULES[kind]
    wanted = rule.separator.join(part for part in parts if part)
    if rule.allows(wanted):
        return wanted
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_HASH_DIGITS]
    folded = wanted.lower() if rule.lower else wanted
    words = [word for word in re.split(r"[^A-Za-z0-9]+", folded) if word]
    kept = rule.separator.join(words)
    if not re.match(r"[A-Za-z]", kept) or kept.lower().startswith(rule.not_first):
        kept = f"t{rule.separator}{kept}"
    room = rule.max_length - len(rule.separator) - _HASH_DIGITS
    return f"{kept[:room].rstrip('-')}{rule.separator}{digest}"
