"""Whether an answer passes a check: pure functions, one for each key of a check, and one list of them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from delivery.quality.answer import Answer
from delivery.quality.checks import Check, ErrorExpected, Judged, Length, Number, Similarity, ToolCall

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_SHOWN = 80
# What short texts are told apart among, with the one that is expected; all of those that the library knows confuse a greeting with Breton.
_LANGUAGES = frozenset(
    [
        "ar",
        "bg",
        "cs",
        "da",
        "de",
        "el",
        "en",
        "es",
        "fi",
        "fr",
        "he",
        "hi",
        "hu",
        "id",
        "it",
        "ja",
        "ko",
        "nl",
        "no",
        "pl",
        "pt",
        "ro",
        "ru",
        "sv",
        "tr",
        "uk",
        "vi",
        "zh",
    ]
)
# How refusals begin, in the languages of _REFUSED's alternatives: English, German, French, Spanish.
_REFUSED = re.compile(
    r"\b(i('m| am) (sorry|unable|not able)|i (can('|no)?t|cannot|won't|will not|must decline)|as an ai\b|"
    r"es tut mir leid|ich kann (ihnen |dir )?(das|dabei|hier)? ?nicht|je (suis désolée?|ne peux pas)|lo siento|no puedo)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?")
_CODE_FENCE = re.compile(r"^\s*```\w*\n(.*?)\n?```\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check of one answer. ``score`` is from 0 to 1; ``wanted`` and ``found`` are words for a person."""

    kind: str
    passed: bool
    score: float
    wanted: str
    found: str = ""


def checked(check: Check, answer: Answer, judged: float | None = None) -> CheckResult:
    """What becomes of one check; ``judged`` is the judge's score where the check asks for one."""
    wanted = words(check)
    if answer.rescued or (answer.failure and check.kind not in ("error", "refusal", "any_of", "none_of")):
        return CheckResult(kind=check.kind, passed=False, score=0, wanted=wanted, found=answer.failure)
    if isinstance(check.wanted, Judged):
        score, least, found = judged or 0.0, check.wanted.at_least, f"judged {judged}"
    else:
        score, least, found = _CHECKED[check.kind](check.wanted, answer)
    return CheckResult(kind=check.kind, passed=score >= least, score=score, wanted=wanted, found=_short(found))


def words(check: Check) -> str:
    """A check as a person reads it."""
    wanted = check.wanted
    if check.kind in ("any_of", "none_of"):
        joined = "; or ".join(words(each) for each in wanted)
        return joined if check.kind == "any_of" else f"not: {joined}"
    if isinstance(wanted, tuple):
        return f"{check.kind}: {' | '.join(wanted)}"
    values = wanted.model_dump(exclude_unset=True) if hasattr(wanted, "model_dump") else wanted
    if isinstance(values, Mapping) and check.kind != "json_schema":
        return f"{check.kind}: {', '.join(f'{name} {_plain(value)}' for name, value in values.items())}"
    return f"{check.kind}: {values if isinstance(values, str) else json.dumps(values)}"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " | ".join(value) if isinstance(value, tuple) else str(value)


Checked = tuple[float, float, str]  # the score, the least that passes, what was found


def _yes(passed: bool, found: str = "") -> Checked:
    return float(passed), 1.0, found


def _exact(wanted: Sequence[str], answer: Answer) -> Checked:
    return _yes(answer.text.strip() in wanted)


def _contains(wanted: Sequence[str], answer: Answer) -> Checked:
    """Whole words, in upper or lower case: `4` is not in `14`."""
    return _yes(any(re.search(rf"(?<!\w){re.escape(each)}(?!\w)", answer.text, re.IGNORECASE) for each in wanted))


def _regex(wanted: str, answer: Answer) -> Checked:
    return _yes(re.search(wanted, answer.text) is not None)


def _json_schema(wanted: Mapping[str, Any], answer: Answer) -> Checked:
    fenced = _CODE_FENCE.match(answer.text)
    return _fits(wanted, fenced[1] if fenced else answer.text)


def _fits(schema: Mapping[str, Any], text: str) -> Checked:
    from jsonschema.validators import validator_for

    try:
        value = json.loads(text)
    except ValueError as error:
        return _yes(False, f"not JSON: {error}")
    first = next(validator_for(schema)(schema).iter_errors(value), None)
    return _yes(first is None, f"{first.json_path}: {first.message}" if first else "")


