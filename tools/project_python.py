"""The Python that a program, policy pack or plugin asks for, as the engine describes it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulumi.runtime.proto import language_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPython:
    """An interpreter and the environment that its programs see."""

    executable: Path
    environment: Mapping[str, str]


def python_for(info: language_pb2.ProgramInfo) -> ProjectPython:
    """Choose the Python of the `virtualenv` option, relative to the project, or else the one that runs this host.

    Raises FileNotFoundError when the virtual environment has no Python.
    """
    option = dict(info.options.items()).get("virtualenv") if info.HasField("options") else None
    if not option:
        return ProjectPython(executable=Path(sys.executable), environment=dict(os.environ))
    virtualenv = Path(os.path.normpath(Path(info.root_directory) / str(option)))
    executable = virtualenv / "bin" / "python"
    if not executable.exists():
        raise FileNotFoundError(
            f"The virtual environment {virtualenv}, named by the option `virtualenv`, has no Python"
        )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    environment["VIRTUAL_ENV"] = str(virtualenv)
    environment["PATH"] = f"{virtualenv / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    return ProjectPython(executable=executable, environment=environment)
