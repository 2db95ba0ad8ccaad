"""The gRPC side of the provider: it turns the engine's calls into calls of a resource's functions."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from providers.machine import process, proxy
from providers.machine.contract import Cancelled, Change, Resource
from providers.machine.values import MachineError, Properties

VERSION = "0.1.0"
RESOURCES: dict[str, Resource] = {"machine:index:Process": process, "machine:index:Proxy": proxy}

# The engine asks for as many resources at once as it likes; each call holds a thread while its program gets ready.
THREADS = 64
UNWIND_S = 5.0
_NO_LIMIT = [("grpc.max_receive_message_length", 400 * 1024 * 1024)]


def serve() -> None:
    """Serve on a free loopback port, told on standard output, until a signal; what is under way then is undone."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS), options=_NO_LIMIT)
    provider = MachineProvider()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended.wait()
    provider.cancel()
    server.stop(grace=UNWIND_S).wait()


class MachineProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves processes and proxies; its only state is whether the deployment was cancelled."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._parent = os.getppid()

    def cancel(self) -> None:
        """End what is under way, now and from now on."""
        self._cancelled.set()

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Say that secrets may be sent marked as such: they come back marked."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Tell the version."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Accept an engine that found this provider running."""
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Accept any configuration: there is none."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """See no difference: there is no configuration."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Refuse to work where processes cannot be recognised."""
        if sys.platform != "linux":
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the machine provider (target local) runs on Linux only, not on {sys.platform}: it recognises the "
                "processes that it started through /proc",
            )
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Fill in a resource's defaults and name what is wrong with its inputs."""
        with _reported(context):
            inputs, failures = _resource(request.urn).check(_properties(request.news))
            return provider_pb2.CheckResponse(
                inputs=_struct(inputs),
                failures=[provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures],
            )

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Say which inputs changed and whether that takes a new resource."""
        with _reported(context):
            change = _resource(request.urn).diff(_properties(request.old_inputs), _properties(request.news))
            return _diff_response(change)

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Make a resource, or foretell it."""
        with _reported(context):
            resource, inputs = _resource(request.urn), _properties(request.properties)
            if request.preview:
                return provider_pb2.CreateResponse(properties=_struct(resource.preview(inputs, None)))
            resource_id, outputs = resource.create(request.urn, inputs, self._cancellation(context))
            return provider_pb2.CreateResponse(id=resource_id, properties=_struct(outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Look at a resource; an empty id says that it is gone."""
        with _reported(context):
            outputs = _properties(request.properties)
            if "pid" not in outputs:
                raise MachineError("what runs here can only be made, not imported")
            found = _resource(request.urn).read(request.id, _properties(request.inputs), outputs)
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=request.id, inputs=_struct(found.inputs), properties=_struct(found.outputs)
            )

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Change a resource in place, or foretell it."""
        with _reported(context):
            resource, old, inputs = _resource(request.urn), _properties(request.olds), _properties(request.news)
            if request.preview:
                return provider_pb2.UpdateResponse(properties=_struct(resource.preview(inputs, old)))
            old_inputs = _properties(request.old_inputs)
            outputs = resource.update(request.urn, old, old_inputs, inputs, self._cancellation(context))
            return provider_pb2.UpdateResponse(properties=_struct(outputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """End a resource."""
        with _reported(context):
            _resource(request.urn).delete(request.id, _properties(request.properties))
            return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """End what is under way; the engine calls this on Ctrl-C."""
        self.cancel()
        return empty_pb2.Empty()

    def _cancellation(self, context: grpc.ServicerContext) -> Cancelled:
        # Three ways to lose whoever waits for the result: told so, the call dropped, or the parent died.
        return lambda: self._cancelled.is_set() or not context.is_active() or os.getppid() != self._parent


def _resource(urn: str) -> Resource:
    kind = urn.split("::")[2].rpartition("$")[2]
    if kind not in RESOURCES:
        raise MachineError(f"this provider has no {kind}; it has {', '.join(RESOURCES)}")
    return RESOURCES[kind]


def _diff_response(change: Change) -> provider_pb2.DiffResponse:
    kinds = provider_pb2.DiffResponse
    return provider_pb2.DiffResponse(
        changes=kinds.DIFF_SOME if change.anew or change.in_place else kinds.DIFF_NONE,
        replaces=change.anew,
        diffs=[*change.anew, *change.in_place],
        deleteBeforeReplace=bool(change.anew) and change.delete_first,
    )


def _properties(struct: struct_pb2.Struct) -> Properties:
    properties: Properties = json_format.MessageToDict(struct)
    return properties


def _struct(properties: Properties) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(properties, struct)
    return struct


@contextmanager
def _reported(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except MachineError as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
