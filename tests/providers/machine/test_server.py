"""The provider as the engine sees it: a process that serves gRPC, starts quickly, and undoes what is under way when it ends."""

import os
import signal
import subprocess
import sys
import time
import unittest.mock
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from plan.tokens import UNKNOWN
from providers.machine.server import MachineProvider
from providers.machine.values import Properties
from tests.providers.machine.conftest import ROOT, processes_under
from tests.providers.machine.test_sessions import FAMILY, wait_for
from tests.providers.machine.test_values import secret

URN = "urn:pulumi:local::project::pkg:index:Parent$machine:index:Process::app"


class Provider:
    """A provider process and a connection to it."""

    def __init__(self) -> None:
        command = [sys.executable, str(ROOT / "providers" / "machine"), "127.0.0.1:1"]
        self.process = subprocess.Popen(command, cwd=ROOT / "providers" / "machine", stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        port = int(self.process.stdout.readline())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.call = provider_pb2_grpc.ResourceProviderStub(self.channel)

    def create_later(self, inputs: Properties) -> futures.Future[Any]:
        """Begin to create a process."""
        request = provider_pb2.CreateRequest(urn=URN, properties=struct(inputs))
        pending: futures.Future[Any] = self.call.Create.future(request)  # type: ignore[assignment]
        return pending

    def close(self) -> None:
        """End the provider as the engine does."""
        self.channel.close()
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A running provider."""
    provider = Provider()
    yield provider
    provider.close()


def struct(properties: Properties) -> struct_pb2.Struct:
    """Write properties as they travel."""
    return json_format.ParseDict(properties, struct_pb2.Struct())


@pytest.mark.alone  # beside others the same work takes more of the processor's time
def test_it_serves_after_less_than_half_a_second_of_work(provider: Provider) -> None:
    """Every deployment starts it; processor time, as the machine may have other work."""
    spent = psutil.Process(provider.process.pid).cpu_times()

    assert spent.user + spent.system < 0.5


def end_by_cancel(provider: Provider) -> None:
    """What Ctrl-C makes the engine do."""
    provider.call.Cancel(empty_pb2.Empty())


def end_by_terminate(provider: Provider) -> None:
    """What the language host does when the engine is done with the plugin."""
    provider.process.terminate()


def end_by_kill(provider: Provider) -> None:
    """What nobody can prepare for."""
    provider.process.kill()


@pytest.mark.parametrize("end", [end_by_cancel, end_by_terminate, end_by_kill])
def test_a_create_under_way_leaves_nothing_however_it_is_ended(
    provider: Provider, wanted: Callable[..., Properties], end: Callable[[Provider], None], tmp_path: Path
) -> None:
    """The program was started and is not ready yet."""
    pending = provider.create_later(wanted(command=FAMILY, ready_timeout_s=60))
    wait_for(tmp_path / "child")
    assert len(processes_under(tmp_path)) == 2

    end(provider)

    with pytest.raises(grpc.RpcError):
        pending.result(timeout=60)
    deadline = time.monotonic() + 60
    while processes_under(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_under(tmp_path) == []


def test_a_program_outlives_its_provider(provider: Provider, wanted: Callable[..., Properties]) -> None:
    """And ends when another provider is told to delete it."""
    made = provider.create_later(wanted(environment={"KEY": secret("hidden")})).result(timeout=60)
    provider.process.terminate()
    provider.process.wait(10)

    other = Provider()
    state = {"id": made.id, "urn": URN, "properties": made.properties}
    found = other.call.Read(provider_pb2.ReadRequest(inputs=made.properties, **state))
    other.call.Delete(provider_pb2.DeleteRequest(**state))
    gone = other.call.Read(provider_pb2.ReadRequest(inputs=made.properties, **state))
    other.close()

    assert found.id == made.id
    assert json_format.MessageToDict(found.properties)["environment"] == {"KEY": secret("hidden")}
    assert gone.id == ""


def test_a_preview_starts_nothing(provider: Provider, wanted: Callable[..., Properties], tmp_path: Path) -> None:
    """What only the real thing knows stays unknown."""
    request = provider_pb2.CreateRequest(urn=URN, properties=struct(wanted()), preview=True)

    answer = provider.call.Create(request)

    assert answer.id == ""
    assert json_format.MessageToDict(answer.properties)["pid"] == UNKNOWN
    assert processes_under(tmp_path) == []


def test_failures_are_told_in_our_words(provider: Provider) -> None:
    """Not as a traceback."""
    news = struct({"command": ["./app"], "cwd": "/", "log_file": "/log"})
    checked = provider.call.Check(provider_pb2.CheckRequest(urn=URN, news=news))
    with pytest.raises(grpc.RpcError) as unknown:
        provider.call.Check(provider_pb2.CheckRequest(urn=URN.replace("Process", "Disk"), news=news))
    with pytest.raises(grpc.RpcError) as imported:
        provider.call.Read(provider_pb2.ReadRequest(urn=URN, id="app"))

    assert [failure.property for failure in checked.failures] == ["command"]
    assert unknown.value.details() == (
        "this provider has no machine:index:Disk; it has machine:index:Process, machine:index:Proxy"
    )
    assert imported.value.details() == "what runs here can only be made, not imported"


def test_ctrl_c_ends_it_quietly(provider: Provider) -> None:
    """The terminal sends it to the whole group, and a traceback would show among the user's diagnostics."""
    os.kill(provider.process.pid, signal.SIGINT)

    assert provider.process.wait(10) == 0


def test_elsewhere_than_on_linux_it_refuses_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are recognised through /proc."""
    context = unittest.mock.create_autospec(grpc.ServicerContext, instance=True)
    context.abort.side_effect = grpc.RpcError
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(grpc.RpcError):
        MachineProvider().Configure(provider_pb2.ConfigureRequest(), context)

    assert "runs on Linux only, not on darwin" in context.abort.call_args.args[1]
