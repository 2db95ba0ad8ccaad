"""What a tool call is called where a vendor takes fewer characters than the one that named it: two calls never become one."""

from __future__ import annotations

import hashlib
import re

_DIGEST = 32


def fitted(given: object, unwanted: re.Pattern[str], longest: int) -> str:
    """``given`` itself where a vendor takes it, else what of it may stay, and a digest of the whole: without one `a/b` and `a b` would be the same."""
    id = str(given)
    kept = unwanted.sub("_", id)
    if kept == id and len(id) <= longest:
        return id
    return f"{kept[: longest - _DIGEST - 1]}_{hashlib.sha256(id.encode(errors='surrogatepass')).hexdigest()[:_DIGEST]}"
