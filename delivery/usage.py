"""Whether a command line can be carried out: what the wrapper asks before it spends minutes on what the command needs.

Says what the command itself would say of a wrong one, and does nothing of a right one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from delivery.cli import ROOT, app, main
from delivery.engine import target_of
from delivery.platforms.targets import stack_name


def _only_checked(command: Callable[..., Any]) -> Callable[..., None]:
    """A command with the same arguments that does nothing. Raises Failure for a stack of a target that is not known."""

    @wraps(command)
    def check(stack: str = "", **_: Any) -> None:
        if stack:
            target_of(ROOT, stack_name(stack))

    return check


if __name__ == "__main__":
    for group in (app, *(each.typer_instance for each in app.registered_groups if each.typer_instance)):
        for command in group.registered_commands:
            if command.callback is not None:
                command.callback = _only_checked(command.callback)
    main()
