"""Lambda: calls, and the seconds they take times the memory they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from cost.inputs import amount_of
from cost.quantity import Billed, Quantity
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

FUNCTION = "aws:lambda/function:Function"
_DEFAULT_MIB = 128
_MIB_PER_GB = 1024
DEFAULT_SECONDS = Decimal(1)


def function(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A function; `function_calls` a month are shared evenly by the functions of the stack."""
    peers = len(scope.of(resource.type))
    calls = usage.share("function_calls", resource.name, peers)
    seconds = usage.amount("function_seconds", resource.name, default=DEFAULT_SECONDS)
    memory = amount_of(resource, "memorySize", _DEFAULT_MIB) / _MIB_PER_GB
    machine = "arm" if "arm64" in resource.texts("architectures") else "x86"
    yield Quantity(
        key="function-calls",
        item="function calls",
        skus=("aws:lambda:requests",),
        unit="million requests",
        amount=calls / 1_000_000,
    )
    yield Quantity(
        key="function-time",
        item="function time",
        skus=(f"aws:lambda:duration-{machine}",),
        unit="GB-second",
        amount=calls * seconds * memory,
        note=f"a call takes {seconds.expected} s" if usage.says("function_calls", resource.name) else "",
    )


BILLED: Mapping[str, Billed] = {
    FUNCTION: Billed(
        handler=function,
        reads={FUNCTION: ("architectures", "memorySize")},
        usage_keys=("function_calls", "function_seconds"),
    ),
}
