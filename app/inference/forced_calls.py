"""A request that forces a function call, as one for JSON in a schema: for a model whose chat template has no tools.

llama.cpp leaves tools out without a word where the template has none, but compiles a schema to a grammar: whatever the model, its answer
is a call then. What is not forced could not be told from text, and is refused. Answers are read back in ``forced_answer``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from app.inference import calls_as_text, fields
from app.logic.answer import Call, Failure, Kind
from app.logic.excerpt import excerpt

_encode = msgspec.json.Encoder().encode
_NO_PARAMETERS = {
    "type": "object",
    "properties": {},
    "additionalProperties": False,
}  # what OpenAI takes a lack of them for
_TOLD = (
    'Answer with one function call as JSON: {"name": "…", "arguments": {…}}. Arguments are as the function\'s parameters'
    " say. The functions:"
)
# How llama.cpp says that it has no grammar for a schema (run against xllamacpp 2026.10, 2026-12-01).
_UNCOMPILED = re.compile(r"(?:Automatic parser generation failed|Failed to initialize samplers): (?P<why>.*)", re.S)
_AT = re.compile(r"JSON schema error at #/anyOf/(?P<place>\d+)/properties/arguments")


class Asked(NamedTuple):
    """What the model is asked. ``names``: of the functions one of which it must call; empty where the answer is text."""

    call: Call
    names: tuple[str, ...]


def asked(call: Call, backend: str) -> Asked:
    """A chat for a model without tools. Raises Failure where it is free to call or not, or would have to call what is not there."""
    body = dict(call.body)
    tools, choice = body.pop("tools", None) or [], body.pop("tool_choice", None)
    body.pop("parallel_tool_calls", None)  # one call is made, which it allows whatever it says
    fields.check_tools(tools, backend)
    functions = _callable([tool["function"] for tool in tools], choice, backend)
    body["messages"] = calls_as_text.told(body["messages"])
    if functions:
        body["messages"] = [_introduction(functions), *body["messages"]]
        shapes = [_shape(function, place, backend) for place, function in enumerate(functions)]
        form = {"name": "call", "strict": True, "schema": {"anyOf": shapes}}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return Asked(replace(call, body=body), tuple(function["name"] for function in functions))


def refusal(failure: Failure, names: Sequence[str], backend: str) -> Failure:
    """``failure`` in the caller's words, where it says that the functions' parameters cannot be made a grammar."""
    uncompiled = _UNCOMPILED.search(failure.message) if failure.kind is Kind.BAD_REQUEST else None
    if uncompiled is None:
        return failure
    why = " ".join(uncompiled["why"].split())
    if at := _AT.match(why):
        why = f"in those of '{excerpt(names[int(at['place'])])}', at #{why[at.end() :]}"
    refused = fields.refused(backend, "tools", f"a function's parameters cannot be made a grammar: {excerpt(why)}")
    refused.reported = failure.reported
    return refused


def _callable(functions: list[dict[str, Any]], choice: Any, backend: str) -> list[dict[str, Any]]:
    """The functions one of which must be called; empty where none may be. Raises Failure."""
    match choice:
        case "none":
            return []
        case None | "auto" if not functions:
            return []
        case None | "auto":
            why = "its model calls functions only where it must: with tool_choice 'required' or the name of one"
            raise fields.refused(backend, "tools", why)
        case "required":
            found, wanted = functions, "a call, and there are no tools"
        case {"type": "function", "function": {"name": str(name)}}:
            found, wanted = (
                [each for each in functions if each["name"] == name],
                f"'{excerpt(name)}', which is not among the tools",
            )
        case _:
            raise fields.refused(backend, "tool_choice", "known are 'none', 'required' and the name of one function")
    if not found:
        raise Failure(Kind.BAD_REQUEST, f"tool_choice forces {wanted}", param="tool_choice")
    return found


def _introduction(functions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the model is told of the functions. The grammar knows them, but not what they are good for."""
    known = ("name", "description", "parameters")
    lines = [_encode({name: each[name] for name in known if each.get(name)}).decode() for each in functions]
    return {"role": "system", "content": "\n".join((_TOLD, *lines))}


def _shape(function: Mapping[str, Any], place: int, backend: str) -> dict[str, Any]:
    """A call of ``function``, as the branch ``place`` of the schema. The name comes first, so that a stream can begin with it."""
    parameters = {"type": "object", **(function.get("parameters") or _NO_PARAMETERS)}
    if parameters["type"] != "object":
        name = excerpt(function["name"])
        raise fields.refused(backend, "tools", f"the parameters of '{name}' must be of type 'object'")
    return {
        "type": "object",
        "properties": {
            "name": {"const": function["name"]},
            "arguments": _moved(parameters, f"#/anyOf/{place}/properties/arguments"),
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, to: str) -> Any:
    """``schema`` as it must read at ``to`` in another one, so that what refers to its own parts still does."""
    if isinstance(schema, list):
        return [_moved(each, to) for each in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {name: _moved(value, to) for name, value in schema.items()}
    match schema:
        case {"$ref": str(reference)} if reference == "#" or reference.startswith("#/"):
            moved["$ref"] = to + reference[1:]
    return moved
