"""From a preview to lines of money: each resource's quantities before and after the change, priced. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

from catalog.prices import Rate
from cost import preview as previews
from cost.amounts import NOTHING, Amount, Case, State, unknown
from cost.aws.free import FREE
from cost.families import BILLED
from cost.inputs import NotKnownYet
from cost.preview import Op, Preview, Resource, Side
from cost.quantity import Quantity
from cost.rates import Priced, price
from cost.tokens import fallback_quantities, per_million_tokens
from cost.usage import NO_USAGE, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one line costs on one side of the change."""

    quantity: Quantity
    usd: Amount
    rate: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is billed, before and after; `before` is None for something new, `after` for something that goes."""

    urn: str
    type: str
    name: str
    component: str
    region: str
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


def estimate(preview: Mapping[str, Any], usage: Usage = NO_USAGE) -> Estimate:
    """What the engine's preview document will cost. Raises preview.NotAPreview."""
    return estimate_of(previews.read(preview), usage)


def estimate_of(preview: Preview, usage: Usage = NO_USAGE) -> Estimate:
    """What a preview that is already parsed will cost."""
    usage = usage.with_stack_config(preview.config)
    before = _charges(preview.before, usage)
    after = {**_charges(preview.after, usage), **_unreadable(preview)}
    lines = tuple(_line(key, preview, before.get(key), after.get(key)) for key in dict.fromkeys((*after, *before)))
    tokens = (*_fallback(preview, usage),)
    types = [each.type for each in {**preview.before.resources, **preview.after.resources}.values()]
    return Estimate(
        stack=preview.stack,
        lines=(*lines, *tokens),
        free=sum(type_ in FREE for type_ in types),
        tokens=per_million_tokens(lines, usage),
    )


_Key = tuple[str, str]


def _charges(side: Side, usage: Usage) -> dict[_Key, Charge]:
    """Every charge of one side by its resource and item; quantities of the same item are one."""
    charges: dict[_Key, Charge] = {}
    for resource in side.resources.values():
        for item, quantities in _by_item(_quantities(resource, side, usage)).items():
            priced = [price(each, resource.region, usage) for each in quantities]
            charges[resource.urn, item] = _charge(quantities, priced)
    return charges


def _quantities(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    if resource.type in FREE:
        return
    if resource.type not in BILLED:
        yield _mystery(f"nothing says how {resource.type} is billed")
        return
    try:
        yield from BILLED[resource.type](resource, side, usage)
    except NotKnownYet as error:
        yield _mystery(str(error))


def _mystery(why: str) -> Quantity:
    return Quantity(item="everything it is billed for", skus=(), unit="", amount=unknown(why))


def _by_item(quantities: Iterable[Quantity]) -> dict[str, list[Quantity]]:
    items: dict[str, list[Quantity]] = {}
    for each in quantities:
        items.setdefault(each.item, []).append(each)
    return items


def _charge(quantities: list[Quantity], priced: list[Priced]) -> Charge:
    whole = reduce(lambda a, b: a + b, (each.amount for each in quantities), NOTHING)
    first = quantities[0]
    quantity = Quantity(
        item=first.item, skus=first.skus, unit=first.unit, amount=whole, detail=first.detail, note=first.note
    )
    return Charge(
        quantity=quantity, usd=reduce(lambda a, b: a + b, (each.usd for each in priced), NOTHING), rate=priced[0].rate
    )


def _line(key: _Key, preview: Preview, before: Charge | None, after: Charge | None) -> Line:
    urn, item = key
    resource = preview.after.resources.get(urn) or preview.before.resources.get(urn)
    return Line(
        urn=urn,
        type=resource.type if resource else "",
        name=urn.rpartition("::")[2],
        component=preview.components.get(urn, ""),
        region=resource.region if resource else "",
        item=item,
        before=before,
        after=after,
    )


def _unreadable(preview: Preview) -> dict[_Key, Charge]:
    """A step whose new state the engine could not write down is unknown, not gone."""
    why = "the engine could not write down what it will be"
    quantity = _mystery(why)
    return {
        (urn, quantity.item): Charge(quantity=quantity, usd=quantity.amount, rate=None) for urn in preview.unreadable
    }


def _fallback(preview: Preview, usage: Usage) -> Iterator[Line]:
    """The tokens of the managed model that answers when the stack's own does not: the same before and after."""
    for quantity, usd, rate in fallback_quantities(usage):
        charge = Charge(quantity=quantity, usd=usd, rate=rate)
        was = charge if preview.before.resources else None
        yield Line(
            urn=f"urn:pulumi:{preview.stack}::fallback",
            type="",
            name="fallback",
            component="fallback",
            region="global",
            item=quantity.item,
            before=was,
            after=charge,
        )


def _detail(charge: Charge) -> tuple[str, tuple[str, ...]]:
    return charge.quantity.detail, charge.quantity.skus
