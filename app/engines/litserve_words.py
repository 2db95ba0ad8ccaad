"""The words of TRIMARAN_ENGINE_ARGS that LitServe takes: read by the app before it starts LitServe, and by LitServe's own process.

Imports neither LitServe nor torch, which the app's process does without.
"""

from __future__ import annotations

import argparse
import threading
from typing import NoReturn

BATCH = 8
BATCH_TIMEOUT_S = 0.02  # the first of a batch waits so long for others: less than a token takes


class WordsError(Exception):
    """A word that cannot be taken, in a sentence's words."""


class Words(argparse.ArgumentParser):
    """Raises WordsError where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise WordsError(message)


def parser() -> Words:
    words = Words(prog="LitServe", allow_abbrev=False, add_help=False)
    words.add_argument("--max-batch-size", default=BATCH, type=_count)
    words.add_argument("--batch-timeout", default=BATCH_TIMEOUT_S, type=_seconds)
    words.add_argument("--max-model-len", type=_count, help="tokens of question and answer together")
    return words


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= threading.TIMEOUT_MAX:  # what Python can wait; of nan and inf both are false
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds from 0 up")
    return number
