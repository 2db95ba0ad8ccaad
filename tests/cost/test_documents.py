"""The page on adding a price: its example prices."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from cost.quantity import Billed
from cost.usage import Profile, Usage
from plan.resource import Resource
from plan.scope import Scope

PAGE = Path(__file__).resolve().parents[2] / "docs/adding-a-price.md"


def test_the_example_of_adding_a_price_prices() -> None:
    """As it stands on the page: what is provisioned by the hour, backups as the usage file says."""
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0], names)
    ((type_, billed),) = names["BILLED"].items()
    assert isinstance(billed, Billed)
    inputs = {"storageCapacity": 1200, "automaticBackupRetentionDays": 7}
    files = Resource(urn=f"urn:pulumi:s::p::{type_}::files", type=type_, inputs=inputs)
    scope = Scope(resources={files.urn: files}, reader="the page", reads=billed.reads)
    usage = Usage(expected=Profile(backup_gb=Decimal(5))).asked_for(billed.usage_keys)

    amounts = {each.key: each.amount.expected for each in billed.handler(scope.sees(files), scope, usage)}

    assert amounts == {"file-system": 1200 * 730, "backups": 5}
