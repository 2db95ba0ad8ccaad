"""Every type that a cloud bills, row by row: the line, its state, its dollars; and no type and no usage key is forgotten."""

from __future__ import annotations

import importlib
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.prices import find, regions_of
from cost.amounts import State
from cost.estimate import estimate
from cost.families import BILLED, FREE
from cost.quantity import Quantity
from cost.rates import MICRODOLLAR
from cost.tokens import USAGE_KEYS
from cost.usage import Profile
from plan.document import read
from plan.scope import Scope
from tests.cost.made import usd
from tests.cost.rows import Row
from tests.plan.made import created, state, urn

ROOT = Path(__file__).resolve().parents[2]


def clouds() -> list[str]:
    """The folders of clouds that bill anything."""
    return sorted(path.parent.name for path in (ROOT / "cost").glob("*/families.py"))


def rows_of(cloud: str) -> tuple[Row, ...]:
    """A cloud's table of tests."""
    path = f"tests/cost/{cloud}/rows.py"
    assert (ROOT / path).exists(), f"cost/{cloud} has no tests: create {path} with ROWS, a row for each billed type"
    rows: tuple[Row, ...] = importlib.import_module(f"tests.cost.{cloud}.rows").ROWS
    return rows


# What a usage file says of one replica or one call, and not of the month of a stack.
_OF_EACH = {"api_replicas", "busy_hours_per_day", "replicas", "wakes_per_day"}


def _is_of_the_stack(row: object) -> bool:
    assert isinstance(row, Row)
    return bool(row.stated or row.further) and not row.beside and not row.referring and not set(row.stated) & _OF_EACH


ROWS = [pytest.param(row, id=f"{row.type}: {row.key}") for cloud in clouds() for row in rows_of(cloud)]


@pytest.mark.parametrize("row", ROWS)
def test_a_type_is_billed_as_its_row_says(row: Row) -> None:
    """What is always billed has a number however little is known; what usage decides, once a usage file says it."""
    line = row.lines(row.usage)[row.key]

    assert usd(line) == row.dollars
    assert line.state is State.PRICED


@pytest.mark.parametrize("row", ROWS)
def test_what_usage_decides_is_open_and_says_what_would_close_it(row: Row) -> None:
    """Never zero, never a guess."""
    line = row.lines()[row.key]

    assert (line.state is State.USAGE_DEPENDENT) == bool(row.stated or row.further)
    assert all(key in " ".join(line.reasons) for key in row.stated)


@pytest.mark.parametrize("cloud", clouds())
def test_every_billed_type_has_a_row(cloud: str) -> None:
    """A family without an example of what it says is not done."""
    billed = importlib.import_module(f"cost.{cloud}.families").BILLED
    missing = set(billed) - {row.type for row in rows_of(cloud)}

    assert not missing, f"add a row to tests/cost/{cloud}/rows.py for {', '.join(sorted(missing))}"


@pytest.mark.parametrize("cloud", clouds())
def test_every_usage_key_has_a_row(cloud: str) -> None:
    """Of each type that asks for it: what a usage file says has a figure that can be checked."""
    billed = importlib.import_module(f"cost.{cloud}.families").BILLED
    asked = {(type_, key) for type_, each in billed.items() for key in each.usage_keys}
    missing = asked - {(row.type, key) for row in rows_of(cloud) for key in (*row.stated, *row.further)}

    assert not missing, f"add a row to tests/cost/{cloud}/rows.py that says {sorted(missing)}"


@pytest.mark.parametrize("row", [each for each in ROWS if _is_of_the_stack(each.values[0])])
def test_an_amount_for_the_whole_stack_is_billed_once(row: Row) -> None:
    """However many resources share it: two alike cost what one does."""
    inputs = dict(row.inputs)
    region = dict.fromkeys(row.cloud.region_keys, row.cloud.usual_region)
    two = created(state(row.type, "one", **inputs), state(row.type, "two", **inputs), **region)

    found = [usd(line) for line in estimate(two, row.usage).lines if line.key == row.key]

    assert len(found) == 2
    assert (
        abs(sum((each or Decimal(0) for each in found), -row.dollars)) <= MICRODOLLAR * 2
    )  # each is rounded for itself


@pytest.mark.parametrize("row", ROWS)
def test_a_quantity_has_a_rate_in_its_unit(row: Row) -> None:
    """Every one that a row's resource is billed for; without one its line would be unknown for ever."""
    unpriced = getattr(importlib.import_module(f"tests.cost.{row.cloud.name}.rows"), "UNPRICED", {})
    for each in _quantities(row):
        for sku in each.skus:
            if sku.rpartition(":")[0] in unpriced:
                assert not regions_of(sku), f"{sku} has a rate: take it out of UNPRICED"
                continue
            rate = find(sku, row.cloud.usual_region)
            assert rate, f"add {sku} to catalog/prices/sources/, which '{each.item}' of {row.type} is billed by"
            assert rate.unit == each.unit, f"{sku} is priced per {rate.unit}, and '{each.item}' is in {each.unit}"


def _quantities(row: Row) -> list[Quantity]:
    made = read(row.preview()).after
    billed = BILLED[row.type]
    scope = Scope(resources=made, reader=f"the row of {row.type}", reads=billed.reads, completed=True)
    one = scope.sees(made[urn(row.type, "one")])
    return list(billed.handler(one, scope, row.usage.asked_for(billed.usage_keys)))


@pytest.mark.parametrize("cloud", clouds())
def test_every_family_file_is_in_its_clouds_table(cloud: str) -> None:
    """A file that nobody reads would leave its types unknown."""
    families = importlib.import_module(f"cost.{cloud}.families").BILLED
    for path in sorted((ROOT / "cost" / cloud).glob("*.py")):
        own = getattr(importlib.import_module(f"cost.{cloud}.{path.stem}"), "BILLED", {})
        assert set(own) <= set(families), f"add cost/{cloud}/{path.name} to BILLED in cost/{cloud}/families.py"


def test_every_family_of_a_cloud_is_in_the_one_table() -> None:
    """A folder that nobody reads would leave its types unknown."""
    for cloud in clouds():
        billed = importlib.import_module(f"cost.{cloud}.families").BILLED
        assert set(billed) <= set(BILLED), f"add cost/{cloud}/families.py to cost/families.py"


@pytest.mark.parametrize("path", sorted((ROOT / "cost").glob("*/free.py")), ids=lambda path: path.parent.name)
def test_what_a_cloud_declares_free_is_in_the_one_table(path: Path) -> None:
    """Also where the cloud bills nothing: what nobody reads would be unknown."""
    cloud = path.parent.name
    declared = importlib.import_module(f"cost.{cloud}.free").FREE

    assert set(declared) <= set(FREE), f"add cost/{cloud}/free.py to FREE in cost/families.py"


def test_every_usage_key_is_a_field_of_a_usage_file() -> None:
    """A price by a key that no usage file may say could never be told by anybody; a field that nobody asks for is dead."""
    asked = {key: type_ for type_, billed in BILLED.items() for key in billed.usage_keys}
    fields = set(Profile.model_fields)

    assert not set(asked) - fields, f"add to Profile in cost/usage.py: {sorted(set(asked) - fields)}"
    assert not fields - set(asked) - set(USAGE_KEYS), f"nobody asks for {sorted(fields - set(asked) - set(USAGE_KEYS))}"


def test_what_is_free_says_where_that_is_said() -> None:
    """A declaration without a source is a guess."""
    assert all(FREE.values())
    assert not set(FREE) & set(BILLED)
