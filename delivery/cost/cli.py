"""What a person types after `cost`. Imports nothing heavy: the help of every command passes here."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cost.amounts import Case

ROOT = Path(__file__).resolve().parents[2]


class Format(StrEnum):
    """How the estimate is printed."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        raise typer.BadParameter(f"'{text}' is not a number") from None
    if not number.is_finite() or number < 0:
        raise typer.BadParameter(f"'{text}' is not a number from 0 upwards")
    return number


def _limit(text: str, metavar: str = "USD") -> object:
    return typer.Option(parser=_number, metavar=metavar, help=text, rich_help_panel="Gates (exit code 3)")


def cost(
    stack: Annotated[
        str, typer.Argument(metavar="STACK", help="<target>-<dev|staging|prod>; a target alone is its dev stack.")
    ],
    preview: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A saved `pulumi preview --json --show-sames`.")
    ] = None,
    usage: Annotated[Path | None, typer.Option(metavar="FILE", help="What the stack will be used for.")] = None,
    rehearsed: Annotated[
        bool, typer.Option("--rehearsed", help="Plan against the stand-in for the cloud: no account needed.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    case: Annotated[Case, typer.Option(help="How much of what may happen does happen.")] = Case.EXPECTED,
    sources: Annotated[
        bool, typer.Option("--sources", help="List every price with where and when it was read.")
    ] = False,
    max_usd_per_month: Annotated[Decimal | None, _limit("No more than this a month.")] = None,
    max_increase_usd: Annotated[Decimal | None, _limit("No more than this on top of what it costs now.")] = None,
    max_increase_percent: Annotated[Decimal | None, _limit("The same in percent.", "N")] = None,
    fail_on_unknown: Annotated[
        bool,
        typer.Option("--fail-on-unknown", help="No line without a known price.", rich_help_panel="Gates (exit code 3)"),
    ] = False,
) -> None:
    """Say what the next `up` of a stack will cost, line by line, before and after."""
    from cost.gates import Gates
    from delivery.cost.command import Request, show
    from delivery.platforms.targets import stack_name

    gates = Gates(
        max_usd_per_month=max_usd_per_month,
        max_increase_usd=max_increase_usd,
        max_increase_percent=max_increase_percent,
        fail_on_unknown=fail_on_unknown,
    )
    show(
        Request(
            root=ROOT,
            stack=stack_name(stack),
            preview=preview,
            usage=usage,
            rehearsed=rehearsed,
            format=Format.JSON if as_json else form,
            case=case,
            sources=sources,
            gates=gates,
        )
    )
