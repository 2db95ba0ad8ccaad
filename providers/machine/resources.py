"""The resources of the machine provider as a Pulumi program sees them."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi import Input, Output

_MADE_BY_PROVIDER = ("pid", "start_time", "boot_id", "url")


class Process(pulumi.CustomResource):
    """A program that runs detached on this machine; made once it is ready, replaced before the old one ends.

    `{port}` in the command, the environment's values and `ready_url` stands for the port.
    """

    command: Output[list[str]]
    environment: Output[dict[str, str]]
    cwd: Output[str]
    log_file: Output[str]
    ready_url: Output[str]
    ready_timeout_s: Output[float]
    stop_signal: Output[str]
    stop_grace_s: Output[float]
    port: Output[int]
    url: Output[str]
    pid: Output[int]
    start_time: Output[int]
    boot_id: Output[str]

    def __init__(
        self,
        name: str,
        *,
        command: Input[Sequence[Input[str]]],
        cwd: Input[str],
        log_file: Input[str],
        environment: Input[Mapping[str, Input[str]]] | None = None,
        ready_url: Input[str] = "",
        ready_timeout_s: Input[float] = 60,
        stop_signal: Input[str] = "SIGTERM",
        stop_grace_s: Input[float] = 35,
        port: Input[int] = 0,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Describe a process.

        :param command: The program (a bare name on PATH, or an absolute path) and its arguments; never a secret.
        :param cwd: Its working directory, absolute.
        :param log_file: Where its standard output and error are appended, absolute; readable by this user only.
        :param environment: What it gets beside PATH, HOME, USER, LOGNAME, LANG, LC_ALL, TZ, TMPDIR and XDG_*.
        :param ready_url: Answers 2xx once the program is ready; empty: ready means started.
        :param ready_timeout_s: How long that may take before everything is stopped and the deployment fails.
        :param stop_signal: What the program gets first, alone, when it is to end.
        :param stop_grace_s: How long it may take to end before its whole session is killed.
        :param port: 0 lets the provider pick a free loopback port. With a fixed one a replaced process ends first.
        """
        inputs = {
            "command": command,
            "environment": {} if environment is None else environment,
            "cwd": cwd,
            "log_file": log_file,
            "ready_url": ready_url,
            "ready_timeout_s": ready_timeout_s,
            "stop_signal": stop_signal,
            "stop_grace_s": stop_grace_s,
            "port": port,
        }
        super().__init__("machine:index:Process", name, {**inputs, **dict.fromkeys(_MADE_BY_PROVIDER)}, opts)


class Proxy(pulumi.CustomResource):
    """An nginx of its own that splits one port's traffic over upstreams by weight, with a loopback-only test listener.

    Its settings change without a dropped request; another host, port or directory makes it anew.
    """

    host: Output[str]
    port: Output[int]
    directory: Output[str]
    upstreams: Output[dict[str, str]]
    weights: Output[dict[str, int]]
    test_upstream: Output[str]
    test_port: Output[int]
    url: Output[str]
    test_url: Output[str]
    config_file: Output[str]
    pid: Output[int]
    start_time: Output[int]
    boot_id: Output[str]

    def __init__(
        self,
        name: str,
        *,
        port: Input[int],
        directory: Input[str],
        upstreams: Input[Mapping[str, Input[str]]],
        weights: Input[Mapping[str, Input[int]]],
        test_upstream: Input[str] = "",
        host: Input[str] = "127.0.0.1",
        test_port: Input[int] = 0,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Describe a proxy.

        :param port: Where it serves; taken is an error.
        :param directory: The folder for its configuration, logs and temporary files, absolute.
        :param upstreams: Names to host:port.
        :param weights: Names to whole numbers; a side at 0, or not named, gets nothing.
        :param test_upstream: Where the test listener leads; empty: it answers 503.
        :param host: The IPv4 address to serve on.
        :param test_port: 0 lets the provider pick a free loopback port once and keep it.
        """
        inputs = {
            "host": host,
            "port": port,
            "directory": directory,
            "upstreams": upstreams,
            "weights": weights,
            "test_upstream": test_upstream,
            "test_port": test_port,
        }
        outputs = dict.fromkeys((*_MADE_BY_PROVIDER, "test_url", "config_file"))
        super().__init__("machine:index:Proxy", name, {**inputs, **outputs}, opts)
