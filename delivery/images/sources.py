"""What the source tree says of itself: its commit, when that was made, and whether the files are still its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`created` is the commit's time as RFC 3339. `is_dirty`: files differ from the commit, or nobody can say which it is."""

    commit: str
    created: str
    is_dirty: bool

    @property
    def revision(self) -> str:
        """What stands in an image's label."""
        return f"{self.commit}-dirty" if self.is_dirty else self.commit


def read(root: Path) -> Source:
    """The state of the clone; one without git is dirty."""
    commit = _git(root, "rev-parse", "HEAD") or _UNKNOWN
    changed = commit == _UNKNOWN or bool(_git(root, "status", "--porcelain"))
    return Source(commit=commit, created=_git(root, "show", "--no-patch", "--format=%cI"), is_dirty=changed)


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
