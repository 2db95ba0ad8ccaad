"""Other projects' JSONL, in the forms in which they write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.failure import Failure
from delivery.quality.answer import Answer
from delivery.quality.checking import checked
from delivery.quality.suite import Suite, load


def imported(tmp_path: Path, *samples: dict[str, Any]) -> Suite:
    path = tmp_path / "samples.jsonl"
    path.write_text("\n\n".join(json.dumps(each) for each in samples))
    return load(str(path))


def passes(suite: Suite, *answers: str) -> list[bool]:
    [check] = suite.cases[0].checks
    return [checked(check, Answer(status=200, text=each)).passed for each in answers]


def test_openai_evals(tmp_path: Path) -> None:
    """Messages and one ideal, or several of which one will do."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Once upon a"}]
    suite = imported(tmp_path, {"input": messages, "ideal": ["time", "midnight"]}, {"input": "2 + 2?", "ideal": "4"})

    assert [case.id for case in suite.cases] == ["line-1", "line-3"]
    assert suite.cases[1].question == "2 + 2?"
    assert passes(suite, "time.", "at Midnight", "sometimes") == [True, True, False]


def test_harness_generation(tmp_path: Path) -> None:
    """The prompt and the settings of the first request; GSM8K's number stands behind ####."""
    request = ["Q: 3 + 4?\nA:", {"until": ["Q:", ""], "max_gen_toks": 9, "do_sample": False}]
    sample = {"doc_id": 5, "doc": {"question": "3 + 4?"}, "target": "3 + 4 = 7\n#### 7", "arguments": [request]}
    suite = imported(tmp_path, sample)

    assert suite.cases[0].id == "doc-5"
    assert suite.body(suite.cases[0])["stop"] == ["Q:"]
    assert suite.body(suite.cases[0])["max_tokens"] == 9
    assert passes(suite, "So it is 7.", "So it is 17.") == [True, False]


def test_harness_generation_as_newer_releases_log_it(tmp_path: Path) -> None:
    """Arguments by name."""
    arguments = {"gen_args_0": {"arg_0": "Capital of Peru?", "arg_1": {"until": []}}}
    suite = imported(tmp_path, {"doc_id": 0, "doc": {}, "target": " Lima", "arguments": arguments})

    assert suite.cases[0].question == "Capital of Peru?"
    assert passes(suite, "Lima", "Rome") == [True, False]


def test_harness_choices(tmp_path: Path) -> None:
    """Likelihoods cannot be asked for over a chat API, so a letter is."""
    arguments = [["Sky?", " green"], ["Sky?", " blue"]]
    suite = imported(tmp_path, {"doc_id": 0, "doc": {}, "target": 1, "arguments": arguments})

    assert "A. green\nB. blue" in suite.cases[0].question
    assert passes(suite, "B", "B. blue", "A", "Blue") == [True, True, False, False]


@pytest.mark.parametrize(
    ("line", "said"), [("{", "3: neither"), ('{"ideal": "x"}', "'input' is missing"), ('{"doc": {}}', "missing")]
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    """Counted with the empty ones."""
    path = tmp_path / "samples.jsonl"
    path.write_text(f'{{"input": "a", "ideal": "b"}}\n\n{line}\n')

    with pytest.raises(Failure, match=said) as raised:
        load(str(path))
    assert raised.value.sentence.startswith(f"{path}:3: ")
