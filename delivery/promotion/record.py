"""A promotion's state on disk, written after each step: whoever was killed can be taken over, and whoever watches can read."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from delivery.failure import Failure
from delivery.verdict import Verdict

SCHEMA = "trimaran.promotion/1"
DIRECTORY = Path(".trimaran/promotions")
REPORTS = Path(".trimaran/reports")
DONE, TRAFFIC, ADOPT, ROLL_BACK = "done", "traffic", "adopt", "roll_back"
PHASES = ("prepare", "deploy", "smoke", "compare", TRAFFIC, ADOPT, DONE)
MAX_POINTS = 600


@dataclass(slots=True, kw_only=True)
class Promotion:
    """Everything that is known of one promotion, as it stands in its file. `share` is green's percent that was set last."""

    id: str
    stack: str
    target: str
    candidate: dict[str, Any]
    previous: dict[str, Any] | None
    blue: str
    green: str
    suite: str
    rollout: dict[str, Any]
    low_traffic: bool = False
    began_at: str = ""
    updated_at: str = ""
    phase: str = PHASES[0]
    share: int = 0
    step_began_at: float | None = None
    outcome: str | None = None
    verdict: str | None = None
    words: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)
    smoke: dict[str, Any] | None = None
    comparison: dict[str, Any] | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)
    pairs: dict[str, list[float]] = field(default_factory=dict)
    past: list[dict[str, Any]] = field(default_factory=list)
    observation: dict[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        return self.phase == DONE

    def enter(self, phase: str, words: str) -> None:
        """Goes to a phase and remembers when and why."""
        self.phase = phase
        self.note(words)

    def note(self, words: str) -> None:
        self.history.append({"at": now(), "phase": self.phase, "share": self.share, "words": words})

    def settle(self, verdict: Verdict, words: str) -> None:
        self.verdict, self.words = verdict.value, words

    def judged(self, share: int, judgement: dict[str, Any], quality: dict[str, Any] | None, seconds: float) -> None:
        """Keeps the latest judgement of each step."""
        self.steps = [step for step in self.steps if step["share"] != share]
        self.steps.append({"share": share, "judgement": judgement, "quality": quality, "seconds": round(seconds, 1)})

    def add_point(self, point: dict[str, Any]) -> None:
        """Adds a moment to the charts; when there are too many, every other one goes."""
        self.series.append(point)
        if len(self.series) > MAX_POINTS:
            self.series = self.series[::2]

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    def report(self) -> dict[str, Any]:
        """All but what only a continuation needs."""
        return {name: value for name, value in self.as_json().items() if name not in ("observation", "past", "pairs")}


def now() -> str:
    """UTC, to the second, as in ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def path_of(root: Path, stack: str) -> Path:
    return root / DIRECTORY / f"{stack}.json"


def load(root: Path, stack: str) -> Promotion | None:
    """The stack's last promotion; None when there was none. Raises Failure for a file that is none."""
    path = path_of(root, stack)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Promotion(**{name: value for name, value in values.items() if name != "schema"})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Failure(
            f"{path} cannot be read: {error}.", f"take traffic back, which needs no file: ./trimaran rollback {stack}"
        ) from None


def save(root: Path, promotion: Promotion) -> None:
    """Whole or not at all, even when the machine goes down."""
    promotion.updated_at = now()
    path = path_of(root, promotion.stack)
    scratch = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("w", encoding="utf-8") as handle:
            json.dump(promotion.as_json(), handle, indent=1)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(scratch, path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", f"ls -ld {path.parent}") from None


@contextmanager
def held(root: Path, stack: str) -> Iterator[None]:
    """One promotion of a stack at a time; the kernel lets go of the lock when its holder dies. Raises Failure."""
    directory = root / DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{stack}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                f"a promotion of stack '{stack}' is running.", f"watch it: ./trimaran promote {stack} --watch"
            ) from None
        yield


def is_running(root: Path, stack: str) -> bool:
    """Whether somebody holds the stack's promotion now."""
    try:
        with held(root, stack):
            return False
    except Failure:
        return True
