"""An estimate as a person reads it: grouped by component, alike things on one row, numbers as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from cost.amounts import HOURS_PER_MONTH, Case, State, missing_usage
from cost.lines import Estimate, Line, Op, Total
from cost.rates import dates

MARKS = {Op.CREATE: "+", Op.UPDATE: "~", Op.DELETE: "-", Op.SAME: " "}
_CENT = Decimal("0.01")
_WHOLE = Decimal(1)
_FEW = Decimal(100)
_NO_COMPONENT = "other"
_SHOWN_WITH_DETAIL = ("instance-hour", "million tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: texts as they are shown, empty where there is nothing to show."""

    op: Op
    state: State
    item: str
    quantity: str
    per_hour: str
    before: str
    after: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rows of one component, the dearest first."""

    component: str
    rows: tuple[Row, ...]


def groups(estimate: Estimate, case: Case) -> tuple[Group, ...]:
    """The rows of every component, the dearest component first."""
    by_component: dict[str, list[Line]] = {}
    for line in estimate.lines:
        by_component.setdefault(line.component or _NO_COMPONENT, []).append(line)
    ranked = sorted(by_component.items(), key=lambda each: (-_weight(each[1], case), each[0]))
    return tuple(Group(component=name, rows=tuple(_rows(lines, case))) for name, lines in ranked)


def summary(estimate: Estimate) -> list[str]:
    """The sentences under the totals: how far it may go, what is not in it, what it rests on."""
    spread = [f"{each} {total_text(estimate.total('after', each))}" for each in Case]
    lines = [f"a month: {' · '.join(spread)}", _counts(estimate)]
    lines += [
        f"a million tokens, {each.what}: {'open' if each.usd is None else dollars(each.usd)} ({each.basis})"
        for each in estimate.tokens
    ]
    oldest, newest = dates(estimate.rates)
    if oldest:
        lines.append(
            f"{len(set(estimate.rates))} list prices checked from {oldest} to {newest}; taxes, discounts and free allowances are left out"
        )
    return lines


def assumptions(estimate: Estimate) -> list[str]:
    """Why numbers are missing and what the others rest on, each once, unknown ones first."""
    told: dict[str, list[Line]] = {}
    missing: set[str] = set()
    for line in sorted(estimate.lines, key=lambda each: (each.state is not State.UNKNOWN, each.urn, each.key)):
        if line.after is None:
            continue
        missing |= set(line.after.usd.missing)
        for reason in line.reasons:
            if not (line.after.usd.missing and reason == line.after.usd.why):
                told.setdefault(reason, []).append(line)
    sentences = [f"{_items(lines)}: {reason}" for reason, lines in told.items()]
    if missing:
        sentences.append(missing_usage(sorted(missing)))
    return sentences


def dollars(usd: Decimal, *, signed: bool = False) -> str:
    """An amount to the cent; less than half a cent is said to be less, never zero."""
    sign = ""
    if usd < 0:
        sign = "-"
    elif usd > 0 and signed:
        sign = "+"
    size = abs(usd)
    if 0 < size < _CENT:
        return f"{sign}<$0.01"
    return f"{sign}${size.quantize(_CENT, ROUND_HALF_UP):,}"


def rate_text(usd: Decimal) -> str:
    """The price of a unit with all its digits, and two behind the point at least."""
    short, cents = usd.normalize(), usd.quantize(_CENT)
    return f"${cents if short == cents else short:f}"


def total_text(total: Total) -> str:
    """A total, which is only a lower bound where a line has no number, and none where no line has one."""
    if total.at_least and not total.usd:
        return "unknown"
    return f"{'at least ' if total.at_least else ''}{dollars(total.usd)}"


def per_hour(usd: Decimal) -> str:
    """An amount of a month as dollars an hour; empty for nothing."""
    hourly = usd / HOURS_PER_MONTH
    return f"${hourly.quantize(Decimal('0.0001')):f}" if hourly else ""


def change_text(estimate: Estimate, case: Case) -> str:
    """What the whole change adds or takes away, as far as it is known."""
    before, after = estimate.total("before", case), estimate.total("after", case)
    if (before.at_least or after.at_least) and not (before.usd or after.usd):
        return "unknown"
    return dollars(after.usd - before.usd, signed=True)


def _items(lines: Iterable[Line]) -> str:
    """What the lines bill, each thing named once."""
    return ", ".join(dict.fromkeys(each.item for each in lines))


def _counts(estimate: Estimate) -> str:
    by_state = Counter(line.state for line in estimate.lines)
    return (
        f"{by_state[State.PRICED]} lines priced, {by_state[State.USAGE_DEPENDENT]} depend on usage, "
        f"{by_state[State.UNKNOWN]} unknown; {estimate.free} resources are free"
    )


def _weight(lines: Iterable[Line], case: Case) -> Decimal:
    return sum((line.usd("after", case) or line.usd("after", Case.HIGH) or Decimal(0) for line in lines), Decimal(0))


def _rows(lines: Iterable[Line], case: Case) -> list[Row]:
    alike: dict[tuple[object, ...], list[Line]] = {}
    for line in lines:
        key = (line.item, line.current.quantity.detail, line.op, line.state, line.current.rate, line.reasons)
        alike.setdefault(key, []).append(line)
    # The engine tells of resources in the order in which they were ready, which is another one each time.
    ranked = sorted(
        alike.values(),
        key=lambda each: (-_weight(each, case), each[0].item, each[0].current.quantity.detail),
    )
    return [_row(each, case) for each in ranked]


def _row(lines: list[Line], case: Case) -> Row:
    first = lines[0]
    before, after = (_sum(lines, side, case) for side in ("before", "after"))
    return Row(
        op=first.op,
        state=first.state,
        item=first.item + (f" × {len(lines)}" if len(lines) > 1 else ""),
        quantity=_quantity(lines, case),
        per_hour="" if after is None else per_hour(after),
        before=_cell(lines, "before", before, case),
        after=_cell(lines, "after", after, case),
        change="" if before is None or after is None or before == after else dollars(after - before, signed=True),
    )


def _sum(lines: list[Line], side: str, case: Case) -> Decimal | None:
    """The sum of one side; None where a line has no number, zero where none of them is there."""
    there = [line.usd(side, case) for line in lines if getattr(line, side)]
    known = [each for each in there if each is not None]
    return sum(known, Decimal(0)) if len(known) == len(there) else None


def _cell(lines: list[Line], side: str, usd: Decimal | None, case: Case) -> str:
    charges = [charge for line in lines if (charge := getattr(line, side))]
    if not charges:
        return ""
    if usd is not None:
        return dollars(usd)
    if any(each.usd.state is State.UNKNOWN for each in charges):
        return "unknown"
    most = [each.usd.high for each in charges]
    bound = sum((each for each in most if each is not None), Decimal(0))
    return "by usage" if None in most else f"up to {dollars(bound)}"


def _quantity(lines: list[Line], case: Case) -> str:
    """How much of what: a detail, and the price of a unit where the amount is open."""
    charge = lines[0].current
    detail, unit = charge.quantity.detail, charge.quantity.unit
    if charge.usd.at(case) is None and charge.rate is not None:
        amount = f"{rate_text(charge.rate.usd)} per {charge.rate.unit}"
    elif charge.usd.at(case) is not None and (not detail or unit in _SHOWN_WITH_DETAIL):
        amount = _amount(lines, case, unit)
    else:
        amount = ""
    return ", ".join(text for text in (detail, amount) if text)


def _amount(lines: list[Line], case: Case, unit: str) -> str:
    total = sum((line.current.quantity.amount.at(case) or Decimal(0) for line in lines), Decimal(0))
    digits = _WHOLE if total >= _FEW else _CENT
    number = f"{total.quantize(digits):,}" if total >= _CENT or not total else "<0.01"
    return f"{number} {'h' if unit == 'instance-hour' else unit}"
