"""Runs the real program in a rehearsal: notes where each resource is made, and lets no connection leave this machine."""

from __future__ import annotations

import ipaddress
import json
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = "TRIMARAN_REHEARSAL_ROOT"
NOTES = "TRIMARAN_REHEARSAL_NOTES"
_NOT_THE_PROGRAM = ("site-packages", str(Path(__file__).parent))


def run(path: str) -> None:
    """Run the program at a path, watched."""
    import pulumi

    root, notes, stack = Path(os.environ[ROOT]), Path(os.environ[NOTES]), pulumi.get_stack()

    def note(arguments: pulumi.ResourceTransformationArgs) -> None:
        made = {"stack": stack, "type": arguments.type_, "name": arguments.name}
        write_note(notes, {**made, "source": source(sys._getframe(1), root)})

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and (address := outside(arguments[1])):
            write_note(notes, {"connection": address, "source": source(sys._getframe(1), root)})
            raise PermissionError(f"the program connects to {address}, and a rehearsal calls nothing")

    sys.addaudithook(watch)
    pulumi.runtime.register_stack_transformation(note)
    runpy.run_path(path, run_name="__main__")


def source(frame: FrameType | None, root: Path) -> str:
    """The innermost line of the project's own code that is being run, as `path:line`; empty where there is none."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(f"{root}{os.sep}") and not any(each in file for each in _NOT_THE_PROGRAM):
            return f"{Path(file).relative_to(root)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def outside(address: object) -> str:
    """`host:port` of an address beyond this machine; empty for loopback and for local sockets."""
    if not isinstance(address, tuple) or len(address) < 2:
        return ""
    host, port = str(address[0]), address[1]
    try:
        local = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        local = host == "localhost"
    return "" if local else f"{host}:{port}"


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Add a line to the notes."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(note)}\n")


def read_notes(path: Path) -> list[dict[str, Any]]:
    """All notes so far."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
