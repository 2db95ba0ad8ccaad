"""The state of stacks on this machine: a directory only the user can read, its passphrase, and locks left behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

from delivery.failure import Failure
from delivery.stack_file import StackFile
from delivery.terminal import say

PROJECT = "trimaran"
DIRECTORY = ".pulumi-state"


def prepare(root: Path) -> dict[str, str]:
    """Make the state directory where it is not there; what the engine must have in its environment to use it."""
    directory = root / DIRECTORY
    passphrase = directory / "passphrase"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        if not passphrase.exists():
            _make_passphrase(root, passphrase)
    except OSError as error:
        raise Failure(
            f"the state directory {directory} cannot be written: {error.strerror}.", f"ls -ld {root} {directory}"
        ) from None
    return {"PULUMI_BACKEND_URL": directory.as_uri(), "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase)}


def stacks(root: Path) -> list[str]:
    """The stacks whose state is on this machine."""
    return sorted(path.stem for path in (root / DIRECTORY / ".pulumi/stacks" / PROJECT).glob("*.json"))


@contextlib.contextmanager
def changing(root: Path, stack: str) -> Iterator[None]:
    """Hold a stack for one `up` or `down`; another one is refused, a lock of a killed one is cleared."""
    locks = root / ".trimaran/locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        handle = (locks / stack).open("w")
    except OSError as error:
        raise Failure(f"{locks} cannot be written: {error.strerror}.", f"ls -ld {root} {locks}") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(stack) from None
        clear_stale_locks(root, stack)
        yield


class Busy(Failure):
    """Another command is changing the stack."""

    def __init__(self, stack: str, holder: str = "") -> None:
        super().__init__(
            f"stack '{stack}' is being changed by another command{holder}.", "wait until it has ended, then try again"
        )


def clear_stale_locks(root: Path, stack: str) -> None:
    """Remove the engine's locks of processes that are gone. Raises Failure for a lock that may be in use."""
    for lock in (root / DIRECTORY / ".pulumi/locks/organization" / PROJECT / stack).glob("*.json"):
        try:
            content = json.loads(lock.read_text())
            pid, host = int(content["pid"]), str(content["hostname"])
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError):
            raise Failure(f"the lock {lock} cannot be read.", f"./trimaran pulumi cancel --stack {stack}") from None
        if host != socket.gethostname():
            raise Failure(
                f"stack '{stack}' is locked by pid {pid} on {host}.",
                f"if nothing runs there any more: ./trimaran pulumi cancel --stack {stack}",
            )
        if _is_engine(pid):
            raise Busy(stack, f" (pid {pid})")
        lock.unlink(missing_ok=True)
        lock.with_name(f"{lock.name}.attrs").unlink(missing_ok=True)
        say(f"cleared the lock of a run that was killed (pid {pid})")


def _is_engine(pid: int) -> bool:
    """Whether this process is there and is a Pulumi command: a pid may have gone to another program since."""
    try:
        return "pulumi" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    except OSError:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _make_passphrase(root: Path, passphrase: Path) -> None:
    """A new random passphrase, complete or not there at all; refused where it would lock the user out of old state."""
    if stacks(root):
        raise Failure(
            f"{passphrase} is gone, but the state beside it was encrypted with it.",
            f"put the file back, or give the state up: rm -r {passphrase.parent}",
        )
    for path in sorted((root / "stacks/environments").glob("Pulumi.local*.yaml")):
        _untie(StackFile(root=root, stack=path.stem.removeprefix("Pulumi.")))
    scratch = passphrase.with_name(f"passphrase.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(secrets.token_urlsafe(32))
    try:
        os.link(scratch, passphrase)
    except FileExistsError:
        pass  # another command was quicker: its passphrase counts
    finally:
        scratch.unlink()


def _untie(file: StackFile) -> None:
    """A config file that was tied to a passphrase which is gone with its state."""
    if not file.has_salt():
        return
    if file.has_secrets():
        raise Failure(
            f"{file.path.name} holds secrets encrypted with a passphrase that is gone.",
            f"take its `secure:` values and `encryptionsalt` out of {file.path}, then set the secrets again",
        )
    file.forget_salt()
    say(f"{file.path.name}: the passphrase it was tied to is gone, it gets a new one")
