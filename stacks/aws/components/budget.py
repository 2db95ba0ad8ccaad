"""A month's budget for what carries the stack's tag."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.tagging import STACK_TAG


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetArgs:
    """`topic` hears of it; so does `email`, where there is one."""

    account: Account
    monthly_usd: Decimal
    topic: pulumi.Input[str]
    email: str | None


class Budget(pulumi.ComponentResource):
    """Warns at 80 % spent, and when the forecast passes the limit."""

    def __init__(self, resource_name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Budget", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        aws.budgets.Budget(
            "budget",
            name=args.account.stack,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_unit="USD",
            limit_amount=f"{args.monthly_usd:f}",
            # The tag counts from the day it is activated as a cost allocation tag.
            cost_filters=[{"name": "TagKeyValue", "values": [f"user:{STACK_TAG}${args.account.stack}"]}],
            notifications=[_at(args, "ACTUAL", 80), _at(args, "FORECASTED", 100)],
            opts=child,
        )
        self.register_outputs({})


def _at(args: BudgetArgs, kind: str, percent: int) -> dict[str, object]:
    return {
        "notification_type": kind,
        "comparison_operator": "GREATER_THAN",
        "threshold": percent,
        "threshold_type": "PERCENTAGE",
        "subscriber_sns_topic_arns": [args.topic],
        "subscriber_email_addresses": [args.email] if args.email else [],
    }
