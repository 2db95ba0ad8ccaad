"""What the Pulumi engine asks of a language host, for Python: run programs, policy packs and provider plugins.

It installs nothing and generates no code: those calls are answered with nothing to do, or as unimplemented.
"""

import asyncio
import importlib.metadata
import json
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

import grpc.aio
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from tools import child_process, policy_proxy
from tools.policy_proxy import Context, PolicyProxy
from tools.project_python import ProjectPython, python_for

RUN_PROGRAM = Path(__file__).with_name("run_program.py")
EXIT_ALREADY_REPORTED = 32
PROGRAM_GRACE_S = 3.0
PLUGIN_GRACE_S = 2.0

LIST_PACKAGES = """
import importlib.metadata, json, re
found = {d.name: d for d in importlib.metadata.distributions() if d.name}
needed = {re.split(r"[^\\w.-]", line, maxsplit=1)[0].lower() for d in found.values() for line in d.requires or []}
print(json.dumps([[name, d.version, name.lower() in needed] for name, d in sorted(found.items())]))
"""


class LanguageRuntime(language_pb2_grpc.LanguageRuntimeServicer):
    """Serves the `pulumirpc.LanguageRuntime` calls of one engine."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._programs: set[asyncio.subprocess.Process] = set()

    async def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: Context
    ) -> language_pb2.LanguageHandshakeResponse:
        """Learn the address of an engine that attached to a host it did not start."""
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    async def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> plugin_pb2.PluginInfo:
        """Report the version of the SDK that this host speaks for."""
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    async def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: Context
    ) -> language_pb2.GetRequiredPackagesResponse:
        """Announce no plugins: the engine looks for each when the program first uses it."""
        return language_pb2.GetRequiredPackagesResponse()

    async def GetRequiredPlugins(
        self, request: language_pb2.GetRequiredPluginsRequest, context: Context
    ) -> language_pb2.GetRequiredPluginsResponse:
        """Announce no plugins, to engines that ask the older question."""
        return language_pb2.GetRequiredPluginsResponse()

    # The generated base class knows streams as generators only; as a coroutine that writes, a call is cancelled at one
    # known place, so that its child is always ended.
    async def InstallDependencies(  # type: ignore[override]
        self, request: language_pb2.InstallDependenciesRequest, context: Context
    ) -> None:
        """Install nothing: the project's own set-up makes the environment."""

    async def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: Context
    ) -> language_pb2.RuntimeOptionsResponse:
        """Ask nothing during `pulumi new`."""
        return language_pb2.RuntimeOptionsResponse()

    async def Template(self, request: language_pb2.TemplateRequest, context: Context) -> language_pb2.TemplateResponse:
        """Leave a new project as its template has it."""
        return language_pb2.TemplateResponse()

    async def About(self, request: language_pb2.AboutRequest, context: Context) -> language_pb2.AboutResponse:
        """Name the Python that programs run under."""
        python = await _python_or_abort(request.info, context)
        script = "import platform; print(platform.python_version())"
        version = await _output_of(python, script)
        return language_pb2.AboutResponse(executable=str(python.executable), version=version.strip())

    async def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: Context
    ) -> language_pb2.GetProgramDependenciesResponse:
        """List the packages of the program's Python; without the transitive ones, those that no other one requires."""
        python = await _python_or_abort(request.info, context)
        rows = json.loads(await _output_of(python, LIST_PACKAGES))
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version, needed in rows
                if request.transitiveDependencies or not needed
            ]
        )

    async def Run(self, request: language_pb2.RunRequest, context: Context) -> language_pb2.RunResponse:
        """Run a program to its end; its output goes where ours goes, from where the engine takes it."""
        python = await _python_or_abort(request.info, context)
        settings = {
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "project": request.project,
            "stack": request.stack,
            "parallel": request.parallel,
            "dry_run": request.dryRun,
            "organization": request.organization,
            "root_directory": request.info.root_directory,
        }
        environment = {
            **python.environment,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        program = await child_process.start(
            # -P: the directory of run_program.py must not lead sys.path.
            [python.executable, "-P", "-u", RUN_PROGRAM, json.dumps(settings), request.info.entry_point, *request.args],
            cwd=Path(request.pwd),
            environment=environment,
            piped=False,
        )
        self._programs.add(program)
        try:
            status = await program.wait()
        finally:
            self._programs.discard(program)
            await child_process.end(program, signal.SIGINT, grace_s=PROGRAM_GRACE_S)
        return _run_response(status)

    async def Cancel(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        """End the programs; plugins stay, because the engine still lets them finish what they have begun."""
        await asyncio.gather(
            *(child_process.end(program, signal.SIGINT, grace_s=PROGRAM_GRACE_S) for program in self._programs)
        )
        return empty_pb2.Empty()

    async def RunPlugin(  # type: ignore[override]
        self, request: language_pb2.RunPluginRequest, context: Context
    ) -> None:
        """Run a provider plugin or policy pack until it exits or the engine cancels the call, passing on its output."""
        python = await _python_or_abort(request.info, context)
        environment = {**python.environment, **_pairs(request.env)}
        directory = Path(request.info.program_directory)
        if request.kind != "analyzer":
            provider = [python.executable, "-u", directory, *request.args]
            await _run_plugin(provider, Path(request.pwd), environment, PluginOutput(context))
            return
        pack = [python.executable, "-u", "-m", "pulumi.policy", *request.args, directory]
        async with policy_proxy.serve() as proxy:
            output = PluginOutput(context)
            await output.write(language_pb2.RunPluginResponse(stdout=f"{proxy.port}\n".encode()))
            environment |= await proxy.environment()
            await _run_plugin(pack, directory, environment, output, proxy)


class PluginOutput:
    """The answers of one RunPlugin call; gRPC loses messages that are written to a call at the same time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turn = asyncio.Lock()

    async def write(self, answer: language_pb2.RunPluginResponse) -> None:
        """Send one piece of output, or the exit code, to the engine."""
        async with self._turn:
            await self._context.write(answer)


async def _run_plugin(
    arguments: list[object],
    cwd: Path,
    environment: Mapping[str, str],
    output: PluginOutput,
    proxy: PolicyProxy | None = None,
) -> None:
    plugin = await child_process.start([str(each) for each in arguments], cwd=cwd, environment=environment, piped=True)
    try:
        await asyncio.gather(
            _forward_stdout(plugin.stdout, output, proxy),
            _forward_stderr(plugin.stderr, output),
        )
        await output.write(language_pb2.RunPluginResponse(exitcode=await plugin.wait()))
    finally:
        await child_process.end(plugin, signal.SIGTERM, grace_s=PLUGIN_GRACE_S)


async def _python_or_abort(info: language_pb2.ProgramInfo, context: Context) -> ProjectPython:
    try:
        return python_for(info)
    except FileNotFoundError as error:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        raise


def _run_response(status: int) -> language_pb2.RunResponse:
    if status == 0:
        return language_pb2.RunResponse()
    if status == EXIT_ALREADY_REPORTED:
        return language_pb2.RunResponse(bail=True)
    if status < 0:
        return language_pb2.RunResponse(error=f"program ended by signal {signal.Signals(-status).name}")
    return language_pb2.RunResponse(error=f"program exited with non-zero exit code: {status}")


def _pairs(lines: Iterable[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


async def _forward_stdout(stream: asyncio.StreamReader | None, output: PluginOutput, proxy: PolicyProxy | None) -> None:
    if stream is not None and proxy is not None:
        # The engine has the proxy's port; the pack's own is for the proxy.
        line = await stream.readline()
        if line.strip().isdigit():
            await proxy.attach(int(line))
        else:
            proxy.give_up()
            await output.write(language_pb2.RunPluginResponse(stdout=line))
    while stream is not None and (data := await stream.read(65536)):
        await output.write(language_pb2.RunPluginResponse(stdout=data))


async def _forward_stderr(stream: asyncio.StreamReader | None, output: PluginOutput) -> None:
    while stream is not None and (data := await stream.read(65536)):
        await output.write(language_pb2.RunPluginResponse(stderr=data))


async def _output_of(python: ProjectPython, script: str) -> str:
    process = await child_process.start(
        [python.executable, "-P", "-c", script], cwd=Path.cwd(), environment=python.environment, piped=True
    )
    try:
        output, _ = await process.communicate()
    finally:
        await child_process.end(process, signal.SIGTERM, grace_s=PLUGIN_GRACE_S)
    return output.decode()
