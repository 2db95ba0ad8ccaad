"""The life of the stand-in language host: serve on a port, until the engine interrupts or is gone."""

import asyncio
import os
import signal

import grpc.aio
from pulumi.runtime.proto import language_pb2_grpc

from tools.language_runtime import LanguageRuntime
from tools.policy_proxy import MESSAGE_SIZES

PARENT_POLL_S = 0.5
CHILDREN_GRACE_S = 4.0


async def serve(engine_address: str, parent: int) -> None:
    """Print the port to call, then serve; everything started here ends before this returns."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = grpc.aio.server(options=MESSAGE_SIZES)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageRuntime(engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)  # noqa: T201
    watch = asyncio.create_task(_stop_with(parent, stop))
    await stop.wait()
    watch.cancel()
    # Cancels the calls that still run, each of which ends its own child.
    await server.stop(grace=0)
    await _calls_done()


async def _stop_with(parent: int, stop: asyncio.Event) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_POLL_S)
    stop.set()


async def _calls_done() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=CHILDREN_GRACE_S)
