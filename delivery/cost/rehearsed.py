"""A preview without an account: the stack's real program on the real engine, against providers that call nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def document(root: Path, stack: str) -> Mapping[str, Any]:
    """What the engine printed for a stack that does not exist yet, on top of its rehearsed foundation. Raises Failure."""
    from delivery.rehearsal.command import foundation_of, packages_of
    from delivery.rehearsal.running import Rehearsed
    from delivery.rehearsal.scratch import scratch
    from providers.rehearsal.record import Record
    from providers.rehearsal.server import Settings, serving
    from stacks.targets import named_in

    target, environment = named_in(stack)
    packages, foundation, record = packages_of(target), foundation_of(target, environment), Record()
    with scratch(root) as project, serving(packages, record, Settings()) as ports:
        for each, verb in ((foundation, "up"), (stack, "preview")):
            if each:
                project.add_stack(each)
                run = Rehearsed(scratch=project, stack=each, ports=ports, record=record).run(verb, f"rehearsed {verb}")
    return run.digest
