"""From a preview to lines of money: each resource's quantities before and after the change, priced. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

from catalog.clouds import known_as
from catalog.prices import regions_of
from cost.amounts import NOTHING, Case, unknown
from cost.families import BILLED, FREE
from cost.lines import Charge, Estimate, Line
from cost.quantity import Quantity
from cost.rates import Priced, price
from cost.tokens import USAGE_KEYS as TOKEN_KEYS
from cost.tokens import fallback_quantities, per_million_tokens
from cost.usage import NO_USAGE, Profile, Usage, UsageError
from plan import document
from plan.document import Preview
from plan.inputs import NotKnown
from plan.resource import Resource
from plan.scope import Scope


def estimate(preview: Mapping[str, Any], usage: Usage = NO_USAGE) -> Estimate:
    """What the engine's preview document will cost. Raises NotAPreview."""
    return estimate_of(document.read(preview), usage)


def estimate_of(preview: Preview, usage: Usage = NO_USAGE) -> Estimate:
    """What a preview that is already parsed will cost. Raises UsageError for a price of the user's own in a wrong unit."""
    usage = usage.with_stack_config(preview.config)
    before = _charges(preview.before, usage)
    after = _charges(preview.after, usage)
    lines = tuple(_line(key, preview, before.get(key), after.get(key)) for key in dict.fromkeys((*after, *before)))
    tokens = (*_fallback(preview, usage),)
    made = [each for each in {**preview.before, **preview.after}.values() if each.custom]
    return Estimate(
        stack=preview.stack,
        lines=(*lines, *tokens),
        free=sum(known_as(each.type) in FREE for each in made),
        tokens=per_million_tokens(lines, usage),
    )


_Key = tuple[str, str]


def refuse_strangers(usage: Usage, preview: Preview, estimate: Estimate) -> None:
    """Raise UsageError for a resource that the stack does not have, or a price of what nothing is billed by: both would be
    read and have no effect.
    """
    resources = {each.name for each in (*preview.before.values(), *preview.after.values())}
    charges = (side for line in estimate.lines for side in (line.before, line.after) if side)
    skus = {sku for each in charges for sku in each.quantity.skus}
    for what, given, known, where in (
        ("resources", usage.resources, resources, "is no resource of this stack"),
        (
            "prices",
            [each for each in usage.prices if not regions_of(each)],
            skus,
            "is no price that anything is billed by",
        ),
    ):
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                meant = f"; did you mean '{close[0]}'" if close else ""
                raise UsageError(f"'{what}.{name}' {where}{meant}")


def unread(usage: Usage, preview: Preview) -> tuple[str, ...]:
    """The usage keys that the file says of the stack and that none of its resources is billed by."""
    types = {known_as(each.type) for each in (*preview.before.values(), *preview.after.values())}
    read = {*TOKEN_KEYS, *(key for each in types & set(BILLED) for key in BILLED[each].usage_keys)}
    return tuple(
        key for key in Profile.model_fields if key not in read and any(usage.says_in(case, (key,)) for case in Case)
    )


def _charges(resources: Mapping[str, Resource], usage: Usage) -> dict[_Key, Charge]:
    """Every charge of one side by its resource and key; quantities of the same key are one."""
    charges: dict[_Key, Charge] = {}
    for resource in resources.values():
        if resource.custom:
            for key, quantities in _by_key(_quantities(resource, resources, usage)).items():
                priced = [price(each, resource.region, usage) for each in quantities]
                charges[resource.urn, key] = _charge(quantities, priced)
    return charges


def _quantities(resource: Resource, resources: Mapping[str, Resource], usage: Usage) -> Iterator[Quantity]:
    type_ = known_as(resource.type)
    if not resource.readable:
        yield _mystery("the engine could not write down what it will be")
        return
    if type_ in FREE:
        return
    if type_ not in BILLED:
        yield _mystery(f"nothing says how {resource.type} is billed")
        return
    billed = BILLED[type_]
    scope = Scope(resources=resources, reader=f"the price of {type_}", reads=billed.reads, completed=True)
    try:
        yield from billed.handler(scope.sees(resource), scope, usage.asked_for(billed.usage_keys))
    except NotKnown as reason:
        yield _mystery(str(reason))


def _mystery(why: str) -> Quantity:
    return Quantity(key="everything", item="everything it is billed for", skus=(), unit="", amount=unknown(why))


def _by_key(quantities: Iterable[Quantity]) -> dict[str, list[Quantity]]:
    keys: dict[str, list[Quantity]] = {}
    for each in quantities:
        keys.setdefault(each.key, []).append(each)
    return keys


def _charge(quantities: list[Quantity], priced: list[Priced]) -> Charge:
    whole = reduce(lambda a, b: a + b, (each.amount for each in quantities), NOTHING)
    first = quantities[0]
    quantity = replace(first, amount=whole)
    return Charge(
        quantity=quantity, usd=reduce(lambda a, b: a + b, (each.usd for each in priced), NOTHING), rate=priced[0].rate
    )


def _line(key: _Key, preview: Preview, before: Charge | None, after: Charge | None) -> Line:
    urn, quantity_key = key
    resource = preview.after.get(urn) or preview.before[urn]
    charge = after or before
    assert charge is not None
    return Line(
        urn=urn,
        type=resource.type,
        name=urn.rpartition("::")[2],
        component=preview.components.get(urn, ""),
        region=resource.region,
        key=quantity_key,
        item=charge.quantity.item,
        before=before,
        after=after,
    )


def _fallback(preview: Preview, usage: Usage) -> Iterator[Line]:
    """The tokens of the managed model that answers when the stack's own does not: the same before and after."""
    # The stack itself is there before anything of it is, and is nothing that could answer.
    there_before = any(each.custom for each in preview.before.values())
    for quantity, usd, rate in fallback_quantities(usage):
        charge = Charge(quantity=quantity, usd=usd, rate=rate)
        was = charge if there_before else None
        yield Line(
            urn=f"urn:pulumi:{preview.stack}::fallback",
            type="",
            name="fallback",
            component="fallback",
            region="global",
            key=quantity.key,
            item=quantity.item,
            before=was,
            after=charge,
        )
