"""Stands between the engine and a policy pack, to learn the stack before the pack starts.

The engine tells a running pack its stack and config in a call; the SDK's policy packs expect them in the environment
that they are started with. So the engine gets this server's port first, and the pack is started when the call has come.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc.aio
from pulumi.runtime.proto import analyzer_pb2

SERVICE = "/pulumirpc.Analyzer/"
MESSAGE_SIZES = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class PolicyProxy(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers the engine until the pack runs, then hands every call on to it, byte for byte."""

    def __init__(self) -> None:
        self.port = 0
        loop = asyncio.get_running_loop()
        self._stack: asyncio.Future[analyzer_pb2.AnalyzerStackConfigureRequest | None] = loop.create_future()
        self._pack: asyncio.Future[grpc.aio.Channel | None] = loop.create_future()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Choose what answers a call; messages are left as bytes."""
        method = handler_call_details.method
        if method == f"{SERVICE}Handshake":
            return grpc.unary_unary_rpc_method_handler(self._handshake)
        if method == f"{SERVICE}ConfigureStack":
            return grpc.unary_unary_rpc_method_handler(self._configure_stack)

        async def hand_on(request: bytes, context: Context) -> bytes:
            return await self._hand_on(method, request, context)

        return grpc.unary_unary_rpc_method_handler(hand_on)

    async def environment(self) -> dict[str, str]:
        """Wait for the engine to name the stack, and give what a pack's environment says of it."""
        stack = await self._stack
        if stack is None:
            return {}
        return {
            "PULUMI_ORGANIZATION": stack.organization or "organization",
            "PULUMI_PROJECT": stack.project,
            "PULUMI_STACK": stack.stack,
            "PULUMI_DRY_RUN": str(stack.dry_run).lower(),
            "PULUMI_CONFIG": json.dumps(dict(stack.config)),
        }

    async def attach(self, port: int) -> None:
        """Hand calls on to the pack that listens on this port."""
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=MESSAGE_SIZES)
        stack = self._stack.result()
        if stack is not None:
            # The pack learns the stack's tags from this call alone.
            await _as_bytes(channel, f"{SERVICE}ConfigureStack")(stack.SerializeToString())
        self._pack.set_result(channel)

    def give_up(self) -> None:
        """Fail the calls that wait for the pack: it has ended."""
        if not self._pack.done():
            self._pack.set_result(None)

    async def close(self) -> None:
        """Let go of the pack."""
        self.give_up()
        channel = await self._pack
        if channel is not None:
            await channel.close(grace=None)

    async def _handshake(self, request: bytes, context: Context) -> bytes:
        return b""

    async def _configure_stack(self, request: bytes, context: Context) -> bytes:
        self._know(analyzer_pb2.AnalyzerStackConfigureRequest.FromString(request))
        return b""

    async def _hand_on(self, method: str, request: bytes, context: Context) -> bytes:
        # `pulumi policy publish` asks about a pack without any stack.
        self._know(None)
        channel = await asyncio.shield(self._pack)
        if channel is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the policy pack has ended")
            raise AssertionError
        try:
            return await _as_bytes(channel, method)(request)
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")
            raise

    def _know(self, stack: analyzer_pb2.AnalyzerStackConfigureRequest | None) -> None:
        if not self._stack.done():
            self._stack.set_result(stack)


def _as_bytes(channel: grpc.aio.Channel, method: str) -> "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]":
    return channel.unary_unary(method, request_serializer=None, response_deserializer=None)


@asynccontextmanager
async def serve() -> AsyncIterator[PolicyProxy]:
    """Serve on a port of this machine while the block runs."""
    proxy = PolicyProxy()
    server = grpc.aio.server(options=MESSAGE_SIZES)
    server.add_generic_rpc_handlers((proxy,))
    proxy.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield proxy
    finally:
        await proxy.close()
        await server.stop(grace=0)
