"""Golden transcripts: files that show what a caller reads, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.goldens import Golden

FOLDER = Path(__file__).parent / "golden"


@pytest.fixture
def transcript(golden: Golden) -> Callable[[str, bytes], None]:
    """Compares with the file of that name, or rewrites it."""
    return lambda name, seen: golden(FOLDER / name, seen.decode())
