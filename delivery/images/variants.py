"""What images of the app there are: the slim one, and one for each requirements file that comes on top of it."""

from __future__ import annotations

from pathlib import Path

from delivery.failure import ExitCode, Failure

SLIM = "slim"
EMBEDDED = "embedded"


def variants(root: Path) -> list[str]:
    """The names of all variants, slim first."""
    return [SLIM, *sorted(path.stem.removeprefix("app-") for path in (root / "requirements").glob("app-*.txt"))]


def image_of(root: Path, variant: str) -> str:
    """The name under which a variant is kept on this machine. Raises Failure for a variant that is not there."""
    there = variants(root)
    if variant not in there:
        raise Failure(
            f"there is no variant '{variant}' of the image. Variants: {', '.join(there)}."
            " A cloud has one once the app imports that cloud's SDK; until then slim serves it.",
            "./trimaran image build --variant slim",
            ExitCode.USAGE,
        )
    return f"localhost/trimaran/app:{variant}"
