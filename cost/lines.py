"""An estimate as values: each thing that is billed before and after a change, the totals, dollars for a million tokens."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from catalog.prices import Rate
from cost.amounts import Amount, Case, State
from cost.quantity import Quantity


class Op(StrEnum):
    """What a change does to a line of the bill."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one line costs on one side of the change."""

    quantity: Quantity
    usd: Amount
    rate: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is billed, before and after; `before` is None for something new, `after` for something that goes.

    `key` is what a line is found by, together with `urn`; `item` is what people read.
    """

    urn: str
    type: str
    name: str
    component: str
    region: str
    key: str
    item: str
    before: Charge | None
    after: Charge | None

    @property
    def current(self) -> Charge:
        """What it will be; what it was, where it goes."""
        charge = self.after or self.before
        assert charge is not None
        return charge

    @property
    def state(self) -> State:
        """The less certain of the two sides."""
        states = [each.usd.state for each in (self.before, self.after) if each]
        return max(states, key=list(State).index)

    @property
    def op(self) -> Op:
        """What happens to the money, which is not always what happens to the resource."""
        if self.before is None:
            return Op.CREATE
        if self.after is None:
            return Op.DELETE
        return Op.SAME if self.before.usd == self.after.usd and self._same_detail() else Op.UPDATE

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why there is no number, and what the number rests on."""
        return tuple(dict.fromkeys(text for text in (self.current.usd.why, self.current.quantity.note) if text))

    def usd(self, side: str, case: Case) -> Decimal | None:
        """Dollars a month `before` or `after`; None where they are not known, or where it is not there at all."""
        charge: Charge | None = getattr(self, side)
        return charge.usd.at(case) if charge else None

    def _same_detail(self) -> bool:
        return self.before is not None and self.after is not None and _detail(self.before) == _detail(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Dollars a month of all lines; `at_least` where a line has no number, so that the truth is more."""

    usd: Decimal
    at_least: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Dollars for a million tokens, and what that rests on; None where nobody has said how many there are."""

    what: str
    usd: Decimal | None
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a stack costs before and after a change."""

    stack: str
    lines: tuple[Line, ...]
    free: int
    tokens: tuple[Tokens, ...]

    def total(self, side: str, case: Case = Case.EXPECTED) -> Total:
        """The sum of one side in one case."""
        charged = [line for line in self.lines if getattr(line, side) is not None]
        amounts = [line.usd(side, case) for line in charged]
        return Total(
            usd=sum((each for each in amounts if each is not None), Decimal(0)),
            at_least=any(each is None for each in amounts),
        )

    @property
    def unknown(self) -> tuple[Line, ...]:
        """The lines for which there is no rate or no amount, whatever the usage."""
        return tuple(line for line in self.lines if line.state is State.UNKNOWN)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Every rate that was used."""
        return tuple(line.current.rate for line in self.lines if line.current.rate)


def _detail(charge: Charge) -> tuple[str, tuple[str, ...]]:
    return charge.quantity.detail, charge.quantity.skus
