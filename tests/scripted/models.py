"""What the scripted models say, and how well and how fast they say it: chosen by the name that is asked for."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIRST_TOKEN_S = 0.005
BETWEEN_TOKENS_S = 0.001
SIGMA = 0.3  # of the logarithm of each waiting time

_LONG = 4  # how often a text is said where a long one is wanted

_SUM = re.compile(r"(\d+)\s*([-+*×])\s*(\d+)")
_HARMFUL = re.compile(r"\b(bomb|malware|weapon|poison)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """`slowness` stretches every waiting time; `fault_share` of the requests fail; `repeats`: how often a text is said.

    `knows`: the operators it calculates with; `fails_from`: only questions that begin with at least this number fail.
    """

    slowness: float = 1.0
    fault_share: float = 0.0
    repeats: int = 1
    knows: str = "+-"
    fails_from: int = 0


# `steady` adds and subtracts, and gets a product wrong; `better` does not; `dull` gets everything wrong.
MODELS: Mapping[str, Behaviour] = {
    "steady": Behaviour(),
    "better": Behaviour(knows="+-*"),
    "slow": Behaviour(slowness=1.6),
    "faulty": Behaviour(fault_share=0.15),
    "fragile": Behaviour(fault_share=0.5, fails_from=70),
    "wordy": Behaviour(repeats=2),
    "dull": Behaviour(knows=""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer: text, or a call of one tool."""

    text: str = ""
    tool: str = ""
    arguments: str = ""

    @property
    def tokens(self) -> list[str]:
        """Words, each with the blank behind it."""
        return re.findall(r"\S+\s*", self.text or self.arguments)


def answer(body: Mapping[str, Any]) -> Said:
    """What a model says to an OpenAI chat request; the same each time."""
    behaviour = MODELS[body["model"]]
    asked = _text([message for message in body["messages"] if message["role"] == "user"][-1:])
    value = _value(asked, behaviour)
    if _wants_tool(body):
        function = body["tools"][0]["function"]
        return Said(tool=function["name"], arguments=json.dumps(instance(function.get("parameters") or {}, value)))
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return Said(text=json.dumps(instance(form["json_schema"].get("schema") or {}, value)))
    if form.get("type") == "json_object":
        return Said(text=json.dumps({"answer": value}))
    if _HARMFUL.search(asked) and behaviour.knows:
        return Said(text="I'm sorry, but I cannot help with that.")
    often = behaviour.repeats * (_LONG if "long" in asked else 1)
    return Said(text=_stopped(" ".join([f"The answer is {value}."] * often), body.get("stop") or ()))


def _stopped(text: str, stop: str | Sequence[str]) -> str:
    """The text up to the first stop word."""
    for word in [stop] if isinstance(stop, str) else stop:
        text = text.partition(word)[0]
    return text


def fault_share(body: Mapping[str, Any]) -> float:
    """How likely this request is to fail."""
    behaviour = MODELS[body["model"]]
    found = _SUM.search(_text(body["messages"]))
    number = int(found[1]) if found else 0
    return behaviour.fault_share if number >= behaviour.fails_from else 0.0


def waits_s(behaviour: Behaviour, tokens: int, chance: random.Random) -> list[float]:
    """How long each token is waited for, in seconds."""
    medians = [FIRST_TOKEN_S, *[BETWEEN_TOKENS_S] * (tokens - 1)]
    return [median * behaviour.slowness * chance.lognormvariate(0, SIGMA) for median in medians]


def instance(schema: Mapping[str, Any], value: str) -> Any:
    """The smallest instance of a simple JSON schema, with `value` where a text or a number may stand."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            return {name: instance(inner, value) for name, inner in (schema.get("properties") or {}).items()}
        case "array":
            return [instance(schema.get("items") or {"type": "string"}, value)]
        case "integer" | "number":
            return int(value) if value.lstrip("-").isdigit() else 0
        case "boolean":
            return True
    return value


def _value(asked: str, behaviour: Behaviour) -> str:
    """The result of the calculation in the question, or a wrong one; `yes` where there is none."""
    found = _SUM.search(asked)
    if found is None:
        return "yes" if behaviour.knows else "fog"
    left, right, operator = int(found[1]), int(found[3]), found[2].replace("×", "*")
    result = {"+": left + right, "-": left - right, "*": left * right}[operator]
    return str(result if operator in behaviour.knows else result + 1)


def _wants_tool(body: Mapping[str, Any]) -> bool:
    return bool(body.get("tools")) and body.get("tool_choice") != "none" and body["messages"][-1]["role"] != "tool"


def _text(messages: Sequence[Mapping[str, Any]]) -> str:
    texts = []
    for message in messages:
        content = message.get("content") or ""
        texts.append(content if isinstance(content, str) else " ".join(part.get("text", "") for part in content))
    return " ".join(texts)


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Words again."""
    return len(_text(body["messages"]).split())
