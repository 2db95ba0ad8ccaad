"""The resource `Proxy`: an nginx of its own that splits one port's traffic over upstreams by weight.

A second listener, on loopback only, leads to one upstream alone. Who moves the split later, outside of a deployment,
calls `read_weights` and `set_weights`.
"""

import itertools
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from plan.tokens import UNKNOWN
from providers.machine import nginx, ports, sessions
from providers.machine.contract import Cancelled, Change, Failures, Reality, urn_name, urn_stack
from providers.machine.nginx import PortTaken
from providers.machine.nginx_config import ProxySettings
from providers.machine.sessions import Leader
from providers.machine.values import MachineError, Properties, changed, has_unknown, plain

DEFAULTS: Properties = {"host": ports.LOOPBACK, "test_upstream": "", "test_port": 0}
MADE_ANEW = ("host", "port", "directory")
CHANGED_IN_PLACE = ("upstreams", "weights", "test_upstream", "test_port")

PORT_TRIES = 5

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_ADDRESS = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}")
# These mean something inside a quoted word of nginx.conf.
_UNSAFE_IN_PATH = re.compile(r"[\"\\$\x00-\x1f]")


def read_weights(directory: str | Path) -> dict[str, int] | None:
    """Return the split in use by the proxy in this folder, or None where there is no proxy."""
    settings = nginx.settings_in_use(Path(directory))
    return None if settings is None else dict(settings.weights)


def set_weights(directory: str | Path, weights: Mapping[str, int]) -> None:
    """Move the split of the running proxy in this folder; returns once every new connection sees it.

    Raises MachineError, with the old split still in use, when no proxy runs there or the weights do not fit it.
    """

    def alter(settings: ProxySettings) -> ProxySettings:
        if problem := _weights_problem(dict(weights), settings.upstreams):
            raise MachineError(f"weights {problem}")
        return replace(settings, weights=dict(weights))

    nginx.change(Path(directory), alter)


def check(inputs: Properties) -> tuple[Properties, Failures]:
    """Fill in the defaults and name everything that is wrong with the inputs."""
    filled = {**DEFAULTS, **inputs}
    return filled, [(name, problem) for name, problem in _problems(filled) if not has_unknown(filled.get(name))]


def diff(old: Properties, new: Properties) -> Change:
    """Another address or folder needs another nginx, and the old one must let go of them first."""
    return Change(anew=changed(MADE_ANEW, old, new), in_place=changed(CHANGED_IN_PLACE, old, new), delete_first=True)


def preview(inputs: Properties, old: Properties | None) -> Properties:
    """Return the outputs as far as they are known without starting or changing anything."""
    if old is not None:
        return {**old, **inputs, **_addresses(inputs, plain(inputs["test_port"]) or plain(old["test_port"]))}
    known = _addresses(inputs, plain(inputs["test_port"]) or UNKNOWN)
    return {**inputs, "pid": UNKNOWN, "start_time": UNKNOWN, "boot_id": UNKNOWN, **known}


def create(urn: str, inputs: Properties, cancelled: Cancelled) -> tuple[str, Properties]:
    """Start nginx and wait until it serves."""
    return urn_name(urn), _started(urn, inputs, cancelled)


def read(resource_id: str, inputs: Properties, outputs: Properties) -> Reality | None:
    """Return the proxy with the split that is really in use, or None, after ending what a dead master left behind."""
    directory, leader = _directory(outputs), _leader(outputs)
    settings = nginx.settings_in_use(directory)
    if settings is None or not sessions.is_alive(leader):
        nginx.end_leftovers(directory, leader)
        return None
    found = {
        "upstreams": dict(settings.upstreams),
        "weights": dict(settings.weights),
        "test_upstream": settings.test_upstream,
    }
    return Reality(inputs={**inputs, **found}, outputs={**outputs, **found})


def update(urn: str, old: Properties, old_inputs: Properties, inputs: Properties, cancelled: Cancelled) -> Properties:
    """Put new settings into use without dropping a request; a proxy that died meanwhile is started again.

    A split that the program did not change stays as it is in use: a promotion may have moved it since.
    """
    directory, leader = _directory(old), _leader(old)
    wanted = _settings(inputs, plain(inputs["test_port"]) or plain(old["test_port"]))
    keeps_split = not changed(["weights"], old_inputs, inputs)
    if not sessions.is_alive(leader):
        nginx.end_leftovers(directory, leader)
        return _started(urn, {**inputs, "test_port": wanted.test_port}, cancelled)

    def alter(in_use: ProxySettings) -> ProxySettings:
        fits = keeps_split and not _weights_problem(dict(in_use.weights), wanted.upstreams)
        return replace(wanted, weights=in_use.weights) if fits else wanted

    return {**inputs, **_outputs(leader, inputs, nginx.change(directory, alter))}


def delete(resource_id: str, outputs: Properties) -> None:
    """Let running requests finish for a while, then end nginx."""
    nginx.stop(_directory(outputs), _leader(outputs))


