"""What the faked model says to the client libraries' own suites: it does what it is asked, as far as plain rules go.

A tool that is asked for is called, a schema is filled, and what stands in quotes is said: whatever fails then is no small model's fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_QUOTED = re.compile(r"['\"]([^'\"]+)['\"]|named (\w+)")
_NUMBER = re.compile(r"\d+")
_TOKEN = re.compile(r"\w+|\W+")
_CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])|_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """``calls``: the name and the arguments, as JSON, of each tool that is called."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = "stop"


def answer(body: Mapping[str, Any]) -> Said:
    """What is said to a chat request: the same each time."""
    messages = body["messages"]
    asked = "\n".join(texts(message) for message in messages if message["role"] == "user")
    results = [texts(message) for message in messages if message["role"] == "tool"]
    if called := _called(body, "" if results else asked):
        calls = tuple((each["name"], filled(each.get("parameters") or {}, asked)) for each in called)
        return Said(calls=calls, finish="tool_calls")
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return Said(text=filled(form["json_schema"]["schema"], asked))
    if form.get("type") == "json_object":
        return Said(text=json.dumps(dict.fromkeys(_quoted(asked), "text")))
    return _limited(_reply(messages, asked, results), body.get("max_completion_tokens") or body.get("max_tokens"))


def _limited(text: str, limit: int | None) -> Said:
    """The text as far as the limit goes; each word is a token, and so is what stands between two."""
    tokens = _TOKEN.findall(text)
    kept = tokens[:limit]
    return Said(text="".join(kept), finish="stop" if kept == tokens else "length")


def _called(body: Mapping[str, Any], asked: str) -> Sequence[Mapping[str, Any]]:
    """The functions to call: the chosen one, else those that the question has a word of in their names."""
    functions = [tool["function"] for tool in body.get("tools") or ()]
    match body.get("tool_choice"):
        case "none":
            return []
        case {"function": {"name": str(name)}}:
            return [function for function in functions if function["name"] == name]
        case "required":
            return functions[:1]
    return [function for function in functions if any(word in asked.lower() for word in _words(function["name"]))]


def unanswered(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a tool's call has no result, which OpenAI refuses."""
    called = {call["id"] for message in messages for call in message.get("tool_calls") or ()}
    return not called <= {message.get("tool_call_id") for message in messages}


def _words(name: str) -> list[str]:
    return [word.lower() for word in _CAPITALS.split(name) if word.lower() not in ("get", "no", "a")]


def _reply(messages: Sequence[Mapping[str, Any]], asked: str, results: Sequence[str]) -> str:
    """The tools' results, else what the instructions quote, else the question again, with the names of those who ask."""
    instructions = " ".join(texts(each) for each in messages if each["role"] in ("system", "developer"))
    names = [each["name"] for each in messages if each["role"] == "user" and each.get("name")]
    return " ".join(results) or " ".join(_quoted(instructions)) or " ".join([*names, "said:", asked])


def _quoted(text: str) -> list[str]:
    return [quoted or named for quoted, named in _QUOTED.findall(text)]


def texts(message: Mapping[str, Any]) -> str:
    """All text of a message."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def filled(schema: Mapping[str, Any], asked: str) -> str:
    """The smallest JSON that the schema takes, with the numbers and quotes of what was asked, in their order."""
    numbers = (int(found) for found in _NUMBER.findall(asked))
    return json.dumps(_instance(schema, schema, iter(_quoted(asked)), numbers), ensure_ascii=False)


def _instance(schema: Mapping[str, Any], root: Mapping[str, Any], words: Iterator[str], numbers: Iterator[int]) -> Any:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf") or schema.get("allOf") or ():
        return _instance(choice, root, words, numbers)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            inner = schema.get("properties") or {}
            return {name: _instance(each, root, words, numbers) for name, each in inner.items()}
        case "array":
            return [_instance(schema.get("items") or {"type": "string"}, root, words, numbers)]
        case "integer" | "number":
            return next(numbers, 0)
        case "boolean":
            return True
        case "null":
            return None
    return next(words, "text")
