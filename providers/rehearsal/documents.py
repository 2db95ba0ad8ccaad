"""Documents inside a property, such as a policy in JSON: how they are read, and what their checking says of the property."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from providers.rehearsal.findings import Finding, InputPlace, Seen, Validated
from providers.rehearsal.values import opened


def parsed(value: Any, place: InputPlace) -> tuple[Any, Finding | None]:
    """A document given as JSON text or as values, or what is wrong with it."""
    value, _ = opened(value)
    if not isinstance(value, str):
        return value, None
    try:
        return json.loads(value), None
    except ValueError as error:
        return None, Finding(place=place, sentence=f"{place} is not JSON: {error}. Make it with json.dumps.")


def check_json(text: Any, place: InputPlace, grammar: str) -> tuple[str, Iterator[Seen]]:
    """A document in the grammar `json` is good when it is JSON; of any other grammar that says nothing."""
    _, finding = parsed(text, place)
    if finding:
        return grammar, iter((finding,))
    return grammar, whole(place) if grammar == "json" else iter(())


def whole(place: InputPlace, *several: Iterable[Seen]) -> Iterator[Seen]:
    """The findings of a document; where there are none, the text that holds it is validated."""
    found = [each for seen in several for each in seen if isinstance(each, Finding)]
    yield from found or (Validated(path=place.path),)
