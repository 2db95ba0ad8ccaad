"""A plan that is told as what differs from another is the same plan again, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stacks.differences import difference, expanded

BASE = """\
a:Role one
  name=one
a:Service engine-0a1b2c3d
  image=x
  size=1
  ! ignoreChanges[0]=size
b:Zone two
  name=two
"""
_LINES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"), max_size=4)
_PLANS = st.dictionaries(st.sampled_from("ABCDE"), st.tuples(_LINES, st.sets(st.sampled_from("xyz"))))


def _text(plan: dict[str, tuple[dict[str, str], set[str]]]) -> str:
    lines = []
    for name, (inputs, options) in sorted(plan.items()):
        lines += [f"t {name}", *(f"  {key}={value}" for key, value in sorted(inputs.items()))]
        lines += [f"  ! {each}=1" for each in sorted(options)]
    return "".join(f"{line}\n" for line in lines)


@given(base=_PLANS, plan=_PLANS)
def test_what_is_told_is_the_plan_again(
    base: dict[str, tuple[dict[str, str], set[str]]], plan: dict[str, tuple[dict[str, str], set[str]]]
) -> None:
    """Whatever is added, changed or gone."""
    assert expanded(_text(base), difference("base", _text(base), _text(plan))) == _text(plan)


def test_only_what_differs_is_told() -> None:
    """By resource, the old value before the new one; a revision that is another is said once."""
    plan = BASE.replace("0a1b2c3d", "4e5f6a7b").replace("size=1", "size=2").replace("b:Zone two\n  name=two\n", "")
    plan += "b:Zone three\n  name=three\n"

    assert difference("it", BASE, plan).splitlines() == [
        "base: it",
        "revisions: 0a1b2c3d=4e5f6a7b",
        "- b:Zone two",
        "~ a:Service engine-4e5f6a7b",
        "  - size=1",
        "  + size=2",
        "+ b:Zone three after a:Service engine-4e5f6a7b",
        "  name=three",
    ]


def test_another_base_is_refused() -> None:
    """Instead of giving a plan that nobody has planned."""
    told = difference("it", BASE, BASE.replace("size=1", "size=2"))

    with pytest.raises(ValueError, match="the base has no line 'size=1'"):
        expanded(BASE.replace("size=1", "size=3"), told)


def test_a_plan_in_another_order_is_refused() -> None:
    """It cannot be told by what is in it."""
    first, *rest = BASE.split("b:Zone")

    with pytest.raises(ValueError, match="in another order"):
        difference("it", BASE, "b:Zone" + "b:Zone".join(rest) + first)
