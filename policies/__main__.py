"""The policy pack as the engine starts it: `pulumi preview --policy-pack policies` works by hand too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the engine puts this folder on the path, not its parent

from policies.pack import serve

serve()
