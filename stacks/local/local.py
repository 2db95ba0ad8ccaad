"""The target `local`: the app as a process of this machine, behind an nginx that splits traffic in a promotion."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pulumi

from providers.machine.proxy import read_weights
from providers.machine.resources import Process, Proxy
from providers.machine.values import MachineError
from stacks.config import ConfigError
from stacks.local.config import LocalConfig
from stacks.local.files import log_file, proxy_directory
from stacks.local.routes import Routes
from stacks.local.versions import Version, split_of, versions_of
from stacks.outputs import Outputs, Reference

HOST = "127.0.0.1"
DRAIN_S = 30
READY_TIMEOUT_S = 60


def deploy(config: LocalConfig, root: Path) -> Outputs:
    """Start the app, a candidate beside it, wait until they are ready, and lead the port to where the split says."""
    directory = proxy_directory(root, config.stack)
    versions = versions_of(config, root)
    blue, newest = versions["blue"], versions.get("green", versions["blue"])
    apps = {side: _app(config, version, root) for side, version in versions.items()}
    proxy = Proxy(
        "proxy",
        host=HOST,
        port=config.port,
        directory=str(directory),
        upstreams={side: pulumi.Output.format("{0}:{1}", HOST, app.port) for side, app in apps.items()},
        weights=split_of(_split_in_use(directory), versions),
        test_upstream="green" if "green" in versions else "",
    )
    return Outputs(
        target=config.target,
        environment=config.environment,
        region="local",
        url=proxy.url,
        test_url=proxy.test_url,
        image="",
        models=newest.routes.models,
        revision=newest.revision,
        stable_revision=blue.revision,
        auth="none",
        metrics=Reference(
            kind="prometheus", ref={side: pulumi.Output.concat(app.url, "/metrics") for side, app in apps.items()}
        ),
        traffic=Reference(kind="nginx", ref={"config_file": proxy.config_file}),
        api_key_ref="config:trimaran:apiKeys" if config.api_keys else "",
    )


def _app(config: LocalConfig, version: Version, root: Path) -> Process:
    return Process(
        # The revision is in the name so that a promoted candidate keeps its process.
        f"app-{version.revision}",
        command=[str(root / ".venv/bin/python"), "-m", "app.main"],
        environment=_environment(config, version, root),
        cwd=str(root),
        log_file=str(log_file(root, config.stack, version.revision)),
        ready_url=f"http://{HOST}:{{port}}/health/ready",
        ready_timeout_s=READY_TIMEOUT_S,
        stop_signal="SIGTERM",
        stop_grace_s=DRAIN_S + 5,
        port=0,
    )


def _split_in_use(directory: Path) -> dict[str, int] | None:
    try:
        return read_weights(directory)
    except MachineError as error:
        sentence, _, hint = str(error).partition("\nhint: ")
        raise ConfigError(sentence, hint) from None


def _environment(config: LocalConfig, version: Version, root: Path) -> dict[str, pulumi.Input[str]]:
    routes = version.routes
    environment: dict[str, pulumi.Input[str]] = {
        "PYTHONPATH": str(root),
        "TRIMARAN_HOST": HOST,
        "TRIMARAN_PORT": "{port}",
        "TRIMARAN_REVISION": version.revision,
        "TRIMARAN_ENGINE": routes.engine,
        "TRIMARAN_DATA_DIR": str(root / ".trimaran/data"),
        "TRIMARAN_DRAIN_S": str(DRAIN_S),
        **routes.environment,
        **_backend_keys(routes, os.environ),
    }
    if config.api_keys:
        environment["TRIMARAN_API_KEYS"] = pulumi.Output.secret(config.api_keys.get_secret_value())
    return environment


def _backend_keys(routes: Routes, environ: Mapping[str, str]) -> dict[str, pulumi.Input[str]]:
    """The backends' own keys, handed on from the environment of `up`."""
    missing = [name for name in routes.key_names if not environ.get(name)]
    if missing:
        raise ConfigError(
            f"the routes file takes a key from the environment variable {missing[0]}, which is not set.",
            f"export {missing[0]}=…",
        )
    return {name: pulumi.Output.secret(environ[name]) for name in routes.key_names}
