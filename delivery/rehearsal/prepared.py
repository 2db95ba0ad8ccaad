"""A stack made ready to be rehearsed: a throw-away project, providers that call nothing, and its foundation deployed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from delivery.failure import Failure
from delivery.rehearsal.running import Rehearsed
from delivery.rehearsal.scratch import scratch
from delivery.rehearsal.targets import foundation_in
from delivery.stack_file import StackFile
from providers.rehearsal.cloud import RehearsedCloud
from providers.rehearsal.clouds import cloud_of
from providers.rehearsal.record import RehearsalRecord
from providers.rehearsal.server import serving
from stacks.targets import TARGETS


def clouds_of(packages: Iterable[str]) -> list[RehearsedCloud]:
    """All that is known of these packages. Raises Failure where an SDK is not installed."""
    try:
        return [cloud_of(each) for each in packages]
    except ModuleNotFoundError as error:
        raise Failure(f"{error}.", "call it through ./trimaran, which installs what a stack's programs need") from None


@contextmanager
def prepared(root: Path, stack: str, clouds: Sequence[RehearsedCloud], foundation: str | None) -> Iterator[Rehearsed]:
    """The stack, ready for the engine until the context ends; `foundation` is the usual one, which its config may replace."""
    if foundation is not None:
        _refuse_wrong_config(StackFile(root=root, stack=stack))
    record = RehearsalRecord()
    with scratch(root) as project:
        config = project.add_stack(stack)
        limits = config.get("trimaran:limits")
        quota = limits.get("gpuQuota") if isinstance(limits, dict) else None
        with serving(clouds, record, gpu_quota=quota, refusing=False) as ports:
            below = foundation_in(config, foundation)
            if below:
                on = project.add_stack(below)
                under = Rehearsed(scratch=project, stack=below, config=on, ports=ports, record=record)
                under.run("up", "rehearsed foundation")
            yield Rehearsed(scratch=project, stack=stack, config=config, ports=ports, record=record)


def _refuse_wrong_config(file: StackFile) -> None:
    """Raise Failure for a config that its program would refuse to read, before a foundation is rehearsed for nothing.

    What is encrypted the engine opens: a config with such values is read by the program alone.
    """
    if file.target() in TARGETS and file.path.exists() and not file.has_secrets():
        file.parse()
