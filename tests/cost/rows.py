"""A row of a cloud's table of tests: one type, what decides its bill, and the dollars that come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from catalog.clouds import Cloud, cloud_of_type
from cost.estimate import estimate
from cost.lines import Line
from cost.usage import NO_USAGE, Profile, Usage
from tests.plan.made import created, state, urn

Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The line `key` of a resource costs `usd` (a product such as `0.01 * 730 * 3`) a month.

    With `stated`, it is open until a usage file says these keys; of `further` ones, which a file may say besides or instead,
    an open line does not speak. `beside` are resources that it looks at, one of a type;
    `links` says by which input it refers to which of them, and those of `referring` refer to it.
    `prices` are the user's own, by SKU and region, where the catalogue can have none.
    """

    type: str
    key: str
    usd: str
    inputs: Inputs = field(default_factory=dict)
    stated: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, Inputs] = field(default_factory=dict)
    referring: Mapping[str, Inputs] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    def resources(self) -> list[dict[str, Any]]:
        """The resource and those it needs, as a preview has them."""
        links = {link: [urn(type_, "beside")] for link, type_ in self.links.items()}
        back = {"link": [urn(self.type, "one")]}
        return [
            state(self.type, links=links, **self.inputs),
            *(state(type_, "beside", **inputs) for type_, inputs in self.beside.items()),
            *(state(type_, "referring", links=back, **inputs) for type_, inputs in self.referring.items()),
        ]

    @property
    def cloud(self) -> Cloud:
        """The cloud that bills it."""
        found = cloud_of_type(self.type)
        assert found, f"add a row to catalog/clouds.py for {self.type}"
        return found

    def preview(self) -> dict[str, Any]:
        """A preview that makes these, in the usual region of their cloud."""
        return created(*self.resources(), **dict.fromkeys(self.cloud.region_keys, self.cloud.usual_region))

    def lines(self, usage: Usage = NO_USAGE) -> dict[str, Line]:
        """The lines of its estimate by their key."""
        return {line.key: line for line in estimate(self.preview(), usage).lines}

    @property
    def usage(self) -> Usage:
        """The usage file that says all of it."""
        expected = Profile.model_validate({**self.stated, **self.further})
        return Usage.model_validate({"expected": expected, "prices": self.prices})

    @property
    def dollars(self) -> Decimal:
        """The product, to the millionth as a charge is."""
        result = Decimal(1)
        for factor in self.usd.split("*"):
            result *= Decimal(factor.strip())
        return result.quantize(Decimal("0.000001"))