def _number(wanted: Number, answer: Answer) -> Checked:
    numbers = _NUMBER.findall(answer.text)
    if not numbers:
        return _yes(False, "no number")
    found = float(numbers[-1].replace(",", "").replace("−", "-"))
    near = math.isclose(found, wanted.value, rel_tol=1e-9, abs_tol=wanted.tolerance)
    return _yes(near, f"{found:g}")


def _refusal(wanted: bool, answer: Answer) -> Checked:
    by_filter = answer.finish == "content_filter" or answer.error.get("code") in (
        "refused_by_policy",
        "content_filter",
        "content_policy_violation",
    )
    if answer.failure and not by_filter:
        return _yes(False, answer.failure)
    refused = by_filter or bool(answer.refusal) or _REFUSED.search(answer.text) is not None
    return _yes(refused is wanted, "refused" if refused else "did not refuse")


def _tool_call(wanted: ToolCall, answer: Answer) -> Checked:
    called = [each for each in answer.tool_calls if each["name"] == wanted.name]
    if not called:
        return _yes(False, f"called {', '.join(each['name'] for each in answer.tool_calls) or 'nothing'}")
    return _fits(wanted.arguments, called[0]["arguments"])


def _length(wanted: Length, answer: Answer) -> Checked:
    text = answer.text
    counted = {
        "characters": len(text),
        "words": len(text.split()),
        "lines": len(text.strip().splitlines()),
        "tokens": answer.tokens_out,
        "pieces": answer.pieces,
    }[wanted.unit]
    if counted is None:
        return _yes(False, "no count of tokens came with the answer")
    inside = wanted.at_least <= counted <= (math.inf if wanted.at_most is None else wanted.at_most)
    return _yes(inside, f"{counted} {wanted.unit}")


def _language(wanted: str, answer: Answer) -> Checked:
    if not any(each.isalpha() for each in answer.text):
        return _yes(False, "no words")
    among = _LANGUAGES | {wanted}
    found = next(name for name, _ in _identifier().rank(answer.text) if name in among)
    return _yes(found == wanted, found)


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def _similarity(wanted: Similarity, answer: Answer) -> Checked:
    from rapidfuzz import fuzz, utils

    score = max(fuzz.token_sort_ratio(answer.text, each, processor=utils.default_process) / 100 for each in wanted.to)
    return score, wanted.at_least, f"{score:.2f}"


def _finish(wanted: Sequence[str], answer: Answer) -> Checked:
    return _yes(answer.finish in wanted, answer.finish or "none")


def _error(wanted: ErrorExpected, answer: Answer) -> Checked:
    """The body must be whole too: a message and a type."""
    said = {"status": answer.status, "param": answer.error.get("param"), "code": answer.error.get("code")}
    fits = all(said[name] == value for name, value in wanted.model_dump(exclude_none=True).items())
    whole = all(isinstance(answer.error.get(name), str) for name in ("message", "type"))
    found = ", ".join(f"{name} {value}" for name, value in said.items())
    return _yes(fits and whole, found if whole else f"{found}, and no error body")


def _any_of(wanted: Sequence[Check], answer: Answer) -> Checked:
    results = [checked(each, answer) for each in wanted]
    best = max(each.score if each.passed else 0.0 for each in results)
    passed = any(each.passed for each in results)
    return best, best if passed else 1.0, "; ".join(each.found for each in results if each.found)


def _none_of(wanted: Sequence[Check], answer: Answer) -> Checked:
    if answer.failure:
        return _yes(False, answer.failure)
    passed = [each for each in wanted if checked(each, answer).passed]
    return _yes(not passed, words(passed[0]) if passed else "")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_CHECKED: Mapping[str, Callable[[Any, Answer], Checked]] = {
    "exact": _exact,
    "contains": _contains,
    "regex": _regex,
    "json_schema": _json_schema,
    "number": _number,
    "refusal": _refusal,
    "tool_call": _tool_call,
    "length": _length,
    "language": _language,
    "similarity": _similarity,
    "finish": _finish,
    "error": _error,
    "any_of": _any_of,
    "none_of": _none_of,
}
