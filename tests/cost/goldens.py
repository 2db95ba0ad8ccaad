"""What a person sees of an estimate, in every format: the texts of the golden files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from cost import usage
from cost.amounts import Case
from cost.estimate import estimate_of
from cost.lines import Estimate
from cost.report import markdown, sources, values
from cost.table import render
from plan.document import parse

PREVIEWS = Path(__file__).with_name("previews")
USAGE = Path(__file__).with_name("usage.yaml")
WIDE, NARROW = 100, 60


def of_preview(name: str, with_usage: bool) -> Estimate:
    """The estimate of a preview that a real engine printed."""
    stated = usage.parse(USAGE.read_text(), USAGE.name) if with_usage else usage.NO_USAGE
    return estimate_of(parse((PREVIEWS / f"{name}.json").read_text()), stated)


def wide(estimate: Estimate) -> str:
    """The table as a terminal of 100 columns shows it."""
    return render(estimate, Case.EXPECTED, width=WIDE, colour=False) + "\n"


RENDERED: Mapping[str, Callable[[], str]] = {
    "created.txt": lambda: wide(of_preview("created", with_usage=False)),
    "changed.txt": lambda: wide(of_preview("changed", with_usage=True)),
    "changed-narrow.txt": lambda: (
        render(of_preview("changed", with_usage=True), Case.EXPECTED, width=NARROW, colour=False) + "\n"
    ),
    "changed.md": lambda: markdown(of_preview("changed", with_usage=True), Case.EXPECTED) + "\n",
    "changed.json": lambda: json.dumps(values(of_preview("changed", with_usage=True), Case.EXPECTED), indent=1) + "\n",
    "changed-sources.txt": lambda: "\n".join(sources(of_preview("changed", with_usage=True))) + "\n",
}
