"""Started by the Pulumi engine as the plugin `machine`: serves processes and proxies on this machine."""

import sys
from pathlib import Path


def main() -> None:
    """Serve until the engine ends this process."""
    # Python puts the folder that it runs first on its search path, where a file would hide a module of the same name.
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]
    from providers.machine.server import serve

    serve()


if __name__ == "__main__":
    main()
