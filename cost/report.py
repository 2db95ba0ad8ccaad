"""The estimate for machines and for a pull request: JSON in the shape of docs/interfaces.md, Markdown, a list of sources."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cost.amounts import Case
from cost.lines import Estimate, Line
from cost.rows import MARKS, assumptions, change_text, groups, rate_text, summary, total_text

_UNCHANGED = " "


def values(estimate: Estimate, case: Case) -> dict[str, Any]:
    """The body of `cost --json`; dollars are texts, null where there is no number."""
    before, after = estimate.total("before", case), estimate.total("after", case)
    return {
        "before_usd_per_month": text(before.usd),
        "after_usd_per_month": text(after.usd),
        "at_least": before.at_least or after.at_least,
        "case": case,
        "range": {
            each: {
                "before_usd_per_month": text(estimate.total("before", each).usd),
                "after_usd_per_month": text(estimate.total("after", each).usd),
                "at_least": estimate.total("before", each).at_least or estimate.total("after", each).at_least,
            }
            for each in Case
        },
        "tokens": [
            {"what": each.what, "usd_per_million": text(each.usd), "basis": each.basis} for each in estimate.tokens
        ],
        "lines": [_line(line, case) for line in estimate.lines],
    }


def markdown(estimate: Estimate, case: Case) -> str:
    """A comment for a pull request: the change in its first line, the table, the rest folded away."""
    before, after = estimate.total("before", case), estimate.total("after", case)
    lines = [
        f"### `{estimate.stack}`: {total_text(after)} a month ({change_text(estimate, case)})",
        "",
        "| | what | quantity | before | after | change |",
        "|---|---|---|--:|--:|--:|",
    ]
    for group in groups(estimate, case):
        lines.append(f"| | **{_escaped(group.component)}** | | | | |")
        lines += [
            f"| {_code(MARKS[row.op])} | {' | '.join(map(_escaped, (row.item, row.quantity, row.before, row.after, row.change)))} |"
            for row in group.rows
        ]
    lines.append(
        f"| | **Total** | | **{total_text(before)}** | **{total_text(after)}** | **{change_text(estimate, case)}** |"
    )
    notes = [*summary(estimate), *assumptions(estimate)]
    lines += ["", "<details><summary>What this rests on</summary>", "", *(f"- {_escaped(each)}" for each in notes)]
    return "\n".join((*lines, "", "</details>"))


def sources(estimate: Estimate) -> list[str]:
    """Every price that was used, with where and when it was read."""
    rates = sorted(set(estimate.rates), key=lambda each: (each.sku, each.region, each.usd))
    return [
        f"{each.sku} in {each.region}: {rate_text(each.usd)} per {each.unit}, checked {each.checked}: {each.source}"
        + (f" ({each.note})" if each.note else "")
        for each in rates
    ]


def text(usd: Decimal | None) -> str | None:
    """Dollars as plain digits, exact."""
    if usd is None:
        return None
    return f"{usd.normalize():f}" if usd else "0"


def _line(line: Line, case: Case) -> Mapping[str, Any]:
    charge = line.current
    rate = charge.rate
    return {
        "urn": line.urn,
        "component": line.component,
        "item": line.item,
        "op": line.op,
        "state": line.state,
        "quantity": text(charge.quantity.amount.at(case)),
        "unit": charge.quantity.unit,
        "usd_per_unit": text(rate.usd) if rate else None,
        "before_usd": text(line.usd("before", case)),
        "after_usd": text(line.usd("after", case)),
        "region": rate.region if rate else line.region,
        "source": rate.source if rate else None,
        "checked": rate.checked if rate else None,
        "reason": "; ".join(line.reasons),
    }


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(mark: str) -> str:
    return "" if mark == _UNCHANGED else f"`{mark}`"
