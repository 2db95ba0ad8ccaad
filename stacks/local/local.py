"""The target `local`: the app as a process of this machine, behind an nginx that will split traffic in a promotion."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pulumi

from providers.machine.resources import Process, Proxy
from stacks.config import ConfigError, StackConfig
from stacks.local.files import log_file, proxy_directory
from stacks.local.routes import Routes, routes_of
from stacks.outputs import Outputs, Reference
from stacks.revision import revision, source_tree

HOST = "127.0.0.1"
DRAIN_S = 30
READY_TIMEOUT_S = 60


def deploy(config: StackConfig, root: Path) -> Outputs:
    """Start the app, wait until it is ready, and lead the port to it."""
    _refuse_what_only_clouds_do(config)
    routes = routes_of(config, root)
    name = revision(source_tree(root), routes.settings)
    app = Process(
        # The revision is in the name so that a promoted candidate keeps its process.
        f"app-{name}",
        command=[str(root / ".venv/bin/python"), "-m", "app.main"],
        environment=_environment(config, routes, root, name),
        cwd=str(root),
        log_file=str(log_file(root, config.stack, name)),
        ready_url=f"http://{HOST}:{{port}}/health/ready",
        ready_timeout_s=READY_TIMEOUT_S,
        stop_signal="SIGTERM",
        stop_grace_s=DRAIN_S + 5,
        port=0,
    )
    proxy = Proxy(
        "proxy",
        host=HOST,
        port=config.port,
        directory=str(proxy_directory(root, config.stack)),
        upstreams={"blue": pulumi.Output.format("{0}:{1}", HOST, app.port)},
        weights={"blue": 100},
        test_upstream="",
    )
    return Outputs(
        target=config.target,
        environment=config.environment,
        region="local",
        url=proxy.url,
        test_url=proxy.test_url,
        image="",
        models=routes.models,
        revision=name,
        stable_revision=name,
        auth="none",
        metrics=Reference(kind="prometheus", ref={"blue": pulumi.Output.concat(app.url, "/metrics")}),
        traffic=Reference(kind="nginx", ref={"config_file": proxy.config_file}),
        api_key_ref="config:trimaran:apiKeys" if config.api_keys else "",
    )


def _environment(config: StackConfig, routes: Routes, root: Path, revision: str) -> dict[str, pulumi.Input[str]]:
    environment: dict[str, pulumi.Input[str]] = {
        "PYTHONPATH": str(root),
        "TRIMARAN_HOST": HOST,
        "TRIMARAN_PORT": "{port}",
        "TRIMARAN_REVISION": revision,
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


def _refuse_what_only_clouds_do(config: StackConfig) -> None:
    if config.image:
        raise ConfigError(
            "trimaran:image is set, but the target 'local' runs the source tree, not an image.",
            f"./trimaran pulumi config rm trimaran:image --stack {config.stack}",
        )
    if config.candidate:
        raise ConfigError(
            "trimaran:candidate is set, but a candidate is written by `promote` only.",
            f"./trimaran pulumi config rm trimaran:candidate --stack {config.stack}",
        )
