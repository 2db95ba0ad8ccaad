"""Documents in properties of AWS's: policies by IAM's grammar, others by a shape of botocore's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plan.tokens import is_unknown
from providers.rehearsal.checking import check_strictly
from providers.rehearsal.clouds.aws import iam
from providers.rehearsal.clouds.aws.schemas import Schemas
from providers.rehearsal.documents import check_json, parsed, whole
from providers.rehearsal.findings import Finding, InputPlace, Seen
from providers.rehearsal.values import at


def check(schemas: Schemas, document: Any, place: InputPlace, grammar: str) -> tuple[str, Iterator[Seen]]:
    """Who checks a document, and what is seen; `grammar` is `iam:KIND`, `botocore:SERVICE.SHAPE` or `json`."""
    language, _, name = grammar.partition(":")
    match language:
        case "iam":
            source = iam.source()
            return source or grammar, whole(place, iam.check_policy(document, place, name)) if source else iter(())
        case "botocore":
            return f"botocore {name}", _by_shape(schemas, document, place, name)
    return check_json(document, place, grammar)


def _by_shape(schemas: Schemas, text: Any, place: InputPlace, name: str) -> Iterator[Seen]:
    document, finding = parsed(text, place)
    if finding:
        yield finding
        return
    service, _, shape_name = name.partition(".")
    shape = schemas.api_shape(service, shape_name)
    if shape is not None:
        seen = check_strictly(document, shape, place, f"{service} {shape_name.removesuffix('s')}")
        yield from whole(place, seen, _missing(schemas, name, document, place))


def _missing(schemas: Schemas, name: str, document: Any, place: InputPlace) -> Iterator[Seen]:
    for index, item in enumerate(document if isinstance(document, list) else ()):
        for key in schemas.required_in(name):
            if isinstance(item, dict) and at(item, key) is None and not is_unknown(item.get(key)):
                inside = place.at(index).at(key)
                yield Finding(place=inside, sentence=f"{inside} is missing; {name} requires it.")
