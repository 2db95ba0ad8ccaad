"""Lambda: calls, and the seconds they take times the memory they have."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.usage import Usage

_DEFAULT_MIB = 128
_MIB_PER_GB = 1024
DEFAULT_SECONDS = Decimal(1)


def function(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A function; `function_calls` a month are shared evenly by the functions of the stack."""
    peers = sum(each.type == resource.type for each in side.resources.values())
    calls = usage.share("function_calls", resource.name, peers)
    seconds = usage.amount("function_seconds", resource.name, default=DEFAULT_SECONDS)
    memory = resource.inputs.amount("memorySize", _DEFAULT_MIB) / _MIB_PER_GB
    machine = "arm" if "arm64" in resource.inputs.texts("architectures") else "x86"
    yield Quantity(
        item="function calls", skus=("aws:lambda:requests",), unit="million requests", amount=calls / 1_000_000
    )
    yield Quantity(
        item="function time",
        skus=(f"aws:lambda:duration-{machine}",),
        unit="GB-second",
        amount=calls * seconds * memory,
        note=f"a call takes {seconds.expected} s" if usage.says("function_calls", resource.name) else "",
    )


TYPES: dict[str, Handler] = {"aws:lambda/function:Function": function}
