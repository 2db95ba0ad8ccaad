"""Child processes that never outlive the process that started them, and that a cancelled caller ends."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


async def start(
    arguments: Sequence[str | Path],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    piped: bool = False,
    output: IO[bytes] | None = None,
) -> asyncio.subprocess.Process:
    """Start a program in a process group of its own. Its output goes to the caller where it is `piped`, or into the file `output`, else where ours goes."""
    goes_to = asyncio.subprocess.PIPE if piped else output
    return await asyncio.create_subprocess_exec(
        *arguments,
        cwd=cwd,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=goes_to,
        stderr=goes_to,
        # The engine interrupts our whole group when it closes; the children are ended here, one by one and quietly.
        process_group=0,
        preexec_fn=_die_with_parent(),
    )


async def end(process: asyncio.subprocess.Process, first: signal.Signals, *, grace_s: float) -> None:
    """Ask the process group to stop with the signal `first`, and kill what is left of it after `grace_s`."""
    _signal_group(process, first)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), grace_s)
    _signal_group(process, signal.SIGKILL)
    # A descendant that left the group may still hold the pipes open, and with them this wait.
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), 1)


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _die_with_parent() -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
