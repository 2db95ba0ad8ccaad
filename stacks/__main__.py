"""The program that the Pulumi engine runs for every stack: config in, the target's resources, outputs out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # a bare `pulumi up` knows no PYTHONPATH

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

from stacks.config import ConfigError
from stacks.outputs import export
from stacks.parsing import parse
from stacks.targets import load


def main() -> None:
    """Deploy the selected stack, or say in one sentence why its configuration cannot be."""
    raw = CONFIG.get() or get_config_env()
    secret_keys = {key for key in raw if is_config_secret(key)}
    root = Path(__file__).resolve().parents[1]
    try:
        rehearsal = "TRIMARAN_REHEARSAL_ROOT" in os.environ
        config = parse(raw, pulumi.get_stack(), secret_keys=secret_keys, rehearsal=rehearsal)
        export(load(config.target).deploy(config, root))
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None


main()
