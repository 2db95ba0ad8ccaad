"""`pulumi ARGS...`: any Pulumi verb, in the environment that the stack it speaks of needs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from delivery import state
from delivery.engine import engine_for, environment_for, executable
from delivery.platforms.targets import platform_of
from delivery.stack_file import StackFile

# Verbs about the user's own log-in, not about a stack of this machine.
_ACCOUNT = ("login", "logout", "whoami", "org")
_STACK_AS_ARGUMENT = ("init", "new", "create", "select", "rm", "remove")
# Verbs that a stack must have a config of its own for, and why. Whatever else works on a stack as it is deployed, or on none.
_RUNS = "runs the program, or a provider, with the config"
_WRITES = "would begin a file beside the example, with nothing of it inside"
_NEED_CONFIG: Mapping[str, str] = {
    **dict.fromkeys(("up", "update", "preview", "pre", "watch", "import"), _RUNS),
    **{f"config {verb}": _WRITES for verb in ("set", "set-all", "rm", "remove", "delete", "rm-all", "remove-all")},
    **{f"config {verb}": _WRITES for verb in ("cp", "copy", "env")},
    **{f"stack {verb}": _WRITES for verb in ("init", "new", "create", "setup", "change-secrets-provider")},
}
# These write a passphrase's salt into the file at most: no reason to hold a stack back that is deployed, but where the example
# runs as it is, it is made the user's own first, or the next `up` would find a file with nothing but the salt.
_WRITE_A_SALT = ("refresh", "destroy", "down", "dn")
_OTHER_CONFIG = "--config-file"
# Pulumi's own options that take a value and may stand before the verb.
_WITH_VALUE = (
    *("-s", "--stack", "-C", "--cwd", "--color", "-v", "--verbose"),
    *(_OTHER_CONFIG, "--memprofilerate", "--otel-traces", "--profiling", "--tracing"),
)


def run(root: Path, arguments: Sequence[str]) -> None:
    """Become `pulumi`."""
    os.chdir(root)
    if stack := _stack_of(arguments, root):
        file = StackFile(root=root, stack=stack)
        if _needs_config(arguments) or (file.example_runs and _verb(arguments, _WRITE_A_SALT)):
            file.ensure()
        if file.example_runs and _needs_config(arguments) and _verb(arguments, ("config",)):
            _make_stack_here(root, stack)
    command = executable()
    os.execve(command, [command, *arguments], _environment(root, arguments))


def _make_stack_here(root: Path, stack: str) -> None:
    """Pulumi changes the config of stacks that exist; hints of an `up` that was refused name it before there is one."""
    if stack not in state.stacks(root):
        engine_for(root, stack).create_stack()


def _environment(root: Path, arguments: Sequence[str]) -> dict[str, str]:
    if _is_about_the_account(arguments):
        return dict(os.environ)
    stack = stack_in(arguments) or selected_stack(root) or "local"
    return environment_for(root, platform_of(StackFile(root=root, stack=stack).target()))


def _stack_of(arguments: Sequence[str], root: Path) -> str | None:
    """The stack whose config the command reads or writes."""
    is_help = not {"--help", "-h"}.isdisjoint(arguments)
    return None if is_help or _is_about_the_account(arguments) else stack_in(arguments) or selected_stack(root)


def _needs_config(arguments: Sequence[str]) -> bool:
    """Whether Pulumi would read or write the config file of the stack, and not another one that is named."""
    names_another = any(each.partition("=")[0] == _OTHER_CONFIG for each in arguments)
    return not names_another and bool(_verb(arguments, _NEED_CONFIG))


def _verb(arguments: Sequence[str], known: Iterable[str]) -> str:
    """Which of these verbs the command line is; empty for another one."""
    words = _words(arguments)
    return next((verb for verb in known if words[: len(verb.split())] == verb.split()), "")


def _words(arguments: Sequence[str]) -> list[str]:
    """What is no option and no option's value."""
    pairs = zip(("", *arguments), arguments, strict=False)
    return [each for before, each in pairs if not each.startswith("-") and before not in _WITH_VALUE]


def _is_about_the_account(arguments: Sequence[str]) -> bool:
    return bool(_verb(arguments, _ACCOUNT))


def stack_in(arguments: Sequence[str]) -> str | None:
    """The stack that a Pulumi command line names, without its organization and project."""
    for index, argument in enumerate(arguments):
        if argument in ("-s", "--stack") and index + 1 < len(arguments):
            return _bare(arguments[index + 1])
        if argument.startswith("--stack="):
            return _bare(argument.partition("=")[2])
    verbs = _words(arguments)
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
