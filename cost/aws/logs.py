"""CloudWatch Logs: what is written and what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from cost.amounts import Amount, exactly
from cost.inputs import amount_of
from cost.quantity import Billed, Quantity
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

GROUP = "aws:cloudwatch/logGroup:LogGroup"
_KB_PER_GB = 1_000_000
DEFAULT_KB_PER_REQUEST = Decimal(2)


def log_group(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Ingestion, and storage for as long as the group keeps what is written."""
    written, note = _written_gb(resource, scope, usage)
    infrequent = resource.text("logGroupClass", "STANDARD") != "STANDARD"
    tier = "ingest-infrequent" if infrequent else "ingest-standard"
    yield Quantity(
        key="log-ingestion",
        item="log ingestion",
        skus=(f"aws:cloudwatch-logs:{tier}",),
        unit="GB",
        amount=written,
        note=note,
    )
    days = amount_of(resource, "retentionInDays", 0)
    endless = days.is_nothing
    yield Quantity(
        key="log-storage",
        item="log storage",
        skus=("aws:cloudwatch-logs:storage",),
        unit="GB-month",
        amount=written * (exactly(12) if endless else days / 30),
        detail="kept for ever" if endless else f"kept {days.expected} days",
        note="counted as written, though it is stored compressed" + "; a year of it, though kept for ever" * endless,
    )


BILLED: Mapping[str, Billed] = {
    GROUP: Billed(
        handler=log_group,
        reads={GROUP: ("logGroupClass", "retentionInDays")},
        usage_keys=("log_gb", "log_kb_per_request", "requests_per_day"),
    ),
}


def _written_gb(resource: Inputs, scope: Scope, usage: Usage) -> tuple[Amount, str]:
    """Gigabytes a month: said, or so many kilobytes for each request, shared evenly by the groups of the stack."""
    peers = len(scope.of(GROUP))
    if usage.says("log_gb", resource.name) or not usage.says("requests_per_day"):
        return usage.share("log_gb", resource.name, peers), ""
    each_kb = usage.amount("log_kb_per_request", default=DEFAULT_KB_PER_REQUEST)
    note = f"{each_kb.expected} kB of log for each request"
    return usage.per_month("requests_per_day") * each_kb / _KB_PER_GB / peers, note
