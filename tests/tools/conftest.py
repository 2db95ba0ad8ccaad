"""A scratch copy of the working tree, and ways to run its wrapper with a PATH of chosen programs."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.tools.pythons import Python, pythons

ROOT = Path(__file__).resolve().parents[2]
SYSTEM_PROGRAMS = [
    "bash",
    "sh",
    "env",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "dirname",
    "find",
    "grep",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "sleep",
    "tail",
    "touch",
    "uname",
    "sort",
    "head",
    "tr",
    "wc",
]
STUB_COMMAND_LINE = """
import os, sys
print("arguments", *sys.argv[1:])
print("directory", os.getcwd())
print("package", __file__)
print("path", os.environ["PATH"])
"""
STUB_USAGE = """
import sys
sys.exit("no such option" if "--wrong" in sys.argv else 0)
"""


@dataclass(slots=True, kw_only=True)
class Clone:
    """A copy of the tree whose command line only prints what it was given."""

    root: Path
    bin: Path
    home: Path
    python: Python
    environment: dict[str, str] = field(default_factory=dict)

    def program(self, name: str, script: str, directory: Path | None = None) -> Path:
        """Put a shell script of this name on the clone's PATH, or into another directory."""
        path = (directory or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
        return path

    def popen(self, *arguments: str, cwd: Path | None = None, program: Path | None = None) -> "subprocess.Popen[str]":
        """Start the wrapper in a session of its own."""
        return subprocess.Popen(
            [program or self.root / "trimaran", *arguments],
            cwd=cwd or self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self, *arguments: str, cwd: Path | None = None, program: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run the wrapper to its end."""
        process = self.popen(*arguments, cwd=cwd, program=program)
        try:
            stdout, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def shell(self, script: str, variables: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run bash code after the set-up's functions have been sourced."""
        sourced = f'set -euo pipefail; root={self.root}; . "$root/tools/setup.sh"; python={self.python.path}\n{script}'
        return subprocess.run(
            ["bash", "-c", sourced],
            env={**self.environment, **(variables or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(params=pythons(), ids=str)
def python(request: pytest.FixtureRequest) -> Python:
    """Each Python of this machine that the set-up may be run with."""
    found: Python = request.param
    return found


# For what is the same whichever Python sets up.
with_one_python = pytest.mark.parametrize("python", pythons()[:1], ids=str, indirect=True)


@pytest.fixture
def clone(tmp_path: Path, python: Python) -> Iterator[Clone]:
    """The part of the tree that set-up reads, with an empty home and a PATH of plain system programs."""
    yield from _made(tmp_path, python, ".ci", "delivery", "requirements", "tools", "trimaran")


@pytest.fixture
def whole_clone(tmp_path: Path, python: Python) -> Iterator[Clone]:
    """The same with every file that is in git or would be."""
    yield from _made(tmp_path, python, ".")


def _made(directory: Path, python: Python, *parts: str) -> Iterator[Clone]:
    root, binaries, home = directory / "clone", directory / "bin", directory / "home"
    for each in (root, binaries, home):
        each.mkdir()
    _copy_tree(root, parts)
    (root / "delivery" / "cli.py").write_text(STUB_COMMAND_LINE)
    (root / "delivery" / "usage.py").write_text(STUB_USAGE)
    for name in SYSTEM_PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            (binaries / name).symlink_to(found)
    made = Clone(root=root, bin=binaries, home=home, python=python)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"LANG", "SSL_CERT_FILE"} or name.startswith("PIP_")
    }
    made.environment = {**kept, "HOME": str(home), "PATH": str(binaries), "UV_CACHE_DIR": _uv_cache()}
    yield made
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def faked(clone: Clone) -> Clone:
    """The same with stand-ins for Python, uv, nginx and the Pulumi CLI, so that set-up takes no time."""
    clone.program("python3", f'echo "$@" >>{clone.home}/python-calls; exec {clone.python.path} "$@"')
    clone.program("uv", FAKE_UV.format(python=clone.python.path, calls=clone.home / "uv-calls"))
    for tool in ("nginx", "redis-server", "chromium", "buildah", "mmdebstrap", "crun", "docker-registry", "bwrap"):
        clone.program(tool, "exit 0")
    clone.program("pulumi", "echo v3.999.0")
    return clone


FAKE_UV = """
echo "$@" >>{calls}
[[ $1 != --version ]] || {{ echo uv 99; exit; }}
if [[ $1 == venv ]]; then
    target=${{!#}}
    mkdir -p "$target/bin" "$target/lib/python3.11/site-packages"
    printf '#!/bin/bash\\nexec %s "$@"\\n' {python} >"$target/bin/python"
    chmod +x "$target/bin/python"
fi
"""


def _copy_tree(target: Path, parts: Sequence[str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *parts],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _uv_cache() -> str:
    return os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
