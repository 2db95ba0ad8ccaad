"""The stand-in language host, under the real Pulumi engine."""

import json
import os
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.tools.conftest import ROOT

MARK = "TRIMARAN_TEST_MARK"
SLEEPER = "import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(600)\n"

POLICY_PACK = """
import pulumi
from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy

def forbid(args, report):
    word = pulumi.Config().require("word")
    report(f"{word} is forbidden on {pulumi.get_project()}-{pulumi.get_stack()}")

PolicyPack(
    name="tiny-pack",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[StackValidationPolicy(name="no-words", description="Words are forbidden.", validate=forbid)],
)
"""

PROVIDER = """
import sys, time
from concurrent import futures
import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

class Tiny(provider_pb2_grpc.ResourceProviderServicer):
    def Handshake(self, request, context):
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")
    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)
    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse()
    def Configure(self, request, context):
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)
    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)
    def Diff(self, request, context):
        return provider_pb2.DiffResponse()
    def Create(self, request, context):
        print("creating a thing", file=sys.stderr, flush=True)
        return provider_pb2.CreateResponse(id="thing-1", properties=request.properties)
    def Delete(self, request, context):
        return empty_pb2.Empty()
    def Cancel(self, request, context):
        return empty_pb2.Empty()

server = grpc.server(futures.ThreadPoolExecutor(4))
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Tiny(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""

USES_PROVIDER = """
import pulumi

class Thing(pulumi.CustomResource):
    def __init__(self, name):
        super().__init__("tiny:index:Thing", name, {"size": 3})

