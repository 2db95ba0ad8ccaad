"""`up` and `down`: from a person's word to a stack that runs, or to one sentence that says why it does not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery import state
from delivery.engine import Event, PulumiEngine, engine_for, target_of
from delivery.failure import Failure
from delivery.platforms.targets import platform_of
from delivery.progress import Progress, changed
from delivery.stack_file import StackFile
from delivery.terminal import data, say
from stacks.outputs import Outputs

if TYPE_CHECKING:
    from stacks.config import StackConfig


def up(root: Path, stack: str) -> None:
    """Make the stack run as its config says, healing what died, and say where it answers, or what was made instead."""
    config, outputs, has_changed = bring_up(root, stack)
    say("")
    report = _report(config, outputs, platform_of(config.target).log_place(root, stack, outputs))
    data(report if has_changed else f"no changes\n\n{report}")


def bring_up(root: Path, stack: str) -> tuple[StackConfig, dict[str, Any], bool]:
    """Make the stack run as its config says; its config, its outputs, and whether anything had to change."""
    file = StackFile(root=root, stack=stack)
    target_of(root, stack)
    with state.changing(root, stack):
        if _made_from_example(file):
            say(f"made {file.path.relative_to(root)} from its example")
        config = file.parse()
        engine = engine_for(root, stack)
        before = engine.deployment()
        engine.platform.preflight(config, before.outputs if before else {})
        if before is None:
            engine.create_stack()
        elif before.interrupted:
            _clear_interrupted(engine)
        say(f"stack {stack}")
        events = _change_or_clean_up(engine, first=not (before and before.resources))
        return config, engine.outputs(), changed(events)


def down(root: Path, stack: str) -> None:
    """Stop and delete all that the stack runs; its config stays."""
    target_of(root, stack)
    with state.changing(root, stack):
        engine = engine_for(root, stack)
        before = engine.deployment()
        if before and before.interrupted:
            _clear_interrupted(engine)
        if not before or not before.resources:
            data("nothing is running")
            return
        say(f"stack {stack}")
        engine.change("destroy", Progress().show)
    data(f"stack {stack} is down")


def _made_from_example(file: StackFile) -> bool:
    try:
        return file.ensure()
    except OSError as error:
        raise Failure(f"{file.path} cannot be written: {error.strerror}.", f"ls -ld {file.path.parent}") from None


def _change_or_clean_up(engine: PulumiEngine, *, first: bool) -> list[Event]:
    """Run `up`; where it was the first one and failed, nothing of it is left running."""
    try:
        return engine.change("up", Progress().show)
    except Failure:
        if first:
            with suppress(Failure):
                _clean_up(engine)
        raise


def _clear_interrupted(engine: PulumiEngine) -> None:
    """Forget what a killed run had begun, unless a provider may have left it half made: then the engine's own warning stands."""
    if not engine.platform.leaves_half_made:
        engine.forget_interrupted()


def _clean_up(engine: PulumiEngine) -> None:
    state.clear_stale_locks(engine.root, engine.stack)
    deployment = engine.deployment()
    if deployment and deployment.resources:
        say("cleaning up what was started")
        engine.change("destroy", Progress().show)


def _report(config: StackConfig, outputs: Mapping[str, Any], log_place: str) -> str:
    url = str(outputs["url"])
    if not url:
        return _made(config.stack, outputs)
    lines = [
        f"{config.stack} answers at {url}",
        f"Chat page: {url}/",
        "",
        "Ask it something:",
        f"  {_curl(config, url, stream=False)}",
    ]
    lines += ["Watch it answer:", f"  {_curl(config, url, stream=True)}"]
    if log_place:
        lines += ["", f"Log: {log_place}"]
    return "\n".join(lines)


def _made(stack: str, outputs: Mapping[str, Any]) -> str:
    """What a stack is for that runs no app: its outputs that not every stack has."""
    usual = {each.name for each in fields(Outputs)}
    own = [name for name, value in outputs.items() if name not in usual and value]
    return (
        f"{stack} is deployed; nothing of it answers requests. It exports {', '.join(own)}:\n"
        f"  ./trimaran pulumi stack output --stack {stack}"
    )


def _curl(config: StackConfig, url: str, *, stream: bool) -> str:
    """A command that works when it is pasted; a key is read from the config where it lives, never shown."""
    from stacks.config import ServiceConfig

    body: dict[str, Any] = {"messages": [{"role": "user", "content": "Why is the sky blue?"}], "max_tokens": 100}
    key = ""
    if isinstance(config, ServiceConfig) and config.api_keys:
        read = f"./trimaran pulumi config get trimaran:apiKeys --stack {config.stack} | head -n 1 | cut -d= -f2-"
        key = f' -H "authorization: Bearer $({read})"'
    if stream:
        body["stream"] = True
    flags = "-NsS" if stream else "-sS"
    content = shlex.quote(json.dumps(body))
    return f"curl {flags} {url}/v1/chat -H 'content-type: application/json'{key} -d {content}"
