"""The real engine on the throw-away project: its events, and one sentence when it fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delivery.engine import executable
from delivery.failure import ExitCode, Failure
from delivery.rehearsal.scratch import Scratch
from delivery.terminal import say
from providers.rehearsal.record import RehearsalRecord
from providers.rehearsal.values import name_of, type_of
from stacks.local.files import log_directory

_HINT = "\nhint:"
_REMARK = "using pulumi-language-"
_OPERATIONS = {"create", "update", "replace", "delete", "same", "read", "create-replacement", "delete-replaced"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the engine does, or would do, to one resource; `changed` are the inputs that differ."""

    op: str
    urn: str
    changed: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        return type_of(self.urn)

    @property
    def name(self) -> str:
        return name_of(self.urn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One verb that the engine carried out; `digest` is what `pulumi preview --json` prints, empty for other verbs."""

    steps: tuple[Step, ...]
    seconds: float
    digest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.op not in ("same", "read"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A stack on the throw-away project, with the providers that stand in for its clouds; in `config` secrets are hidden."""

    scratch: Scratch
    stack: str
    config: Mapping[str, Any]
    ports: Mapping[str, int]
    record: RehearsalRecord

    def run(self, verb: str, label: str, *arguments: str) -> Run:
        """Let the engine preview, up or destroy. Raises Failure with the line of the program that is to blame."""
        command = [executable(), verb, "--json", "--non-interactive", "--stack", self.stack, *arguments]
        command += ["--show-sames"] if verb == "preview" else ["--yes", "--skip-preview"]
        attached = ",".join(f"{package}:{port}" for package, port in self.ports.items())
        said = self.scratch.directory / f"{verb}.jsonl"
        say(f"{self.stack}: {label} …")
        began_s = time.monotonic()
        with said.open("w", encoding="utf-8") as sink:
            done = subprocess.run(
                command,
                cwd=self.scratch.directory,
                env={**self.scratch.environment(), "PULUMI_DEBUG_PROVIDERS": attached},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        seconds = time.monotonic() - began_s
        log = _kept(said, self.scratch.root, self.stack)
        events, digest = _said(said.read_text(encoding="utf-8"))
        _refuse_connections(self.scratch)
        self._refuse_wrong_inputs()
        if done.returncode != 0:
            raise self._failure(_diagnostics(events, digest, "error"), done.stderr, log)
        for warning in _diagnostics(events, digest, "warning"):
            if not warning.startswith(_REMARK):
                say(f"  ! {warning}")
        run = Run(steps=tuple(steps(events, digest)), seconds=seconds, digest=digest)
        say(f"{self.stack}: {label}: {len(run.steps)} resources in {seconds:.1f} s")
        return run

    def sources(self) -> dict[tuple[str, str], str]:
        """(type, name) -> the line of the program that made it."""
        mine = (each for each in self.scratch.notes() if each.get("stack") == self.stack)
        return {(each["type"], each["name"]): each["source"] for each in mine}

    def _refuse_wrong_inputs(self) -> None:
        """Raise Failure for the first wrong input, after telling of all others."""
        sources = self.sources()
        refused = [
            f"{sources.get((each.token, name_of(each.urn)), self.stack)}: {each.token} '{name_of(each.urn)}': {finding.sentence}"
            for each in self.record.of_stack(self.stack).values()
            for finding in each.findings
        ]
        for sentence in sorted(refused)[1:]:
            say(f"also: {sentence}")
        if refused:
            raise Failure(sorted(refused)[0], "correct the line, or the config value it reads; nothing was deployed")

    def _failure(self, errors: Sequence[str], said: str, log: Path) -> Failure:
        """What stopped the engine."""
        log_hint = f"the engine's own words are in {log}"
        if self.record.refused_lookups:
            return Failure(self.record.refused_lookups[0], log_hint)
        return told(errors or [said.strip()], log_hint, self.scratch.root)


def steps(events: Sequence[Mapping[str, Any]], digest: Mapping[str, Any]) -> list[Step]:
    """One step for each resource, from a preview's document or from the events of another verb.

    Components, providers and the stack itself are no resources of a cloud and are left out.
    """
    found: dict[str, Step] = {}
    of_events = (each["resourcePreEvent"]["metadata"] for each in events if "resourcePreEvent" in each)
    for each in digest.get("steps") or of_events:
        urn, op = each["urn"], each["op"]
        if op not in _OPERATIONS or not _is_resource(each):
            continue
        before = found.get(urn)
        replaced = before is not None or "replace" in op
        changed = each.get("diffs") or each.get("diffReasons") or (before.changed if before else ())
        found[urn] = Step(op="replace" if replaced else op, urn=urn, changed=tuple(changed))
    return list(found.values())


def _is_resource(step: Mapping[str, Any]) -> bool:
    states = (step.get(name) for name in ("newState", "oldState", "new", "old"))
    custom = any(state.get("custom") for state in states if state)
    return custom and not type_of(step["urn"]).startswith(("pulumi:pulumi:", "pulumi:providers:"))


def _said(text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The engine's events, one a line, or the one document that a preview prints."""
    if text.lstrip().startswith("{\n"):
        digest: dict[str, Any] = json.loads(text)
        return [], digest
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")], {}


def _diagnostics(events: Sequence[Mapping[str, Any]], digest: Mapping[str, Any], severity: str) -> list[str]:
    """The engine's errors or warnings, without the word that says which they are."""
    of_events = (each["diagnosticEvent"] for each in events if "diagnosticEvent" in each)
    found = [each for each in (*of_events, *digest.get("diagnostics", ())) if each.get("severity") == severity]
    return [str(each.get("message", "")).strip().removeprefix(f"{severity}: ") for each in found]


def told(messages: Sequence[str], log_hint: str, root: Path) -> Failure:
    """What the engine or the program says is wrong, as a sentence and a hint."""
    with_hint = [each for each in messages if _HINT in each]
    message = [*with_hint, *messages, ""][0]
    sentence, _, hint = message.partition(_HINT)
    if hint:
        return Failure(sentence.strip(), hint.strip(), ExitCode.USAGE)
    if "Traceback (most recent call last)" in sentence:
        return Failure(_of_traceback(sentence, root), log_hint)
    return Failure(sentence.splitlines()[0] if sentence else "the engine failed without saying why.", log_hint)


def _of_traceback(text: str, root: Path) -> str:
    """The last line of a traceback, behind the innermost line of the project's own code."""
    places = re.findall(r'File "([^"]+)", line (\d+)', text)
    own = [(Path(file), line) for file, line in places if file.startswith(f"{root}/") and "site-packages" not in file]
    where = f"{own[-1][0].relative_to(root)}:{own[-1][1]}: " if own else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{where}{lines[-1]}"


def _refuse_connections(scratch: Scratch) -> None:
    forbidden = [each for each in scratch.notes() if "connection" in each]
    if forbidden:
        raise Failure(
            f"{forbidden[0]['source']}: the program connects to {forbidden[0]['connection']}, and a rehearsal calls nothing.",
            "a program describes resources; what it needs to know comes from config or from a look-up of the SDK",
        )


def _kept(said: Path, root: Path, stack: str) -> Path:
    """Where the engine's words stay readable: whole, even when the same stack is rehearsed twice at a time."""
    path = log_directory(root, stack) / f"rehearsal-{said.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        copy = path.with_name(f"{path.name}.{os.getpid()}")
        shutil.copyfile(said, copy)
        os.replace(copy, path)
    except OSError as error:
        raise Failure(f"{path.parent} cannot be written: {error.strerror}.", f"ls -ld {root}") from None
    return path
