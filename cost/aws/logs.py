"""CloudWatch Logs: what is written and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from cost.amounts import Amount, exactly
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.usage import Usage

GROUP = "aws:cloudwatch/logGroup:LogGroup"
_KB_PER_GB = 1_000_000
DEFAULT_KB_PER_REQUEST = Decimal(2)


def log_group(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Ingestion, and storage for as long as the group keeps what is written."""
    written, note = _written_gb(resource, side, usage)
    infrequent = resource.inputs.text("logGroupClass", "STANDARD") != "STANDARD"
    tier = "ingest-infrequent" if infrequent else "ingest-standard"
    yield Quantity(item="log ingestion", skus=(f"aws:cloudwatch-logs:{tier}",), unit="GB", amount=written, note=note)
    days = resource.inputs.amount("retentionInDays", 0)
    endless = days.is_nothing
    yield Quantity(
        item="log storage",
        skus=("aws:cloudwatch-logs:storage",),
        unit="GB-month",
        amount=written * (exactly(12) if endless else days / 30),
        detail="kept for ever" if endless else f"kept {days.expected} days",
        note="counted as written, though it is stored compressed" + "; a year of it, though kept for ever" * endless,
    )


TYPES: dict[str, Handler] = {GROUP: log_group}


def _written_gb(resource: Resource, side: Side, usage: Usage) -> tuple[Amount, str]:
    """Gigabytes a month: said, or so many kilobytes for each request, shared evenly by the groups of the stack."""
    peers = sum(each.type == GROUP for each in side.resources.values())
    if usage.says("log_gb", resource.name) or not usage.says("requests_per_day"):
        return usage.share("log_gb", resource.name, peers), ""
    each_kb = usage.amount("log_kb_per_request", default=DEFAULT_KB_PER_REQUEST)
    note = f"{each_kb.expected} kB of log for each request"
    return usage.per_month("requests_per_day") * each_kb / _KB_PER_GB / peers, note
