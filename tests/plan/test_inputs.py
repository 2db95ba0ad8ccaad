"""Inputs are read by declared paths only, in the types that are asked for, and say by name what is not known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from plan.inputs import Inputs, NotKnown, every, some
from plan.resource import Resource
from plan.scope import Scope
from plan.tokens import HIDDEN, UNKNOWN, plain

TYPE = "aws:some/thing:Thing"
PATHS = ("a", "a.b", "list", "list[].b", "map", "text")
_WRAPPER = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
# The engine's stand-in for a number that is not known.
NUMBER_NOT_KNOWN = "3eeb2bf0-c639-47a8-9e75-3b44932eb421"


def thing(outputs: dict[str, Any] | None = None, /, **inputs: Any) -> Inputs:
    """A resource of these inputs, as a reader of PATHS sees it."""
    one = Resource(urn=f"urn:pulumi:s::p::{TYPE}::one", type=TYPE, inputs=inputs, outputs=outputs or {})
    return Scope(resources={one.urn: one}, reader="a test", reads={TYPE: PATHS}, completed=True).sees(one)


@pytest.mark.parametrize("hidden", [UNKNOWN, NUMBER_NOT_KNOWN])
def test_what_is_not_known_is_named(hidden: str) -> None:
    """Whatever its type, and wherever on the path it is."""
    for inputs in ({"a": hidden}, {"a": {"b": hidden}}):
        with pytest.raises(NotKnown, match=r"a\.b is not known before the first `up`"):
            thing(**inputs).text("a.b")
    assert plain({"a": [hidden]}) == {"a": [UNKNOWN]}


def test_what_is_secret_is_not_read() -> None:
    """Where the preview hides it; a wrapper alone hides nothing."""
    with pytest.raises(NotKnown, match="text is secret and not shown in this preview"):
        thing(text=HIDDEN).text("text")
    assert thing(text={**_WRAPPER, "value": "x"}).text("text") == "x"


def test_a_path_that_is_not_declared_is_refused() -> None:
    """With the reader's name, so that its table can be completed."""
    with pytest.raises(LookupError, match=f"a test reads 'b' of {TYPE}, which its `reads` does not declare"):
        thing(b=1).text("b")


@pytest.mark.parametrize(
    ("value", "number"), [(3, Decimal(3)), ("0.1", Decimal("0.1")), (0.1, Decimal("0.1")), (None, None)]
)
def test_a_number_is_exact(value: Any, number: Decimal | None) -> None:
    """However the document wrote it."""
    assert thing(a=value).number("a") == number


@pytest.mark.parametrize("value", ["many", "Infinity", "-Infinity", "NaN", "sNaN", float("inf"), Decimal("NaN"), True])
def test_what_is_no_number_is_told(value: Any) -> None:
    """With what stands there; what only Python calls a number is none."""
    for read in (thing(a=value).whole, thing(a=value).number):
        with pytest.raises(NotKnown, match=f"a is '{value}', not a number"):
            read("a")


@pytest.mark.parametrize("value", ["40.9", 40.9, Decimal("40.9")])
def test_half_a_thing_is_not_a_whole_number(value: Any) -> None:
    """It is not cut down to one that a limit allows; a whole one may be written with a fraction of nothing."""
    with pytest.raises(NotKnown, match=r"a is '40\.9', not a whole number"):
        thing(a=value).whole("a")
    assert thing(a=value).number("a") == Decimal("40.9")
    assert [thing(a=each).whole("a") for each in ("40.0", 40.0, 40)] == [40, 40, 40]


def test_a_block_is_a_map_or_a_list_of_one() -> None:
    """As the versions of an SDK have it."""
    assert thing(a={"b": "x"}).text("a.b") == thing(a=[{"b": "x"}]).text("a.b") == "x"
    assert [each.text("b") for each in thing(list={"b": "x"}).each("list")] == ["x"]


def test_a_list_is_counted_though_its_items_are_not_known() -> None:
    """But none of them is read."""
    one = thing(list=[UNKNOWN, UNKNOWN])

    assert one.count("list") == 2
    with pytest.raises(NotKnown):
        one.each("list")[0].text("b")
    with pytest.raises(NotKnown):
        one.texts("list")


def test_an_item_that_is_not_known_hides_none_that_is() -> None:
    """The known ones come first, in their order; the others raise behind them, also an item that is no map."""
    one = thing(list=["a", UNKNOWN, "b"])
    seen = one.each_text("list")

    assert [next(seen), next(seen)] == ["a", "b"]
    with pytest.raises(NotKnown, match="list is not known"):
        next(seen)
    with pytest.raises(NotKnown, match="an item of list is no map"):
        one.each("list")[0].text("b")


@pytest.mark.parametrize(
    ("items", "some_hold", "all_hold"),
    [([], False, True), (["x", UNKNOWN], True, None), ([UNKNOWN, "y"], None, False), (["x"], True, True)],
    ids=str,
)
def test_what_is_certain_beats_what_is_not_known(
    items: list[str], some_hold: bool | None, all_hold: bool | None
) -> None:
    """One that holds decides for some, one that does not for all; else the unknown one does, wherever it stands."""
    maps = thing(list=[{"b": each} for each in items]).each("list")
    for decide, wanted in ((some, some_hold), (every, all_hold)):
        if wanted is None:
            with pytest.raises(NotKnown):
                decide(maps, lambda each: each.text("b") == "x")
        else:
            assert decide(maps, lambda each: each.text("b") == "x") is wanted


def test_outputs_complete_what_inputs_lack() -> None:
    """For what exists; an input that is there wins."""
    assert thing({"text": "old", "a": "x"}, text="new").text("text") == "new"
    assert thing({"text": "old"}).text("text") == "old"


@pytest.mark.parametrize("value", [{"b": "x"}, ["x", "y"], []], ids=str)
def test_what_is_no_text_is_none_that_can_be_told(value: object) -> None:
    """A map or a list, which somebody has written in place of one."""
    with pytest.raises(NotKnown, match="a is no text"):
        thing(a=value).text("a")
    with pytest.raises(NotKnown, match="list is no text"):
        thing(list=["x", value]).texts("list")
