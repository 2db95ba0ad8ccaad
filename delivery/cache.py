"""The folder of what is fetched or made once for all clones, the same that tools/setup.sh uses."""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """Below the user's own cache; it need not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trimaran"
