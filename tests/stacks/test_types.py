"""Every type that a golden plan of any cloud shows is spoken of: priced or declared free, and decided for every rule."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from catalog.clouds import cloud_of_type
from cost.families import is_known
from policies import RULES
from policies.coverage import gap
from tests.goldens import FOLDER
from tests.policies.plans import planned

# A resource's line in a plan, or where it is made beside those of another plan.
_RESOURCE = re.compile(r"^(?:\+ )?([\w-]+:[\w./-]+:\w+) \S", re.MULTILINE)


def types_in(plans: Mapping[str, str]) -> dict[str, str]:
    """Each type that a plan shows, and the first plan that does."""
    found: dict[str, str] = {}
    for name, text in sorted(plans.items()):
        for type_ in _RESOURCE.findall(text):
            found.setdefault(type_, name)
    return found


def unspoken(type_: str) -> str:
    """What has to be said of a type, and in which files; empty where all is."""
    cloud = cloud_of_type(type_)
    folder = cloud.name if cloud else type_.partition(":")[0]
    price = f"price {type_} in cost/{folder}/, or declare it free in cost/{folder}/free.py with its source"
    gaps = [rule.id for rule in RULES if gap(rule, planned(type_, "one"))]
    check = f"check {type_} in policies/{folder}/, or say in policies/{folder}/harmless.py why it cannot break {gaps}"
    return "; ".join(([] if is_known(type_) else [price]) + ([check] if gaps else []))


TYPES = types_in({path.name: path.read_text(encoding="utf-8") for path in (FOLDER / "plans").iterdir()})


@pytest.mark.parametrize("type_", TYPES)
def test_a_type_in_a_plan_is_spoken_of(type_: str) -> None:
    """Whichever cloud it is of."""
    assert not unspoken(type_), f"tests/golden/plans/{TYPES[type_]}: {unspoken(type_)}"


def test_the_types_are_those_of_the_plans() -> None:
    """Whole, or told from another one; inputs and options are none."""
    base = "gcp:cloudrunv2/service:Service api\n  image=a:b/c:d e\n"
    told = "base: b\nrevisions: the same\n- a:b/c:D gone\n+ azure-native:app:App api after x:y/z:W w\n~ a:e:F f\n"

    assert types_in({"base.txt": base, "told.txt": told}) == {
        "gcp:cloudrunv2/service:Service": "base.txt",
        "azure-native:app:App": "told.txt",
    }


def test_a_type_that_nobody_speaks_of_names_its_files() -> None:
    """Of its own cloud."""
    told = unspoken("gcp:made/up:Up")

    assert "price gcp:made/up:Up in cost/gcp/" in told
    assert "policies/gcp/harmless.py why it cannot break ['max-replicas'" in told
