"""What a command says when it cannot do what was asked: one sentence, one hint, one exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means to the script that called it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    GATE_SAID_NO = 3
    NOT_ENOUGH_EVIDENCE = 4
    COULD_NOT_MEASURE = 5
    INTERRUPTED = 130


class Failure(Exception):
    """Ends a command; shown as `error:` and `hint:` lines, without a traceback."""

    def __init__(self, sentence: str, hint: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.exit_code = exit_code


class Interrupted(Failure):
    """The person pressed Ctrl-C."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence, hint, ExitCode.INTERRUPTED)