pulumi.export("id", Thing("thing").id)
"""


@dataclass(slots=True, kw_only=True)
class Project:
    """A Pulumi project in a directory of its own, with its own state."""

    root: Path
    environment: dict[str, str]

    def write(self, program: str, *, main: str = "program/__main__.py", virtualenv: str | None = sys.prefix) -> None:
        """Write the project file and its program."""
        options = "" if virtualenv is None else f", options: {{virtualenv: {json.dumps(virtualenv)}}}"
        self.file("Pulumi.yaml", f"name: tiny\nmain: {main}\nruntime: {{name: python{options}}}\n")
        self.file("program/__main__.py", program)

    def file(self, name: str, text: str) -> None:
        """Write any other file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a Pulumi command in a process group of its own."""
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a Pulumi command to its end; give its exit status and all it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def processes(self) -> list[psutil.Process]:
        """Every process that this project's engine has started, directly or not."""
        return [process for process in psutil.process_iter() if _mark_of(process) == self.environment[MARK]]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty project with the stack `dev`; whatever it started is ended afterwards."""
    (tmp_path / "state").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{os.environ['PATH']}{os.pathsep}{ROOT / 'tools' / 'host'}",
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        MARK: str(tmp_path),
    }
    made = Project(root=tmp_path / "project", environment=environment)
    made.write("")
    assert made.run("stack", "init", "dev")[0] == 0
    yield made
    for process in made.processes():
        process.kill()


def test_deploys(project: Project) -> None:
    """Config goes in, outputs and what the program prints come out, and a destroy takes it all away."""
    project.write('import pulumi\nprint("printed")\npulumi.export("doubled", pulumi.Config().require_int("n") * 2)\n')
    project.run("config", "set", "n", "21")

    previewed = project.run("preview")
    deployed = project.run("up", "--yes", "--skip-preview")
    outputs = project.run("stack", "output", "--json")
    destroyed = project.run("destroy", "--yes")

    assert (previewed[0], deployed[0], destroyed[0]) == (0, 0, 0), previewed + deployed + destroyed
    assert "printed" in deployed[1]
    assert json.loads(outputs[1]) == {"doubled": 42}
    assert project.processes() == []


def test_secret_config_stays_secret(project: Project) -> None:
    """A program that reads a secret gets it as one, so that its outputs do not show it."""
    project.write('import pulumi\npulumi.export("key", pulumi.Config().require_secret("key"))\n')
    project.run("config", "set", "--secret", "key", "hidden-value")

    _, output = project.run("up", "--yes")

    assert "hidden-value" not in output
    assert "[secret]" in output


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        (
            "def inner():\n    raise ValueError('boom')\ninner()\n",
            "error: Program failed with an unhandled exception:\n"
            "    Traceback (most recent call last):\n"
            '      File "__main__.py", line 3, in <module>\n'
            "        inner()\n"
            '      File "__main__.py", line 2, in inner\n'
            "        raise ValueError('boom')\n"
            "    ValueError: boom\n",
        ),
        ("import pulumi\nraise pulumi.RunError('target x is unknown')\n", "error: target x is unknown\n"),
        ("import sys\nsys.exit(3)\n", "program exited with non-zero exit code: 3"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "program ended by signal SIGSEGV"),
        ("def (:\n", "SyntaxError: invalid syntax"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    ],
    ids=["exception", "RunError", "exit status", "signal", "syntax", "import"],
)
def test_failing_program(project: Project, program: str, shown: str) -> None:
    """A program that fails says why in its own words, from its own file on."""
    project.write(program)

    status, output = project.run("preview")

    assert status != 0
    assert shown in output
    assert "run_program.py" not in output
    assert "language_runtime" not in output


def test_an_exception_is_reported_once(project: Project) -> None:
    """A program that has reported its error itself is not reported again as an exit status."""
    project.write("raise ValueError('boom')\n")

    _, output = project.run("preview")

    assert "exit code" not in output


def test_run_error_has_no_traceback(project: Project) -> None:
    """A RunError is for the person who deploys: the sentence alone."""
    project.write("import pulumi\nraise pulumi.RunError('target x is unknown')\n")

    _, output = project.run("preview")

    assert "Traceback" not in output


def test_missing_main(project: Project) -> None:
    """A directory without a main program is named."""
    project.write("", main="program/")
    (project.root / "program" / "__main__.py").unlink()

    status, output = project.run("preview")

    assert status != 0
    assert f"unable to find main python program `__main__.py` in `{project.root / 'program'}`" in output


def test_default_python(project: Project) -> None:
    """Without the option `virtualenv` a program runs under the Python of the host."""
    project.write("import pulumi, sys\npulumi.export('prefix', sys.prefix)\n", virtualenv=None)

    project.run("up", "--yes")

    assert json.loads(project.run("stack", "output", "--json")[1]) == {"prefix": str(ROOT / ".venv")}


def test_nothing_leads_the_module_path(project: Project) -> None:
    """A main program given as a file finds neither its own directory nor the host's first on the module path."""
    project.write("import pulumi, sys\npulumi.export('path', sys.path)\n")

    project.run("up", "--yes")

    path = json.loads(project.run("stack", "output", "--json")[1])["path"]
    assert str(ROOT / "tools") not in path
    assert str(project.root / "program") not in path


def test_missing_virtualenv(project: Project) -> None:
    """A virtual environment that is not there is named."""
    project.write("", virtualenv="not-here")

    status, output = project.run("preview")

    assert status != 0
    assert f"The virtual environment {project.root / 'not-here'}" in output


def test_virtualenv_without_sdk(project: Project) -> None:
    """A virtual environment without the Pulumi SDK is told apart from a broken program."""
    venv.create(project.root / "bare", with_pip=False)
    project.write("", virtualenv="bare")

    status, output = project.run("preview")

    assert status != 0
    assert f"The Pulumi SDK is not installed in {project.root / 'bare'}." in output


def test_policy_pack(project: Project) -> None:
    """A mandatory violation fails the preview, and a rule knows the stack and its config."""
    project.write("")
    project.run("config", "set", "word", "swordfish")
    project.file("pack/PulumiPolicy.yaml", f"runtime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n")
    project.file("pack/__main__.py", POLICY_PACK)

    status, output = project.run("preview", "--policy-pack", "pack")

    assert status != 0
    assert "swordfish is forbidden on tiny-dev" in output
    assert project.processes() == []


