"""`cost`: a stack's next change in dollars, from a saved preview or a fresh one, held against limits."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cost import report, usage
from cost.amounts import Case
from cost.estimate import estimate_of, refuse_strangers, unread
from cost.gates import Gates, judge
from cost.lines import Estimate
from cost.table import render
from delivery.cost.cli import Format
from delivery.failure import ExitCode, Failure
from delivery.terminal import data, data_json, say
from plan.document import NotAPreview, Preview, parse, read

_PIPE_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked for. `rehearsed` plans against the stand-in for the cloud instead of the real one."""

    root: Path
    stack: str
    preview: Path | None = None
    usage: Path | None = None
    rehearsed: bool = False
    format: Format = Format.TABLE
    case: Case = Case.EXPECTED
    sources: bool = False
    gates: Gates = field(default_factory=Gates)


def show(request: Request) -> None:
    """Print the estimate. Raises Failure: 3 where a limit is passed, 5 where there is nothing to measure."""
    stated = _usage(request.usage)
    preview = _preview(request)
    estimate = _estimate(request, preview, stated)
    _print(request, estimate)
    for key in unread(stated, preview):
        say(f"note: '{key}' of the usage file is in no line: nothing that this stack makes is billed by it.")
    gates = request.gates.with_those_of(preview.config)
    verdict = judge(estimate, gates, request.case)
    for remark in verdict.blind:
        say(f"note: {remark}")
    if verdict.refused:
        for sentence in verdict.refused[1:]:
            say(f"error: {sentence}")
        raise Failure(verdict.refused[0], "", ExitCode.GATE_SAID_NO)


def _estimate(request: Request, preview: Preview, stated: usage.Usage) -> Estimate:
    """The estimate. Raises Failure where what the usage file says does not fit the stack."""
    try:
        estimate = estimate_of(preview, stated)
        refuse_strangers(stated, preview, estimate)
    except usage.UsageError as error:
        raise Failure(f"{request.usage}: {error}.", "docs/cost.md explains every key", ExitCode.USAGE) from None
    return estimate


def _print(request: Request, estimate: Estimate) -> None:
    if request.format is Format.JSON:
        data_json("cost", request.stack, report.values(estimate, request.case))
    elif request.format is Format.MARKDOWN:
        data(report.markdown(estimate, request.case))
    else:
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else _PIPE_WIDTH
        data(render(estimate, request.case, width=width, colour=terminal and not _no_colour()))
    if request.sources and request.format is not Format.JSON:
        data("\n".join(("", "Prices", *report.sources(estimate))))


def _no_colour() -> bool:
    return bool(os.environ.get("NO_COLOR"))


def _usage(path: Path | None) -> usage.Usage:
    if path is None:
        return usage.NO_USAGE
    try:
        return usage.parse(path.read_text(encoding="utf-8"), str(path))
    except usage.UsageError as error:
        raise Failure(f"{error}.", "docs/cost.md explains every key", ExitCode.USAGE) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(_unreadable(path, error), f"ls -l {path}", ExitCode.USAGE) from None


def _preview(request: Request) -> Preview:
    if request.rehearsed and not request.preview:
        return _rehearsed(request)
    if request.preview:
        try:
            text = request.preview.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(_unreadable(request.preview, error), "", ExitCode.USAGE) from None
        shown = str(request.preview)
    else:
        text = _fresh(request)
        shown = "what the engine printed"
    try:
        return parse(text)
    except NotAPreview as error:
        raise Failure(
            f"{shown} is not a preview: {error}.",
            f"./trimaran pulumi preview --json --show-sames --stack {request.stack} > preview.json",
            ExitCode.COULD_NOT_MEASURE,
        ) from None


def _rehearsed(request: Request) -> Preview:
    """A preview of the stack's program against the stand-in for its cloud. Raises Failure."""
    from delivery.cost.rehearsed import document

    return read(document(request.root, request.stack))


def _fresh(request: Request) -> str:
    """A new preview of the stack as it is deployed where the user is logged in. Raises Failure."""
    from delivery.engine import engine_for
    from delivery.stack_file import StackFile

    say(f"previewing {request.stack}")
    file = StackFile(root=request.root, stack=request.stack)
    with file.to_read() as path:
        config = () if path == file.path else ("--config-file", str(path))
        done = engine_for(request.root, request.stack).call("preview", "--json", "--show-sames", *config)
    if done.returncode != 0:
        raise Failure(
            f"stack '{request.stack}' cannot be previewed: {_sentence(done.stderr or done.stdout)}",
            f"./trimaran cost {request.stack} --rehearsed, or see it whole: ./trimaran pulumi preview --stack {request.stack}",
            ExitCode.COULD_NOT_MEASURE,
        )
    return done.stdout


def _sentence(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return next(iter((*errors, *lines[-1:])), "the engine said nothing.")


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> str:
    return f"{path} cannot be read: {error.strerror if isinstance(error, OSError) else 'it is not text'}."