def _started(urn: str, inputs: Properties, cancelled: Cancelled) -> Properties:
    for attempt in itertools.count(1):
        settings = _settings(inputs, plain(inputs["test_port"]) or ports.free_port())
        try:
            leader = nginx.start(_directory(inputs), settings, cancelled)
        except PortTaken as taken:
            is_own_choice = plain(inputs["test_port"]) == 0 and taken.port == settings.test_port
            if is_own_choice and attempt < PORT_TRIES:
                continue
            raise MachineError(f"{taken}\n{_hint(taken.port, settings, urn_stack(urn))}") from None
        return {**inputs, **_outputs(leader, inputs, settings)}
    raise AssertionError("unreachable")


def _hint(port: int, settings: ProxySettings, stack: str) -> str:
    if port != settings.port:
        return "hint: end that program, then try again"
    other = ports.next_free(settings.host, port)
    return f"hint: choose another with: ./trimaran pulumi config set trimaran:port {other} --stack {stack}"


def _problems(given: Properties) -> Iterator[tuple[str, str]]:
    for name in sorted(given.keys() - {*MADE_ANEW, *CHANGED_IN_PLACE}):
        yield name, f"is not an input of a Proxy; inputs are {', '.join([*MADE_ANEW, *CHANGED_IN_PLACE])}"
    if not _is_ipv4(plain(given["host"])):
        yield "host", "must be an IPv4 address, such as 127.0.0.1"
    if not _is_whole(port := plain(given.get("port")), least=1) or port > 65535:
        yield "port", "must be a whole number from 1 to 65535"
    if not _is_whole(port := plain(given["test_port"]), least=0) or port > 65535:
        yield "test_port", "must be a whole number from 0 (any free port) to 65535"
    directory = plain(given.get("directory"))
    if not isinstance(directory, str) or not os.path.isabs(directory) or _UNSAFE_IN_PATH.search(directory):
        yield "directory", 'must be an absolute path without ", \\ or $'
    yield from _upstream_problems(given)


def _upstream_problems(given: Properties) -> Iterator[tuple[str, str]]:
    upstreams = plain(given.get("upstreams"))
    if upstreams == UNKNOWN:
        return
    if not isinstance(upstreams, Mapping) or not upstreams:
        yield "upstreams", "must map names to host:port"
        return
    for name, address in upstreams.items():
        if not _NAME.fullmatch(name):
            yield "upstreams", f"has a name that is not made of a-z, 0-9, _ and -, a letter first: {name!r}"
        if address != UNKNOWN and not (isinstance(address, str) and _ADDRESS.fullmatch(address)):
            yield "upstreams", f"must map {name} to host:port, not {address!r}"
    if problem := _weights_problem(plain(given.get("weights")), upstreams):
        yield "weights", problem
    if (name := plain(given["test_upstream"])) not in {"", UNKNOWN, *upstreams}:
        yield "test_upstream", f"names {name!r}, which is not among the upstreams {', '.join(upstreams)}"


def _weights_problem(weights: Any, upstreams: Mapping[str, str]) -> str | None:
    if not isinstance(weights, Mapping) or not all(_is_whole(weight, least=0) for weight in weights.values()):
        return "must map names of upstreams to whole numbers, 0 or more"
    if strangers := [name for name, weight in weights.items() if weight > 0 and name not in upstreams]:
        return f"give traffic to {', '.join(strangers)}, not among the upstreams {', '.join(upstreams)}"
    if sum(weights.values()) == 0:
        return "must give at least one upstream more than 0"
    return None


def _is_ipv4(text: Any) -> bool:
    try:
        return bool(socket.inet_pton(socket.AF_INET, text))
    except (OSError, TypeError):
        return False


def _is_whole(value: Any, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _settings(inputs: Properties, test_port: int) -> ProxySettings:
    given = plain(inputs)
    return ProxySettings(
        host=given["host"],
        port=given["port"],
        test_port=test_port,
        upstreams=given["upstreams"],
        weights=given["weights"],
        test_upstream=given["test_upstream"],
    )


def _outputs(leader: Leader, inputs: Properties, settings: ProxySettings) -> Properties:
    return {
        "pid": leader.pid,
        "start_time": leader.start_time,
        "boot_id": leader.boot_id,
        "weights": dict(settings.weights),
        **_addresses(inputs, settings.test_port),
    }


def _addresses(inputs: Properties, test_port: int | str) -> Properties:
    given = plain(inputs)
    host = ports.LOOPBACK if given["host"] == "0.0.0.0" else given["host"]
    is_known = not has_unknown([given["host"], given["port"]])
    return {
        "url": f"http://{host}:{given['port']}" if is_known else UNKNOWN,
        "test_port": test_port,
        "test_url": UNKNOWN if test_port == UNKNOWN else f"http://{ports.LOOPBACK}:{test_port}",
        "config_file": UNKNOWN if has_unknown(given["directory"]) else str(nginx.config_file(Path(given["directory"]))),
    }


def _directory(properties: Properties) -> Path:
    return Path(plain(properties["directory"]))


def _leader(outputs: Properties) -> Leader:
    given = plain(outputs)
    return Leader(pid=given["pid"], start_time=given["start_time"], boot_id=given["boot_id"])
