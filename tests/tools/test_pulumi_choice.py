"""Which Pulumi CLI and language host are used, given what is on PATH and in the cache."""

import subprocess
from dataclasses import dataclass

import pytest

from tests.tools.conftest import Clone

NEW, SAME, OLD = "echo v3.300.1", "echo v3.259.0", "echo v3.258.9"
BROKEN, SILENT, NIGHTLY = "exit 1", "true", "echo v3.301.0-alpha.x12345"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What lies where, as scripts, and what is chosen."""

    on_path: str | None = None
    in_cache: str | None = None
    cached_as: str = "v3.259.0"
    host: str = "none"
    chosen: str


CASES = {
    "a new one on PATH": Case(on_path=NEW, chosen="path stand-in"),
    "the oldest allowed on PATH": Case(on_path=SAME, chosen="path stand-in"),
    "a nightly on PATH": Case(on_path=NIGHTLY, chosen="path stand-in"),
    "PATH before the cache": Case(on_path=NEW, in_cache=SAME, chosen="path stand-in"),
    "official host on PATH": Case(on_path=NEW, host="on path", chosen="path official"),
    "official host beside the real CLI": Case(on_path=NEW, host="beside", chosen="path official"),
    "a host without its executor is a stand-in": Case(on_path=NEW, host="without executor", chosen="path stand-in"),
    "too old on PATH": Case(on_path=OLD, in_cache=SAME, chosen="cache stand-in"),
    "the next major version on PATH": Case(on_path="echo v4.0.0", in_cache=SAME, chosen="cache stand-in"),
    "broken on PATH": Case(on_path=BROKEN, in_cache=SAME, chosen="cache stand-in"),
    "silent on PATH": Case(on_path=SILENT, in_cache=SAME, chosen="cache stand-in"),
    "only in the cache": Case(in_cache=SAME, chosen="cache stand-in"),
    "built, in the cache": Case(in_cache="echo v3.274.1", cached_as="v3.274.1", chosen="cache stand-in"),
    "in the cache, official host on PATH": Case(in_cache=SAME, host="on path", chosen="cache official"),
    "another version in the cache's place": Case(in_cache=NEW, chosen="make "),
    "broken in the cache": Case(in_cache=BROKEN, chosen="make "),
    "too old on PATH, nothing else": Case(on_path=OLD, chosen="make "),
    "nothing anywhere": Case(chosen="make "),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_choice(clone: Clone, case: Case) -> None:
    """A CLI on PATH that is new enough wins, then the cached one, else one is made; the stand-in host comes last."""
    _lay_out(clone, case)

    result = clone.shell('choose_pulumi; echo "$pulumi_from $host_from"')

    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{case.chosen}\n"


def test_says_why_not(clone: Clone) -> None:
    """A CLI on PATH that is passed over is named with its version and with the one that is needed."""
    program = clone.program("pulumi", OLD)

    result = clone.shell("choose_pulumi")

    assert result.stderr == f"{program} is 3.258.9; 3.259.0 or a later 3 is needed, so another is used\n"


def test_one_that_hangs(clone: Clone) -> None:
    """A CLI on PATH that does not answer is ended after a while, said to be silent, and asked once."""
    program = clone.program("pulumi", f"echo $$ >>{clone.home}/asked; sleep 600")

    result = clone.shell('patience_s=0.5; choose_pulumi; choose_pulumi; echo "$pulumi_from"')

    pids = (clone.home / "asked").read_text().split()
    assert result.stdout == "make\n"
    assert result.stderr == (
        f"{program} has not told its version in 0.5 s; 3.259.0 or a later 3 is needed, so another is used\n"
    )
    assert len(pids) == 1
    assert subprocess.run(["kill", "-0", pids[0]], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    ("have", "want", "enough"),
    [
        ("3.274.1", "3.274.1", True),
        ("3.274.2", "3.274.1", True),
        ("4.0.0", "3.274.1", True),
        ("3.1000.0", "3.274.1", True),
        ("3.275", "3.274.1", True),
        ("3.273.99", "3.274.1", False),
        ("2.999.999", "3.274.1", False),
        ("3.08.0", "3.274.1", False),
        ("", "3.274.1", False),
    ],
)
def test_version_order(clone: Clone, have: str, want: str, enough: bool) -> None:
    """Versions compare part by part as numbers, and no version is never enough."""
    result = clone.shell(f"version_at_least '{have}' '{want}' && echo yes || echo no")

    assert result.stdout == ("yes\n" if enough else "no\n")


def _lay_out(clone: Clone, case: Case) -> None:
    real = clone.home / "pulumi" / "bin"
    if case.on_path is not None:
        clone.program("pulumi", case.on_path, real)
        (clone.bin / "pulumi").symlink_to(real / "pulumi")
    if case.in_cache is not None:
        clone.program("pulumi", case.in_cache, clone.home / ".cache" / "trimaran" / "pulumi" / case.cached_as / "bin")
    host_directory = {"on path": clone.bin, "beside": real, "without executor": clone.bin}.get(case.host)
    if host_directory is not None:
        clone.program("pulumi-language-python", "exit 0", host_directory)
    if host_directory is not None and case.host != "without executor":
        clone.program("pulumi-language-python-exec", "exit 0", host_directory)
