"""The provider that stands in for a cloud: the engine and the SDK are real, inputs are checked, nothing is called."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from plan.tokens import UNKNOWN, is_unknown
from providers.rehearsal import changes, lookups
from providers.rehearsal.cloud import RehearsedCloud
from providers.rehearsal.findings import Finding, InputPlace
from providers.rehearsal.inspection import Inspection, inspect
from providers.rehearsal.invention import Inventor, auto_name, foretold
from providers.rehearsal.record import RehearsalRecord
from providers.rehearsal.rules.contract import CheckedResource, Facts
from providers.rehearsal.values import Properties, leaves, opened, plain, secret, type_of

# Few threads and one inspection at a time: schemas are read once and not by several at once, which costs memory only.
_THREADS = 4
# When a rehearsal ends, its engine has, so a server has no call to wait for and stops at once. Once in some hundred runs gRPC 1.85.1 never
# said that one had stopped, and without a grace `stop` itself waits for that: without bound.
_STOPPING_S, _STOPPED_WITHIN_S = 1.0, 10.0
_NO_LIMIT = [("grpc.max_receive_message_length", 400 * 1024 * 1024)]


@contextmanager
def serving(
    clouds: Iterable[RehearsedCloud], record: RehearsalRecord, *, gpu_quota: int | None = None, refusing: bool = True
) -> Iterator[Mapping[str, int]]:
    """Serve these packages on loopback ports until the context ends; package -> port.

    `gpu_quota` is what the stack's config says of its account. A server that is `refusing` ends the engine's run at the
    first wrong input; otherwise the engine goes on, and all wrong inputs of a stack are in the record after one run.
    """
    servers, ports = [], {}
    try:
        for cloud in clouds:
            server = grpc.server(futures.ThreadPoolExecutor(max_workers=_THREADS), options=_NO_LIMIT)
            provider = RehearsalProvider(cloud, record, gpu_quota=gpu_quota, refusing=refusing)
            provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
            ports[cloud.name] = server.add_insecure_port("127.0.0.1:0")
            server.start()
            servers.append(server)
        yield ports
    finally:
        for stopped in [server.stop(grace=_STOPPING_S) for server in servers]:
            stopped.wait(_STOPPED_WITHIN_S)


class RehearsalProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one package; what it learns goes into the record."""

    def __init__(
        self, cloud: RehearsedCloud, record: RehearsalRecord, *, gpu_quota: int | None = None, refusing: bool = True
    ) -> None:
        self._cloud = cloud
        self._record = record
        self._inventor = Inventor(cloud)
        self._refusing = refusing
        self._inspecting = threading.Lock()
        self._facts = Facts(limits=cloud.limits, gpu_quota=gpu_quota)

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Say that secrets may come marked as such: they go back marked."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Tell the SDK's version, or the engine warns of a difference."""
        return plugin_pb2.PluginInfo(version=self._cloud.sdk.version)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Accept an engine that found this provider running."""
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Take any configuration."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Let a changed configuration be an update, as providers do when the account stays the same."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Learn the region, and what else the configuration says of the account."""
        self._inventor.configure(_properties(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Name a resource that has none, and say all that is wrong with its inputs."""
        token, inputs = type_of(request.urn), _properties(request.news)
        if token not in self._cloud.sdk:
            reason = f"{token} is not a type of {self._cloud.name} {self._cloud.sdk.version}."
            finding = Finding(place=InputPlace(), sentence=reason + self._cloud.sdk.nearest(token))
            self._record.inspected(_refused(request.urn, token, finding))
            return provider_pb2.CheckResponse(failures=[_failure(finding)])
        inputs = as_text(self._named(request.urn, token, inputs), self._cloud.documents(token))
        resource = CheckedResource(urn=request.urn, token=token, inputs=inputs)
        with self._inspecting:
            inspection = inspect(self._cloud, resource, self._record.peers(resource), self._facts)
        self._record.inspected(inspection)
        told = inspection.findings if self._refusing else ()
        return provider_pb2.CheckResponse(inputs=_struct(inputs), failures=[_failure(each) for each in told])

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Say which inputs changed and whether that takes a new resource."""
        token = type_of(request.urn)
        old, new = _properties(request.old_inputs), _properties(request.news)
        difference = changes.between(self._cloud, token, old, new)
        if difference.undecided:
            self._record.undecided_changes[request.urn] = difference.undecided
        named = auto_name(self._cloud.outputs, request.urn, token)
        kinds = provider_pb2.DiffResponse
        return provider_pb2.DiffResponse(
            changes=kinds.DIFF_SOME if difference.changed else kinds.DIFF_NONE,
            diffs=difference.changed,
            replaces=difference.replacing,
            deleteBeforeReplace=bool(difference.replacing) and changes.keeps_name(named, old, new),
        )

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Invent a resource, or foretell it."""
        token, inputs = type_of(request.urn), _properties(request.properties)
        shape = self._cloud.sdk.resource_type(token).outputs
        if request.preview:
            return provider_pb2.CreateResponse(properties=_struct(foretold(inputs, shape)))
        identifier, outputs = self._inventor.create(request.urn, token, inputs, shape)
        return provider_pb2.CreateResponse(id=identifier, properties=_struct(outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Find a resource as it was left; one that the program adopts by its id is invented."""
        token, known = type_of(request.urn), _properties(request.properties)
        if not known:
            shape = self._cloud.sdk.resource_type(token).outputs
            _, known = self._inventor.create(request.urn, token, {"id": request.id, "name": request.id}, shape)
        return provider_pb2.ReadResponse(id=request.id, properties=_struct(known), inputs=request.inputs)

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Change a resource in place, or foretell it."""
        token, before = type_of(request.urn), _properties(request.olds)
        old, new = _properties(request.old_inputs), _properties(request.news)
        outputs = self._inventor.update(token, before, old, new)
        if request.preview:
            outputs.update(dict.fromkeys(self._inventor.counting(token), UNKNOWN))
        return provider_pb2.UpdateResponse(properties=_struct(outputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Forget a resource."""
        self._record.forget(request.urn)
        return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        """Answer a look-up from the package's file."""
        self._record.lookups.append(request.tok)
        try:
            found = lookups.answer(self._cloud, request.tok, _properties(request.args), self._inventor)
        except lookups.UnexpectedLookup as error:
            self._record.refused_lookups.append(str(error))
            return provider_pb2.InvokeResponse(failures=[provider_pb2.CheckFailure(reason=str(error))])
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(_struct(found))  # `return` is a word of Python's
        return response

    def Construct(
        self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        """Refuse a component that lives in a provider: its resources cannot be seen here."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{request.type} is a component inside its provider, which a rehearsal cannot look into. Use plain resources.",
        )
        raise AssertionError

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Have nothing to stop."""
        return empty_pb2.Empty()

    def _named(self, urn: str, token: str, inputs: Properties) -> Properties:
        named = auto_name(self._cloud.outputs, urn, token)
        members = self._cloud.sdk.resource_type(token).inputs.members
        if named is None or named[0] not in members or members[named[0]].required:
            return inputs
        if named[0] in inputs or f"{named[0]}Prefix" in inputs:
            return inputs
        return {**inputs, named[0]: named[1]}


def as_text(inputs: Properties, documents: Iterable[str]) -> Properties:
    """Documents that the program gave as values, as the JSON texts that the provider makes of them."""
    given = {name: inputs[name] for name in documents if isinstance(opened(inputs.get(name))[0], dict)}
    texts: Properties = {}
    for name, value in given.items():
        inner, is_secret = opened(value)
        unknown = any(is_unknown(each) for _, each in leaves(inner))
        text = UNKNOWN if unknown else json.dumps(plain(inner))
        texts[name] = secret(text) if is_secret else text
    return {**inputs, **texts}


def _refused(urn: str, token: str, finding: Finding) -> Inspection:
    return Inspection(urn=urn, token=token, findings=(finding,), by=(), unvalidated=(), unknown=())


def _failure(finding: Finding) -> provider_pb2.CheckFailure:
    top = str(finding.place.path[0]) if finding.place.path else ""
    return provider_pb2.CheckFailure(property=top, reason=finding.sentence)


def _properties(struct: struct_pb2.Struct) -> Properties:
    properties: Properties = json_format.MessageToDict(struct)
    return properties


def _struct(properties: Properties) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(properties, struct)
    return struct
