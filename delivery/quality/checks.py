"""What a case may ask of its answer: one key of a check in a suite, and what may stand under it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: Any) -> Any:
    """A word or number, or a list of them, as a list of texts; anything else as it is, to be refused by its type."""
    values = value if isinstance(value, list) else [value]
    return [str(each) for each in values] if all(map(_is_text, values)) else value


def _is_text(value: Any) -> bool:
    """Whether YAML gave a word or a number, which is meant as it was written."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return value


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    try:
        validator_for(value).check_schema(value)
    except SchemaError as error:
        raise ValueError(f"no JSON schema: {error.message}") from None
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Schema = Annotated[dict[str, Any], AfterValidator(_schema)]


class Number(Strict):
    """The last number in the answer, as near as this to the right one."""

    value: float
    tolerance: float = Field(default=0, ge=0)


class ToolCall(Strict):
    """A call of this tool; its arguments fit the schema."""

    name: str
    arguments: Schema = {}


class Length(Strict):
    """Both bounds count as inside."""

    unit: str = Field(default="characters", pattern="^(characters|words|lines|tokens|pieces)$")
    at_least: int = Field(default=0, ge=0)
    at_most: int | None = Field(default=None, ge=0)


class Similarity(Strict):
    """As similar as this to one of the references, word order left aside; 1 is equal."""

    to: Texts
    at_least: Share = 0.8


class ErrorExpected(Strict):
    """The request must be refused with this status and OpenAI's error body; `param` and `code` where they are given."""

    status: int = Field(ge=400, le=599)
    param: str | None = None
    code: str | None = None


class Judged(Strict):
    """Another model compares the answer with a reference by the rubric: 1 is better, 0.5 a tie, 0 worse."""

    rubric: str = Field(min_length=1)
    reference: str = Field(min_length=1)
    at_least: Share = 0.5


class Check(Strict):
    """One key. Texts are one or a list of which one must hold."""

    exact: Texts | None = None
    contains: Texts | None = None
    regex: Pattern | None = None
    json_schema: Schema | None = None
    number: Number | None = None
    refusal: bool | None = None
    tool_call: ToolCall | None = None
    length: Length | None = None
    language: str | None = Field(default=None, pattern="^[a-z]{2}$")
    similarity: Similarity | None = None
    finish: Texts | None = None
    error: ErrorExpected | None = None
    judge: Judged | None = None
    any_of: tuple[Check, ...] | None = Field(default=None, min_length=1)
    none_of: tuple[Check, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"a check has one key, this has {len(self.model_fields_set)}: write one check for each")
        if any(each.judge for each in (*(self.any_of or ()), *(self.none_of or ()))):
            raise ValueError("'judge' stands alone, not inside any_of or none_of")
        return self

    @property
    def kind(self) -> str:
        return next(iter(self.model_fields_set))

    @property
    def wanted(self) -> Any:
        """What stands under the key."""
        return getattr(self, self.kind)
