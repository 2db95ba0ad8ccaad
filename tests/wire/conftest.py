"""Golden transcripts: files that show what a caller reads, byte for byte. `pytest tests/wire --update-goldens` rewrites them; read the diff."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="rewrite the golden transcripts of tests/wire")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """Compares with the file of that name, or rewrites it."""

    def compare(name: str, seen: bytes) -> None:
        path = FOLDER / name
        if request.config.getoption("--update-goldens", default=False):
            path.write_bytes(seen)
        assert seen.decode() == path.read_text()

    return compare
