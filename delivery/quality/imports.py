"""Cases in other projects' JSONL: OpenAI evals' samples, and the samples that lm-evaluation-harness logs.

OpenAI evals (2026-11-24): {"input": messages or text, "ideal": text or list of texts}. lm-evaluation-harness: {"doc_id", "doc",
"target", "arguments"}, with arguments as a list of [context, settings or continuation] or as gen_args_N: {arg_0, arg_1}.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from delivery.failure import ExitCode, Failure

_MAX_TOKENS = 64
_QUESTIONS = ("question", "query", "prompt", "input", "text")  # under which of these a task's `doc` has its question
_FINAL = "####"  # GSM8K writes the number it wants behind this
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def read(text: str, path: Path) -> dict[str, Any]:
    """A suite's values. Raises Failure with exit code 2, naming the line."""
    cases = []
    for number, line in _numbered(text):
        try:
            cases.append(_case(json.loads(line), number))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise Failure(
                f"{path}:{number}: neither an OpenAI evals sample nor one of lm-evaluation-harness: {_said(error)}.",
                'write {"input": "…", "ideal": "…"}, or {"doc": …, "arguments": …, "target": …}; docs/quality.md has more',
                ExitCode.USAGE,
            ) from None
    return {"name": path.stem, "settings": {"max_tokens": _MAX_TOKENS, "temperature": 0}, "cases": cases}


def lines(text: str) -> Callable[[Sequence[int | str]], int]:
    """For a place in what was read, its line in the file."""
    numbers = [number for number, _ in _numbered(text)]
    return lambda at: numbers[at[1]] if len(at) > 1 and isinstance(at[1], int) else 1


def _numbered(text: str) -> list[tuple[int, str]]:
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _case(sample: Mapping[str, Any], number: int) -> dict[str, Any]:
    if "ideal" in sample:
        return _of_openai(sample, number)
    return _of_harness(sample, number)


def _of_openai(sample: Mapping[str, Any], number: int) -> dict[str, Any]:
    given = sample["input"]
    messages = given if isinstance(given, str) else [_message(each) for each in given]
    return {"id": f"line-{number}", "messages": messages, "checks": [{"contains": sample["ideal"]}]}


def _message(given: Mapping[str, Any]) -> dict[str, Any]:
    """Their few-shot examples are system messages with a name."""
    return {key: given[key] for key in ("role", "content", "name") if key in given}


def _of_harness(sample: Mapping[str, Any], number: int) -> dict[str, Any]:
    requests = _requests(sample.get("arguments"))
    target = sample.get("target", sample["doc"].get("answer") if isinstance(sample.get("doc"), dict) else None)
    case = {"id": f"doc-{sample['doc_id']}" if "doc_id" in sample else f"line-{number}"}
    continuations = [each[1] for each in requests if len(each) > 1 and isinstance(each[1], str)]
    if len(continuations) > 1:
        return {**case, **_choice(requests[0][0], [each.strip() for each in continuations], target)}
    question = requests[0][0] if requests else _question(sample["doc"])
    settings = _settings(requests[0][1]) if requests and isinstance(requests[0][-1], Mapping) else {}
    return {**case, "messages": question, "settings": settings, "checks": [_wanted(target)]}


def _requests(arguments: Any) -> list[Sequence[Any]]:
    """[[context, rest]], from either way in which the harness has written them."""
    if isinstance(arguments, Mapping):
        return [[each["arg_0"], each.get("arg_1", {})] for each in arguments.values()]
    return list(arguments or ())


def _question(doc: Mapping[str, Any]) -> str:
    name = next((each for each in _QUESTIONS if each in doc), "doc")
    return str(doc[name])


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {"max_gen_toks": "max_tokens", "temperature": "temperature", "until": "stop"}
    settings = {ours: given[theirs] for theirs, ours in names.items() if theirs in given}
    if isinstance(settings.get("stop"), list):
        settings["stop"] = [word for word in settings["stop"] if word][:4]  # more than four are refused by OpenAI
    return {name: value for name, value in settings.items() if value != []}


def _wanted(target: Any) -> dict[str, Any]:
    if target is None:
        raise ValueError("'target' is missing")
    texts = target if isinstance(target, list) else [target]
    if len(texts) == 1 and _FINAL in str(texts[0]):
        return {"number": {"value": float(str(texts[0]).rpartition(_FINAL)[2].replace(",", ""))}}
    return {"contains": [str(each).strip() for each in texts]}


def _choice(context: str, choices: Sequence[str], target: Any) -> dict[str, Any]:
    """The harness compares likelihoods, which a chat API has not: the choices are listed and one letter is asked for."""
    if isinstance(target, str) and not target.isdecimal():
        index = choices.index(target.strip()) if target.strip() in choices else _LETTERS.index(target.strip())
    else:
        index = int(target)
    choices[index]
    listed = "\n".join(f"{letter}. {choice}" for letter, choice in zip(_LETTERS, choices, strict=False))
    question = f"{context}\n\n{listed}\n\nAnswer with the letter of the right choice alone."
    return {"messages": question, "checks": [{"regex": rf"^\W*{_LETTERS[index]}\b"}]}
