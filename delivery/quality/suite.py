"""A suite: cases with what is asked, how, and what the answer is checked for. Read from YAML or JSONL, and frozen."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, HttpUrl, model_validator

from delivery.failure import ExitCode, Failure
from delivery.quality import imports, reading
from delivery.quality.checks import Check, Strict

SHIPPED = Path(__file__).parent / "suites"


class RequestSettings(Strict):
    """Fields of the request, sent as they are: a case may be wrong on purpose. `stream` is on unless a case says no."""

    model: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    temperature: Any = None
    top_p: Any = None
    seed: Any = None
    stop: Any = None
    n: Any = None
    response_format: Any = None
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: Any = None
    reasoning_effort: Any = None
    presence_penalty: Any = None
    frequency_penalty: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    stream: bool = True

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class Message(Strict):
    role: str = Field(pattern="^(system|developer|user|assistant|tool)$")
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


def _messages(value: Any) -> Any:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


class Case(Strict):
    """One question. A text as `messages` is one message of the user's."""

    id: str = Field(pattern=r"^[\w.:/-]{1,100}$")
    messages: Annotated[tuple[Message, ...], BeforeValidator(_messages), Field(min_length=1)]
    checks: tuple[Check, ...] = Field(min_length=1)
    settings: RequestSettings = RequestSettings()
    tags: tuple[str, ...] = ()
    weight: float = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _one_judge(self) -> Self:
        if sum(each.judge is not None for each in self.checks) > 1:
            raise ValueError("a case has at most one 'judge'")
        return self

    @property
    def question(self) -> str:
        """What was asked, for reports."""
        if len(self.messages) == 1 and self.messages[0].role == "user":
            return str(self.messages[0].content)
        return "\n".join(f"{each.role}: {each.content}" for each in self.messages)


class JudgeModel(Strict):
    """Who judges. Pin a dated model: its name is part of the cache's key, and what it reports about itself too."""

    url: HttpUrl
    model: str
    key_env: str = ""


class Suite(Strict):
    """``settings`` hold for every case that does not say otherwise. ``graded``: compare scores, not passes."""

    name: str
    description: str = ""
    graded: bool = False
    settings: RequestSettings = RequestSettings()
    judge: JudgeModel | None = None
    cases: tuple[Case, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        counts = Counter(case.id for case in self.cases)
        twice = [id_ for id_, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"two cases have the id '{twice[0]}'")
        if self.judge is None and any(check.judge for case in self.cases for check in case.checks):
            raise ValueError("a case asks for a judge, and the suite names none under 'judge'")
        return self

    @property
    def digest(self) -> str:
        """The first 12 hex digits of a sha256 over what is asked and checked, not over who judges."""
        values = self.model_dump(mode="json", exclude={"judge", "description"}, exclude_unset=True)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def body(self, case: Case) -> dict[str, Any]:
        """The request of a case."""
        settings = {**self.settings.given(), **case.settings.given()}
        stream = settings.pop("stream", True)
        messages = [message.model_dump(exclude_unset=True) for message in case.messages]
        streaming = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        return {"messages": messages, **settings, **streaming}


def load(name_or_path: str) -> Suite:
    """A suite that ships, by its name, or one in a file (.yaml, .yml, .jsonl). Raises Failure with exit code 2."""
    shipped = SHIPPED / f"{name_or_path}.yaml"
    path = shipped if shipped.exists() and "/" not in name_or_path else Path(name_or_path)
    if not path.exists():
        names = ", ".join(sorted(each.stem for each in SHIPPED.glob("*.yaml")))
        raise Failure(
            f"suite '{name_or_path}' is neither a file nor one that ships. Those that ship: {names}.",
            "--suite general, or the path of a .yaml or .jsonl file",
            ExitCode.USAGE,
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"suite {path} cannot be read: {error}.", "", ExitCode.USAGE) from None
    if path.suffix == ".jsonl":
        return reading.validated(Suite, imports.read(text, path), imports.lines(text), str(path))
    return reading.parse(Suite, text, str(path), defaults={"name": path.stem})
