"""Limits on what a change may cost: each says no in one sentence, or cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from cost.amounts import Case
from cost.lines import Estimate
from cost.rows import dollars, total_text
from plan.limits import limits_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The limits that were given; None is no limit. `budget_usd` is the stack's own `limits.monthlyUsd`, `unread` why it is
    set and cannot be read.
    """

    max_usd_per_month: Decimal | None = None
    max_increase_usd: Decimal | None = None
    max_increase_percent: Decimal | None = None
    budget_usd: Decimal | None = None
    fail_on_unknown: bool = False
    unread: str = ""

    def with_those_of(self, config: Mapping[str, str]) -> Gates:
        """The same with the limit that a stack's own config sets."""
        limits = limits_of(config)
        return replace(self, budget_usd=limits.monthly_usd, unread=limits.unread.get("monthlyUsd", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """Why a gate says no, and what no gate could see."""

    refused: tuple[str, ...]
    blind: tuple[str, ...]


def judge(estimate: Estimate, gates: Gates, case: Case) -> GateVerdict:
    """Hold the estimate of one case against every limit. What has no number counts for nothing, which is said."""
    before, after = estimate.total("before", case), estimate.total("after", case)
    increase = after.usd - before.usd
    refused = [
        f"{total_text(after)} a month is above {name} of {dollars(limit)}."
        for name, limit in (
            ("--max-usd-per-month", gates.max_usd_per_month),
            ("trimaran:limits.monthlyUsd", gates.budget_usd),
        )
        if limit is not None and after.usd > limit
    ]
    if gates.max_increase_usd is not None and increase > gates.max_increase_usd:
        refused.append(
            f"{dollars(increase)} more a month is above --max-increase-usd of {dollars(gates.max_increase_usd)}."
        )
    percent = increase / before.usd * 100 if before.usd else None
    if gates.max_increase_percent is not None and percent is not None and percent > gates.max_increase_percent:
        refused.append(
            f"{percent.quantize(Decimal('0.1'))} % more a month ({dollars(before.usd)} to {dollars(after.usd)}) "
            f"is above --max-increase-percent of {gates.max_increase_percent} %."
        )
    if gates.unread:
        refused.append(f"{gates.unread}.")
    if gates.fail_on_unknown and estimate.unknown:
        refused.append(_unknown(estimate))
    return GateVerdict(refused=tuple(refused), blind=tuple(_blind(estimate, gates, case, percent)))


def _blind(estimate: Estimate, gates: Gates, case: Case, percent: Decimal | None) -> list[str]:
    """What a limit that was kept could not take into account."""
    limited = any(
        limit is not None
        for limit in (gates.max_usd_per_month, gates.budget_usd, gates.max_increase_usd, gates.max_increase_percent)
    )
    blind = []
    if gates.max_increase_percent is not None and percent is None:
        blind.append("--max-increase-percent cannot be judged: nothing was billed before.")
    missing = [line for line in estimate.lines if line.after and line.usd("after", case) is None]
    if limited and missing:
        blind.append(f"{len(missing)} lines have no number and were counted as nothing by the limits.")
    return blind


def _unknown(estimate: Estimate) -> str:
    first, *rest = estimate.unknown
    more = f", and {len(rest)} more" if rest else ""
    return f"{first.item} of {first.name} is unknown: {first.current.usd.why}{more}."