def test_provider_plugin(project: Project) -> None:
    """A provider written in Python creates and deletes, and ends with the engine."""
    _write_provider(project, PROVIDER)

    deployed = project.run("up", "--yes")
    outputs = project.run("stack", "output", "--json")
    destroyed = project.run("destroy", "--yes")

    assert (deployed[0], destroyed[0]) == (0, 0), deployed[1] + destroyed[1]
    assert json.loads(outputs[1]) == {"id": "thing-1"}
    assert "Traceback" not in deployed[1] + destroyed[1]
    assert project.processes() == []


def test_provider_plugin_that_dies(project: Project) -> None:
    """A provider that ends before it serves fails the deployment with what it said."""
    _write_provider(project, "import sys\nsys.exit('no licence today')\n")

    status, output = project.run("up", "--yes")

    assert status != 0
    assert "no licence today" in output


def test_interrupt(project: Project) -> None:
    """Ctrl-C while the program runs ends everything, quietly."""
    project.write(SLEEPER)
    engine = project.start("up", "--yes", "--skip-preview")
    _wait_until((project.root / "program" / "started").exists)

    os.killpg(engine.pid, signal.SIGINT)
    time.sleep(0.5)
    os.killpg(engine.pid, signal.SIGINT)
    output, _ = engine.communicate(timeout=120)

    assert engine.returncode != 0
    assert "Traceback" not in output
    assert "KeyboardInterrupt" not in output
    _wait_until(lambda: project.processes() == [])


def test_interrupt_in_a_provider(project: Project) -> None:
    """Ctrl-C while a provider works lets it finish that, and leaves no process and no traceback."""
    slow = PROVIDER.replace(
        "        print(", "        open('started', 'w').close()\n        time.sleep(1.5)\n        print("
    )
    _write_provider(project, slow)
    engine = project.start("up", "--yes", "--skip-preview")
    _wait_until(lambda: list(project.root.rglob("started")) != [])

    os.killpg(engine.pid, signal.SIGINT)
    output, _ = engine.communicate(timeout=120)

    assert "Traceback" not in output
    assert '"thing-1"' in project.run("stack", "export")[1]
    _wait_until(lambda: project.processes() == [])


@pytest.mark.parametrize("victim", ["pulumi", "language_host"])
def test_killed_without_warning(project: Project, victim: str) -> None:
    """When the engine or the host is killed, nothing that they started stays."""
    project.write(SLEEPER)
    engine = project.start("up", "--yes", "--skip-preview")
    _wait_until((project.root / "program" / "started").exists)

    killed = [each for each in project.processes() if victim in " ".join(each.cmdline()[:4])]
    for process in killed:
        process.kill()

    assert killed != []
    engine.communicate(timeout=120)
    _wait_until(lambda: project.processes() == [])


def test_about(project: Project) -> None:
    """`pulumi about` names the Python and the packages of the program."""
    project.write("")

    status, output = project.run("about", "--json")

    about = json.loads(output[output.index("{") :])
    assert status == 0
    assert about["runtime"]["executable"] == f"{sys.prefix}/bin/python"
    assert "pulumi_policy" in {each["name"].replace("-", "_") for each in about["dependencies"]}


def _write_provider(project: Project, provider: str) -> None:
    project.write(USES_PROVIDER)
    with (project.root / "Pulumi.yaml").open("a") as file:
        file.write("plugins: {providers: [{name: tiny, path: provider}]}\n")
    options = f"{{toolchain: pip, virtualenv: {sys.prefix}}}"
    project.file("provider/PulumiPlugin.yaml", f"runtime: {{name: python, options: {options}}}\n")
    project.file("provider/__main__.py", provider)


def _mark_of(process: psutil.Process) -> str | None:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.environ().get(MARK)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
