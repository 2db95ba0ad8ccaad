"""A service of the compose files as a process of this machine, under the terms that Docker would give it.

This machine's root stands for the image's: it cannot be written to. Mounts, secrets, variables, user and names are those of the file, no
capability is left, and the network is the topology's own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.containers.compose import FOLDER
from tests.containers.network import ROOT, Network

# What an image decides where the file leaves it open: the command, the user. The app's own image is containers/app.Dockerfile.
_APP = ("python3", "-m", "app.main")
_USER = {"llm-api": 10001}
_PATH = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """``folder``: where this topology's volumes, its table of names and what its services write are kept."""

    topology: Mapping[str, Any]
    network: Network
    folder: Path

    def start(
        self, name: str, *, called: str = "", changed: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """The service; what it writes is in `<called>.log`. ``changed``: variables that a second one of it must have otherwise."""
        service = self.topology["services"][name]
        command = [*service.get("entrypoint", ()), *service.get("command", _APP)]
        with self.log_of(called or name).open("ab") as log:
            return subprocess.Popen(self._inside(name, command, changed or {}), stdout=log, stderr=log)

    def log_of(self, called: str) -> Path:
        return self.folder / f"{called}.log"

    def is_healthy(self, name: str) -> bool:
        """Whether the service's own health check, run beside it as Docker does, is content."""
        [kind, *words] = self.topology["services"][name]["healthcheck"]["test"]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        return (
            subprocess.run(self._inside(name, command, {}), capture_output=True, check=False, timeout=60).returncode
            == 0
        )

    def _inside(self, name: str, command: Sequence[str], changed: Mapping[str, str]) -> list[str]:
        service = self.topology["services"][name]
        user = int(str(service.get("user", _USER.get(name, 0))).partition(":")[0])
        words = ["bwrap", "--die-with-parent", "--new-session", "--unshare-user", "--unshare-pid", "--unshare-ipc"]
        words += ["--uid", str(user), "--gid", str(user), "--cap-drop", "ALL", "--chdir", str(ROOT), "--clearenv"]
        words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"]
        for mount in service.get("tmpfs", ()):
            words += ["--tmpfs", mount.partition(":")[0]]
        words += ["--ro-bind", str(ROOT), str(ROOT), "--ro-bind", str(self.folder / "hosts"), "/etc/hosts"]
        for parent in sorted({str(Path(each["target"]).parent) for each in service.get("configs", ())}):
            words += ["--tmpfs", parent] if Path(parent).is_dir() else ["--dir", parent]
        for source, target, how in [*self._files(service), *self._volumes(service)]:
            words += [how, str(source), target]
        for variable, value in {"PATH": _PATH, **service["environment"], **changed}.items():
            words += ["--setenv", variable, str(value)]
        return self.network.joining([*words, *command])

    def _files(self, service: Mapping[str, Any]) -> list[tuple[Path, str, str]]:
        """Secrets and configs; a file's name is relative to the folder of the compose files."""
        secrets = [(self.topology["secrets"][name], f"/run/secrets/{name}") for name in service.get("secrets", ())]
        configs = [(self.topology["configs"][each["source"]], each["target"]) for each in service.get("configs", ())]
        return [(FOLDER / each["file"], target, "--ro-bind") for each, target in [*secrets, *configs]]

    def _volumes(self, service: Mapping[str, Any]) -> list[tuple[Path, str, str]]:
        mounts = []
        for volume in service.get("volumes", ()):
            name, target, *options = volume.split(":")
            source = self.folder / name
            source.mkdir(exist_ok=True)
            mounts.append((source, target, "--ro-bind" if "ro" in options else "--bind"))
        return mounts
