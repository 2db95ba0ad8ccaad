"""The stand-in language host, called directly as the engine would call it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc.aio
import psutil
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from tests.tools.conftest import ROOT

SLEEPER = "import os, time\nopen('started', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"


@pytest.fixture
async def host() -> AsyncIterator[asyncio.subprocess.Process]:
    """A language host that this test has started, as the engine would."""
    process = await asyncio.create_subprocess_exec(
        ROOT / "tools" / "host" / "pulumi-language-python",
        "127.0.0.1:9",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.communicate()


@pytest.fixture
async def runtime(host: asyncio.subprocess.Process) -> AsyncIterator[Any]:
    """The calls of that host."""
    assert host.stdout is not None
    port = int(await host.stdout.readline())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield language_pb2_grpc.LanguageRuntimeStub(channel)


async def test_plugin_output_and_exit_code(runtime: Any, tmp_path: Path) -> None:
    """A plugin's stdout, stderr and exit code arrive, and it gets its arguments, environment and directory."""
    script = "import os, sys\nprint(sys.argv[1:], os.environ['GIVEN'], os.getcwd())\nsys.exit('to stderr')\n"
    request = _plugin(tmp_path, script, args=["a", "b c"], env=["GIVEN=x=y"])

    answers = [answer async for answer in runtime.RunPlugin(request)]

    assert b"".join(answer.stdout for answer in answers) == f"['a', 'b c'] x=y {tmp_path}\n".encode()
    assert b"".join(answer.stderr for answer in answers) == b"to stderr\n"
    assert [answer.exitcode for answer in answers if answer.HasField("exitcode")] == [1]


async def test_plugin_output_is_complete(runtime: Any, tmp_path: Path) -> None:
    """Of a plugin that writes to both streams at once nothing is lost."""
    script = "import os\nfor n in range(500):\n    os.write(1, b'%d out\\n' % n)\n    os.write(2, b'%d err\\n' % n)\n"

    answers = [answer async for answer in runtime.RunPlugin(_plugin(tmp_path, script))]

    assert b"".join(answer.stdout for answer in answers) == b"".join(b"%d out\n" % n for n in range(500))
    assert b"".join(answer.stderr for answer in answers) == b"".join(b"%d err\n" % n for n in range(500))
    assert answers[-1].HasField("exitcode")


async def test_cancelled_plugin_ends(runtime: Any, tmp_path: Path) -> None:
    """When the engine cancels the call, the plugin and what it started end, also when it takes no hint."""
    stubborn = (
        "import signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsubprocess.Popen(['sleep', '600'])\n"
    )
    call = runtime.RunPlugin(_plugin(tmp_path, stubborn + SLEEPER))
    plugin = psutil.Process(await _pid_in(tmp_path / "started"))
    family = [plugin, *plugin.children()]

    call.cancel()

    assert len(family) == 2
    await _until(lambda: not any(_is_alive(each) for each in family))


async def test_cancel_ends_programs_and_no_plugins(runtime: Any, tmp_path: Path) -> None:
    """The engine's Cancel ends a running program; a plugin still has its work to finish."""
    plugin_directory, program_directory = tmp_path / "plugin", tmp_path / "program"
    plugin_call = runtime.RunPlugin(_plugin(plugin_directory, SLEEPER))
    program_call = asyncio.ensure_future(runtime.Run(_program(program_directory)))
    plugin = psutil.Process(await _pid_in(plugin_directory / "started"))
    program = psutil.Process(await _pid_in(program_directory / "started"))

    await runtime.Cancel(empty_pb2.Empty())

    answer = await program_call
    assert answer.error == "program ended by signal SIGINT"
    assert not _is_alive(program)
    assert _is_alive(plugin)
    plugin_call.cancel()


async def test_cancelled_run_ends_its_program(runtime: Any, tmp_path: Path) -> None:
    """When the engine gives up a run, its program ends."""
    call = runtime.Run(_program(tmp_path))
    program = psutil.Process(await _pid_in(tmp_path / "started"))

    call.cancel()

    await _until(lambda: not _is_alive(program))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_the_host_quietly(
    host: asyncio.subprocess.Process, runtime: Any, tmp_path: Path, number: signal.Signals
) -> None:
    """Signalled as a process group, the host takes its plugin along and says nothing."""
    call = runtime.RunPlugin(_plugin(tmp_path, SLEEPER))
    plugin = psutil.Process(await _pid_in(tmp_path / "started"))

    os.killpg(host.pid, number)
    _, stderr = await asyncio.wait_for(host.communicate(), 10)

    assert (host.returncode, stderr) == (0, b"")
    assert not _is_alive(plugin)
    call.cancel()


async def test_interrupt_before_it_serves(host: asyncio.subprocess.Process) -> None:
    """Interrupts from its very start on end the host without a traceback."""
    while host.returncode is None:
        host.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(host.wait(), 0.005)
    _, stderr = await asyncio.wait_for(host.communicate(), 10)

    assert stderr == b""


async def test_dependencies(runtime: Any, tmp_path: Path) -> None:
    """All packages are listed when transitive ones are asked for, and fewer otherwise."""
    info = _info(tmp_path)

    every = await runtime.GetProgramDependencies(
        language_pb2.GetProgramDependenciesRequest(info=info, transitiveDependencies=True)
    )
    direct = await runtime.GetProgramDependencies(language_pb2.GetProgramDependenciesRequest(info=info))

    names = {each.name for each in every.dependencies}
    assert {"pulumi", "grpcio"} <= names
    assert 0 < len(direct.dependencies) < len(names)


def _info(directory: Path) -> language_pb2.ProgramInfo:
    info = language_pb2.ProgramInfo(root_directory=str(directory), program_directory=str(directory), entry_point=".")
    info.options.update({"virtualenv": sys.prefix})
    return info


def _plugin(directory: Path, script: str, **more: Any) -> language_pb2.RunPluginRequest:
    _write(directory, script)
    return language_pb2.RunPluginRequest(pwd=str(directory), info=_info(directory), kind="resource", **more)


def _program(directory: Path) -> language_pb2.RunRequest:
    # A program in Python would first want an engine to register its stack with.
    python = directory / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho $$ >started\nexec sleep 600\n")
    python.chmod(0o755)
    info = _info(directory)
    info.options.update({"virtualenv": "venv"})
    return language_pb2.RunRequest(pwd=str(directory), info=info, project="p", stack="s", parallel=1)


def _write(directory: Path, script: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "__main__.py").write_text(script)


async def _pid_in(file: Path) -> int:
    found: list[str] = []

    def read() -> bool:
        if file.exists():
            found.append(file.read_text())
        return bool(found and found[-1])

    await _until(read)
    return int(found[-1])


async def _until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
