"""A project that is thrown away: the real program and a copy of the stack's config, with a state and home of its own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from catalog import rehearsal
from delivery.engine import executable
from delivery.failure import Failure
from delivery.rehearsal import program
from delivery.stack_file import StackFile, encrypted_in, full_key, is_encrypted
from delivery.yaml_text import loaded
from plan.tokens import HIDDEN

_HERE = Path(__file__).resolve().parents[2]
_PASSPHRASE = "rehearsal"
_PROGRAM = "program.py"
_CONFIG = "environments"
# A config value that only its owner can decrypt stands in a rehearsal as this, which reads as a `name=key` line too.
_STAND_IN = "rehearsed=rehearsed-secret"
_DEAD_PROXY = "http://127.0.0.1:9"
_OURS = "PULUMI_"
_KEPT = ("PULUMI_DEBUG_COMMANDS", "PULUMI_PYTHON_CMD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """The throw-away project; `root` is the one it stands in for."""

    root: Path
    directory: Path

    def add_stack(self, stack: str) -> dict[str, Any]:
        """Make a stack with the config of the real one, or of its example; return that config with its secrets hidden."""
        planned = {full_key(key): value for key, value in StackFile(root=self.root, stack=stack).planned().items()}
        secrets = [place for key, value in planned.items() for place in encrypted_in(value, key)]
        self.write_config(stack, _with(_STAND_IN, planned))
        self._call("stack", "init", stack, "--no-select")
        if secrets:
            pairs = [part for key in secrets for part in ("--secret", f"{key}={_STAND_IN}")]
            self._call("config", "set-all", "--path", *pairs, "--stack", stack)
        return dict(_with(HIDDEN, planned))

    def config(self, stack: str) -> dict[str, Any]:
        """The config of a stack as it stands in the throw-away project."""
        found: dict[str, Any] = loaded(self._config_path(stack).read_text(encoding="utf-8")).get("config") or {}
        return found

    def write_config(self, stack: str, config: Mapping[str, Any]) -> None:
        """Write the config of a stack; what ties it to the throw-away passphrase stays."""
        path = self._config_path(stack)
        document = loaded(path.read_text(encoding="utf-8")) if path.exists() else {}
        # JSON is YAML too, and leaves no text that reads as a number or a date.
        path.write_text(json.dumps({**document, "config": dict(config)}), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """What the engine and the program see: nothing of the user's accounts, and no way out."""
        accounts = _accounts()
        withheld = (_OURS, *(beginning for each in accounts for beginning in each["withheld"]))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(withheld) or key in _KEPT}
        nowhere = str(self.directory / "nowhere")
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(self.root), str(_HERE), os.environ.get("PYTHONPATH", "")])),
            "PULUMI_HOME": str(self.directory / "home"),
            "PULUMI_BACKEND_URL": (self.directory / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **{key: value for each in accounts for key, value in each.get("instead", {}).items()},
            **{key: nowhere for each in accounts for key in each.get("files", ())},
            **{key: _DEAD_PROXY for name in ("HTTP_PROXY", "HTTPS_PROXY") for key in (name, name.lower())},
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            program.ROOT: str(self.root),
            program.NOTES: str(self.directory / "notes.jsonl"),
        }

    def notes(self) -> list[dict[str, Any]]:
        """What the program's wrapper wrote down: where each resource was made, and forbidden connections."""
        return program.read_notes(self.directory / "notes.jsonl")

    def _call(self, *arguments: str) -> None:
        done = subprocess.run(
            [executable(), *arguments, "--non-interactive"],
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"the rehearsal's own project cannot be set up: {done.stderr.strip()}")

    def _config_path(self, stack: str) -> Path:
        return self.directory / _CONFIG / f"Pulumi.{stack}.yaml"


@functools.cache
def _accounts() -> list[dict[str, Any]]:
    """What each cloud's own tools would find the user's account by."""
    path = Path(rehearsal.__path__[0]) / "accounts.toml"
    return [each for each in tomllib.loads(path.read_text(encoding="utf-8")).values() if isinstance(each, dict)]


@contextmanager
def scratch(root: Path) -> Iterator[Scratch]:
    """Make the throw-away project, and remove it with its state."""
    with TemporaryDirectory(prefix="trimaran-rehearsal-") as name:
        directory = Path(name)
        for each in (_CONFIG, "home", "state"):
            (directory / each).mkdir()
        document = loaded((root / "Pulumi.yaml").read_text(encoding="utf-8"))
        (directory / "Pulumi.yaml").write_text(json.dumps(_project(document, root)), encoding="utf-8")
        text = f"from delivery.rehearsal.program import run\n\nrun({str(root / document['main'])!r})\n"
        (directory / _PROGRAM).write_text(text, encoding="utf-8")
        yield Scratch(root=root, directory=directory)


def _project(document: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The project file with every path of its own made absolute, and the wrapper as its program."""
    plugins = document.get("plugins") or {}

    def absolute(listed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{**each, "path": str(root / each["path"])} for each in listed]

    return {
        **document,
        "runtime": {"name": "python", "options": {"virtualenv": sys.prefix, "toolchain": "pip"}},
        "main": _PROGRAM,
        "stackConfigDir": _CONFIG,
        "plugins": {kind: absolute(listed) for kind, listed in plugins.items()},
    }


def _with(stand_in: str, value: Any) -> Any:
    """A value with every encrypted one in it replaced."""
    if is_encrypted(value):
        return stand_in
    if isinstance(value, dict):
        return {key: _with(stand_in, item) for key, item in value.items()}
    return [_with(stand_in, item) for item in value] if isinstance(value, list) else value
