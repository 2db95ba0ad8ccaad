"""The models of the routes that the providers' pages show: whoever copies one is answered."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from catalog.retirements.dates import PLATFORMS, retirement

PAGES = sorted((Path(__file__).parents[2] / "docs" / "providers").glob("*.md"))
CHECKED = date(2026, 12, 1)  # when the pages were last read: a test that fails by itself one day helps nobody


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_shows_a_model_that_has_ended(page: Path) -> None:
    """By the dates of the catalog."""
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
        backends = (yaml.safe_load(block) or {}).get("backends") or {}
        for spec in backends.values():
            if spec.get("adapter") in PLATFORMS and "endpoint" not in spec:
                ends = retirement(spec["adapter"], spec.get("model", ""))
                assert ends is None or ends > CHECKED, spec["model"]
