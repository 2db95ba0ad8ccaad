"""`pulumi ARGS...`: any Pulumi verb, in the environment that the stack it speaks of needs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from delivery import state
from delivery.engine import environment_for, executable
from delivery.platforms.targets import platform_of
from delivery.stack_file import StackFile

# Verbs about the user's own log-in, not about a stack of this machine.
_ACCOUNT = ("login", "logout", "whoami", "org")
_STACK_AS_ARGUMENT = ("init", "select", "rm")


def run(root: Path, arguments: Sequence[str]) -> None:
    """Become `pulumi`."""
    os.chdir(root)
    if stack := _stack_of(arguments, root):
        StackFile(root=root, stack=stack).ensure()
    command = executable()
    os.execve(command, [command, *arguments], _environment(root, arguments))


def _environment(root: Path, arguments: Sequence[str]) -> dict[str, str]:
    if _is_about_the_account(arguments):
        return dict(os.environ)
    stack = stack_in(arguments) or selected_stack(root) or "local"
    return environment_for(root, platform_of(StackFile(root=root, stack=stack).target()))


def _stack_of(arguments: Sequence[str], root: Path) -> str | None:
    """The stack whose config the command reads or writes."""
    is_help = not {"--help", "-h"}.isdisjoint(arguments)
    return None if is_help or _is_about_the_account(arguments) else stack_in(arguments) or selected_stack(root)


def _is_about_the_account(arguments: Sequence[str]) -> bool:
    verbs = [each for each in arguments if not each.startswith("-")]
    return bool(verbs) and verbs[0] in _ACCOUNT


def stack_in(arguments: Sequence[str]) -> str | None:
    """The stack that a Pulumi command line names, without its organization and project."""
    for index, argument in enumerate(arguments):
        if argument in ("-s", "--stack") and index + 1 < len(arguments):
            return _bare(arguments[index + 1])
        if argument.startswith("--stack="):
            return _bare(argument.partition("=")[2])
    verbs = [each for each in arguments if not each.startswith("-")]
    if len(verbs) >= 3 and verbs[0] == "stack" and verbs[1] in _STACK_AS_ARGUMENT:
        return _bare(verbs[2])
    return None


def selected_stack(root: Path) -> str | None:
    """The stack chosen by `pulumi stack select`: the one of this machine's state first, else of another backend.

    Pulumi keeps the choice for each backend in the user's home, in a file named after a hash of the project's path.
    """
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    digest = hashlib.sha1(str(root / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
    try:
        workspace = json.loads((home / "workspaces" / f"{state.PROJECT}-{digest}-workspace.json").read_text())
        chosen: dict[str, str] = workspace["stacks"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    here = (root / state.DIRECTORY).as_uri()
    stack = chosen.get(here) or next(iter(chosen.values()), None)
    return _bare(stack) if stack else None


def _bare(stack: str) -> str:
    return stack.rpartition("/")[2]
