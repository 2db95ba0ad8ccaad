"""The Pulumi engine as the commands use it: its environment for a stack, its events while it works, a stack's outputs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from delivery import state
from delivery.failure import ExitCode, Failure, Interrupted
from delivery.platforms.platform import Deployed, Platform
from delivery.platforms.targets import platform_of
from delivery.stack_file import StackFile
from delivery.terminal import say
from stacks.local.files import log_directory
from stacks.targets import TARGETS, unknown_target

Event = dict[str, Any]

_HINT = "\nhint:"
_POLL_S = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A stack's state: its outputs, how many resources it holds, how many operations a killed run left open."""

    outputs: dict[str, Any]
    resources: int
    interrupted: int

    @staticmethod
    def of(state: Mapping[str, Any]) -> Deployment:
        """From the engine's own export; the stack itself and providers do not count as resources."""
        resources = state.get("resources") or []
        stacks = [each for each in resources if each["type"] == "pulumi:pulumi:Stack"]
        return Deployment(
            outputs=dict(stacks[0].get("outputs") or {}) if stacks else {},
            resources=sum(not each["type"].startswith(("pulumi:pulumi:", "pulumi:providers:")) for each in resources),
            interrupted=len(state.get("pending_operations") or []),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PulumiEngine:
    """The `pulumi` command, ready to work on one stack."""

    root: Path
    stack: str
    platform: Platform
    environment: Mapping[str, str]

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a short command to its end."""
        return subprocess.run(
            [executable(), *arguments, "--stack", self.stack, "--non-interactive"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def deployment(self) -> Deployment | None:
        """What the stack's state holds; None when there is no such stack."""
        done = self.call("stack", "export")
        if done.returncode == 0:
            return Deployment.of(json.loads(done.stdout).get("deployment") or {})
        if "no stack named" in done.stderr:
            return None
        raise Failure(f"the state of stack '{self.stack}' cannot be read: {_sentence(done.stderr)}")

    def outputs(self) -> dict[str, Any]:
        """What the stack exports; empty when nothing is deployed."""
        deployment = self.deployment()
        return deployment.outputs if deployment else {}

    def api_key(self) -> str:
        """The first of the app's keys, which only the engine can decrypt. Raises Failure where there is none to be read."""
        done = self.call("config", "get", "trimaran:apiKeys")
        if done.returncode != 0:
            raise Failure(f"the keys of stack '{self.stack}' cannot be read: {done.stderr.strip()}")
        return done.stdout.strip().splitlines()[0].partition("=")[2].strip()

    def deployed(self, outputs: Mapping[str, Any]) -> Deployed:
        """The stack with these outputs, and the key that they say is needed. Raises Failure."""
        key = self.api_key() if outputs["api_key_ref"] else ""
        return Deployed(root=self.root, stack=self.stack, outputs=outputs, key=key)

    def forget_interrupted(self) -> None:
        """Take out of the state what a killed run had begun to create. Only where a provider leaves nothing half made."""
        done = self.call("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
        if done.returncode != 0:
            raise Failure(f"stack '{self.stack}' cannot be cleared up: {_sentence(done.stdout + done.stderr)}")

    def create_stack(self) -> None:
        """Make the stack, without selecting it for the user's other commands."""
        done = subprocess.run(
            [executable(), "stack", "init", self.stack, "--no-select", "--non-interactive"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"stack '{self.stack}' cannot be made: {_sentence(done.stderr)}")

    def change(self, verb: str, on_event: Callable[[Event], None]) -> list[Event]:
        """Run `up` or `destroy`, hand each event on as it comes, and return them all. Raises Failure."""
        command = [executable(), verb, "--yes", "--skip-preview", "--refresh", "--json", "--stack", self.stack]
        if verb == "up" and self.platform.keeps_policies:
            command += ["--policy-pack", str(self.root / "policies")]
        path = event_log(self.root, self.stack, verb)
        events: list[Event] = []
        # Into a file and in a group of its own: the engine ends in order even when this command is killed, and
        # Ctrl-C reaches it once, through us.
        with _opened(path) as sink, path.open(encoding="utf-8") as source, tempfile.TemporaryFile("w+") as errors:
            with _forwarding_interrupts() as interrupts:
                process = subprocess.Popen(
                    command,
                    cwd=self.root,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=errors,
                    process_group=0,
                )
                interrupts.forward_to(process)
                for event in _events(source, process):
                    events.append(event)
                    on_event(event)
            errors.seek(0)
            said = errors.read()
            sink.write(said)
        if interrupts.came:
            raise Interrupted("stopped.", "the same command goes on from there")
        if process.returncode < 0:
            name = signal.Signals(-process.returncode).name
            raise Failure(f"the engine was killed ({name}).", "the same command clears up and goes on")
        if process.returncode > 0:
            raise _failure(self.stack, events, said, path)
        return events


def engine_for(root: Path, stack: str) -> PulumiEngine:
    """The engine with the backend of a stack's target. Raises Failure for a target that is not known."""
    platform = platform_of(target_of(root, stack))
    return PulumiEngine(root=root, stack=stack, platform=platform, environment=environment_for(root, platform))


def target_of(root: Path, stack: str) -> str:
    """The target of a stack. Raises Failure for one that is not known."""
    target = StackFile(root=root, stack=stack).target()
    if target not in TARGETS:
        raise Failure(unknown_target(target), f"./trimaran up {next(iter(TARGETS))}", ExitCode.USAGE)
    return target


def environment_for(root: Path, platform: Platform) -> dict[str, str]:
    """What `pulumi` must have in its environment to work on stacks of a target. Raises Failure."""
    return platform.backend(
        root,
        {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
    )


def executable() -> str:
    """The `pulumi` command. Raises Failure where there is none."""
    found = shutil.which("pulumi")
    if found is None:
        raise Failure(
            "the Pulumi command line is not on PATH.", "run it through the wrapper, which sets it up: ./trimaran up"
        )
    return found


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", f"ls -ld {path.parent}") from None


def _events(source: IO[str], process: subprocess.Popen[bytes]) -> Iterator[Event]:
    """The events in a file that the engine writes, until it has ended."""
    pending = ""
    while True:
        ended = process.poll() is not None
        chunk = source.read()
        *lines, pending = (pending + chunk).split("\n")
        yield from (json.loads(line) for line in lines if line.startswith("{"))
        if not chunk:
            if ended:
                return
            time.sleep(_POLL_S)


@dataclass(slots=True)
class _Interrupts:
    """Those that came while the engine worked, or was being started: then it gets the first as soon as it runs."""

    came: int = 0
    _engine: subprocess.Popen[bytes] | None = None

    def forward(self, _signum: int, _frame: object) -> None:
        if not self.came:
            say("\nstopping: what has begun is finished first (again: stop at once)")
        self.came += 1
        if self._engine is not None:
            self._engine.send_signal(signal.SIGINT)

    def forward_to(self, engine: subprocess.Popen[bytes]) -> None:
        self._engine = engine
        if self.came:
            engine.send_signal(signal.SIGINT)


@contextmanager
def _forwarding_interrupts() -> Iterator[_Interrupts]:
    """Hand Ctrl-C and SIGTERM on to the engine, which then ends in order; a second one ends it at once."""
    interrupts = _Interrupts()
    before = {each: signal.signal(each, interrupts.forward) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _failure(stack: str, events: Sequence[Event], said: str, log: Path) -> Failure:
    """What went wrong, from the engine's diagnostics, or from what it printed when it did not get that far."""
    if "is currently locked" in said:
        return state.Busy(stack)
    log_hint = f"the whole story is in {log}"
    errors = [each for each in map(_error_in, events) if each]
    told = [each for each in errors if _HINT in each["message"]] or errors
    if not told:
        return Failure(_sentence(said) or f"stack '{stack}' failed without saying why.", log_hint)
    message, _, hint = str(told[0]["message"]).strip().partition(_HINT)
    # Only the program speaks for the stack itself, and all that it refuses is configuration.
    of_stack = "::pulumi:pulumi:Stack::" in told[0].get("urn", "::pulumi:pulumi:Stack::")
    return Failure(message, hint.strip() or log_hint, ExitCode.USAGE if hint and of_stack else ExitCode.FAILED)


def _error_in(event: Event) -> Event | None:
    diagnostic: Event | None = event.get("diagnosticEvent")
    return diagnostic if diagnostic and diagnostic.get("severity") == "error" else None


def _sentence(said: str) -> str:
    """The error in what the engine printed, without its remarks and without anybody's traceback."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("warning: ")]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return next(iter(errors + lines[-1:]), "")


def event_log(root: Path, stack: str, verb: str) -> Path:
    """Where the engine's events of the last `up` or `destroy` of a stack are kept."""
    return log_directory(root, stack) / f"{verb}.jsonl"
