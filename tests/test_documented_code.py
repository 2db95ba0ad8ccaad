"""The Python on the pages that say how to add something passes the checks that a person's file has to pass."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# An example imports a cloud's folder that is not there here, and ruff tells whose a module is by looking.
_OURS = (
    "lint.isort.known-first-party = ['app', 'catalog', 'cost', 'delivery', 'plan', 'policies', 'providers', 'stacks']"
)
_BLOCK = re.compile(r"^ *```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def _files_of(page: Path) -> list[str]:
    """The blocks that are whole files, not a row of one."""
    blocks = (textwrap.dedent(each) for each in _BLOCK.findall(page.read_text(encoding="utf-8")))
    return [each for each in blocks if each.startswith(("from ", "import ", '"""'))]


EXAMPLES = [
    pytest.param(text, id=f"{page.stem}-{at}")
    for page in sorted((ROOT / "docs").glob("adding-*.md"))
    for at, text in enumerate(_files_of(page))
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_passes_ruff(text: str) -> None:
    """Whoever copies it begins with a file that `./trimaran check` takes."""
    options = ("--quiet", "--config", _OURS, "--stdin-filename", "cost/aws/example.py")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, "-"],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_every_page_has_an_example() -> None:
    """Else nothing would be held to anything."""
    assert {str(each.id).rpartition("-")[0] for each in EXAMPLES} == {
        "adding-a-price",
        "adding-a-rule",
        "adding-a-target",
        "adding-an-adapter",
    }
