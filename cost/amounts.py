"""A number in three cases, and what is known of it: exact, open until usage is stated, or unknown. Decimal throughout."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

HOURS_PER_MONTH = Decimal(730)
DAYS_PER_MONTH = HOURS_PER_MONTH / 24
SECONDS_PER_HOUR = Decimal(3600)


class Case(StrEnum):
    """How much of what may happen does happen."""

    LOW = "low"
    EXPECTED = "expected"
    HIGH = "high"


class State(StrEnum):
    """What can be said of an amount. Unknown is never zero."""

    PRICED = "priced"
    USAGE_DEPENDENT = "usage-dependent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A number in the low, expected and high case; None where it has no bound or nobody has said. `why` tells the reason.

    `missing` are the keys that a usage file would have to say.
    """

    low: Decimal | None
    expected: Decimal | None
    high: Decimal | None
    state: State = State.PRICED
    why: str = ""
    missing: tuple[str, ...] = ()

    def at(self, case: Case) -> Decimal | None:
        """The number in one case."""
        return {Case.LOW: self.low, Case.EXPECTED: self.expected, Case.HIGH: self.high}[case]

    def __add__(self, other: Amount) -> Amount:
        return _combined(self, other, lambda a, b: a + b)

    def __sub__(self, other: Amount) -> Amount:
        return _combined(self, other, lambda a, b: a - b)

    def __mul__(self, other: Amount | Decimal | int) -> Amount:
        return _combined(self, other if isinstance(other, Amount) else exactly(other), _product)

    def __truediv__(self, other: Decimal | int) -> Amount:
        return _combined(self, exactly(other), lambda a, b: a / b)

    def at_least(self, floor: Decimal | int) -> Amount:
        """The same, with nothing below `floor`."""
        return _combined(self, exactly(floor), max)

    def at_most(self, ceiling: Amount) -> Amount:
        """The same, with nothing above `ceiling`."""
        return _combined(self, ceiling, min)

    def or_more(self, other: Amount) -> Amount:
        """Whichever is more, case by case."""
        return _combined(self, other, max)

    def rounded(self, step: Decimal) -> Amount:
        """The same to the nearest multiple of `step`, a power of ten."""
        low, expected, high = (
            None if each is None else each.quantize(step) for each in (self.low, self.expected, self.high)
        )
        return replace(self, low=low, expected=expected, high=high)

    @property
    def is_nothing(self) -> bool:
        """Whether it is zero in every case."""
        return all(each is not None and each == 0 for each in (self.low, self.expected, self.high))


def exactly(number: Decimal | int) -> Amount:
    """The same number in every case."""
    value = Decimal(number)
    return Amount(low=value, expected=value, high=value)


def between(low: Amount, high: Amount, expected: Amount | None = None, missing: tuple[str, ...] = ()) -> Amount:
    """From the low case of one to the high case of another; open in between, for want of `missing`, unless `expected` says it."""
    known = (low, high, *([expected] if expected else []))
    states = {each.state for each in known}
    if State.UNKNOWN in states:
        return unknown("; ".join(sorted({each.why for each in known if each.why})))
    return Amount(
        low=low.low,
        expected=expected.expected if expected else None,
        high=high.high,
        state=expected.state if expected else State.USAGE_DEPENDENT,
        why=expected.why if expected else missing_usage(missing),
        missing=expected.missing if expected else missing,
    )


def depends(*keys: str) -> Amount:
    """An amount that only usage decides, from nothing upwards; `keys` are what a usage file would have to say."""
    return Amount(
        low=Decimal(0), expected=None, high=None, state=State.USAGE_DEPENDENT, why=missing_usage(keys), missing=keys
    )


def missing_usage(keys: Iterable[str]) -> str:
    """The reason of an amount that stays open."""
    return f"not in the usage file: {', '.join(keys)}"


def unknown(why: str) -> Amount:
    """An amount that cannot be told, with the reason."""
    return Amount(low=None, expected=None, high=None, state=State.UNKNOWN, why=why)


NOTHING = exactly(0)


def _product(a: Decimal, b: Decimal) -> Decimal:
    return a * b


def _combined(a: Amount, b: Amount, operation: Callable[[Decimal, Decimal], Decimal]) -> Amount:
    """Case by case; None in one stays None, unknown wins over open. Nothing times an open number is nothing."""
    if operation is _product and (a.is_nothing or b.is_nothing):
        return NOTHING
    state = max((a.state, b.state), key=list(State).index)
    whys = dict.fromkeys(each.why for each in (a, b) if each.why)
    if state is State.UNKNOWN:
        return unknown("; ".join(dict.fromkeys(each.why for each in (a, b) if each.state is State.UNKNOWN)))
    low, expected, high = (
        None if left is None or right is None else operation(left, right)
        for left, right in ((a.low, b.low), (a.expected, b.expected), (a.high, b.high))
    )
    missing = tuple(dict.fromkeys((*a.missing, *b.missing)))
    return Amount(low=low, expected=expected, high=high, state=state, why="; ".join(whys), missing=missing)
