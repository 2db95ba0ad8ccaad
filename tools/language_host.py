"""Stands in for `pulumi-language-python` on machines without the official language host.

The Pulumi engine starts it with its own address as the last argument and reads the port to call from the first line of
stdout. It lives as long as the engine does, and everything it started ends before it.
"""

import os
import signal
import sys


def main() -> None:
    """Serve until the engine interrupts this process or is gone."""
    # The imports below take 0.2 s; an interrupt in that time must end the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = os.getppid()
    # With fork support gRPC prints a notice for every child that is started here.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import asyncio

    from tools.language_server import serve

    asyncio.run(serve(sys.argv[-1] if len(sys.argv) > 1 else "", parent))


if __name__ == "__main__":
    main()
