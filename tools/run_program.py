"""Runs one Pulumi program in the program's own Python; started by the stand-in language host, never imported.

Arguments: the runtime settings as JSON, the program's file or directory, then the program's own arguments. Exit status:
0 done, 32 failed and already reported to the engine, 1 failed in any other way, 130 interrupted.
"""

import asyncio
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

EXIT_ALREADY_REPORTED = 32
EXIT_INTERRUPTED = 130
THREADS_PER_OPERATION = 4


def main(settings_json: str, program: str, arguments: list[str]) -> int:
    """Run the program as if it had been started directly, and return the exit status."""
    try:
        import pulumi
        from pulumi import runtime
    except ImportError:
        traceback.print_exc()
        sys.stderr.write(f"The Pulumi SDK is not installed in {sys.prefix}.\n")
        return 1
    settings = runtime.Settings(**json.loads(settings_json))
    runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())
    runtime.configure(settings)
    sys.argv = [program, *arguments]
    if Path(program).is_dir() and not Path(program, "__main__.py").exists():
        pulumi.log.error(f"unable to find main python program `__main__.py` in `{Path(program).absolute()}`")
        return EXIT_ALREADY_REPORTED
    try:
        _run_in_stack(program, settings.parallel)
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:  # noqa: BLE001
        pulumi.log.error("Program failed with an unhandled exception:\n" + _users_traceback(error, program))
        return EXIT_ALREADY_REPORTED
    return 0


def _run_in_stack(program: str, parallel: int | None) -> None:
    from pulumi import runtime

    # A failed program leaves futures that nobody awaits, which is no news after the error itself.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with ThreadPoolExecutor(max(parallel or 1, 1) * THREADS_PER_OPERATION) as executor:
        loop.set_default_executor(executor)
        loop.run_until_complete(runtime.run_in_stack(run))


def _users_traceback(error: Exception, program: str) -> str:
    main_file = Path(program, "__main__.py") if Path(program).is_dir() else Path(program)
    frames = error.__traceback__
    while frames is not None and Path(frames.tb_frame.f_code.co_filename).absolute() != main_file.absolute():
        frames = frames.tb_next
    if frames is None and not isinstance(error, SyntaxError):
        frames = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, frames))


if __name__ == "__main__":
    try:
        status = main(sys.argv[1], sys.argv[2], sys.argv[3:])
    except KeyboardInterrupt:
        # Threads may still wait for the engine, so the usual way out would hang or print what they were doing.
        os._exit(EXIT_INTERRUPTED)
    sys.exit(status)
