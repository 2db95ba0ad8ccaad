"""Types of this machine's own provider: all of them cost nothing."""

from __future__ import annotations

from collections.abc import Mapping

_HERE = "runs on this machine"

FREE: Mapping[str, str] = {"machine:index:Process": _HERE, "machine:index:Proxy": _HERE}
