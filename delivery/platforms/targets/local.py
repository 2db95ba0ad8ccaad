"""The target `local` as the commands reach it: processes of this machine behind an nginx, and their state beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from delivery import state
from delivery.failure import Failure
from delivery.platforms.files import FileRecords
from delivery.platforms.nginx import NginxTraffic
from delivery.platforms.platform import Address, BlueGreen, BothSides, Deployed, Platform
from providers.machine import ports
from stacks.local.files import log_directory, log_file

if TYPE_CHECKING:
    from stacks.config import Candidate, StackConfig
    from stacks.local.config import LocalConfig

_PROMOTIONS = Path(".trimaran/promotions")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBlueGreen:
    """Two processes side by side."""

    runs_images: bool = False

    def revisions(self, config: StackConfig, root: Path, candidate: Candidate | None) -> Mapping[str, str]:
        from stacks.local.versions import versions_with

        return {
            side: version.revision
            for side, version in versions_with(cast("LocalConfig", config), root, candidate).items()
        }

    def answers_one_at_a_time(self, config: StackConfig, root: Path) -> bool:
        """The embedded model has one engine, in the process of the app."""
        from stacks.local.versions import versions_with

        return bool(versions_with(cast("LocalConfig", config), root, None)["blue"].routes.embedded)

    def traffic(self, outputs: Mapping[str, Any]) -> NginxTraffic:
        return NginxTraffic(Path(outputs["traffic"]["ref"]["config_file"]).parent)

    def both(self, deployed: Deployed) -> BothSides:
        # Parsing Prometheus' text takes a while to import, and most commands never do.
        from delivery.platforms.prometheus import Exposition, PrometheusMetrics

        outputs, expositions = deployed.outputs, deployed.outputs["metrics"]["ref"]
        revisions = {"blue": str(outputs["stable_revision"]), "green": str(outputs["revision"])}
        return BothSides(
            addresses={
                side: Address(url=str(url).removesuffix("/metrics"), key=deployed.key, auth=str(outputs["auth"]))
                for side, url in expositions.items()
            },
            traffic=self.traffic(outputs),
            metrics=PrometheusMetrics(
                {side: Exposition(url=str(url), revision=revisions[side]) for side, url in expositions.items()},
                key=deployed.key,
                memory=deployed.root / _PROMOTIONS / f"{deployed.stack}.counters.json",
            ),
        )

    def records(self, root: Path, stack: str) -> FileRecords:
        return FileRecords(directory=root / _PROMOTIONS, stack=stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlatform:
    """This machine."""

    target: str = "local"
    # What runs on this machine alone keeps no rule of a cloud, and the machine provider leaves nothing half made.
    keeps_policies: bool = False
    leaves_half_made: bool = False
    blue_green: BlueGreen | None = LocalBlueGreen()

    def backend(self, root: Path, environment: Mapping[str, str]) -> dict[str, str]:
        """The state of this directory with its own passphrase, whatever the user has for other things."""
        ours = {name: value for name, value in environment.items() if name != "PULUMI_CONFIG_PASSPHRASE"}
        return {**ours, **state.prepare(root), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}

    def preflight(self, config: StackConfig, outputs: Mapping[str, Any]) -> None:
        """Refuse a port that somebody else has taken."""
        config = cast("LocalConfig", config)
        url = f"http://{ports.LOOPBACK}:{config.port}"
        if outputs.get("url") == url or ports.is_free(ports.LOOPBACK, config.port):
            return
        other = ports.next_free(ports.LOOPBACK, config.port)
        raise Failure(
            f"port {config.port} on {ports.LOOPBACK} is taken by {ports.describe_listener(config.port)}.",
            f"stop it, or: ./trimaran pulumi config set trimaran:port {other} --stack {config.stack}",
        )

    def log_command(self, root: Path, stack: str, outputs: Mapping[str, Any], *, lines: int, follow: bool) -> list[str]:
        """`tail`, which knows rotation and Ctrl-C, on the running revision's log, or on the newest that was left."""
        return ["tail", "-n", str(lines), *(["-F"] if follow else []), str(_log(root, stack, outputs))]

    def log_place(self, root: Path, stack: str, outputs: Mapping[str, Any]) -> str:
        return str(log_file(root, stack, str(outputs["revision"])))


def _log(root: Path, stack: str, outputs: Mapping[str, Any]) -> Path:
    if outputs:
        path = log_file(root, stack, str(outputs["revision"]))
        if not path.exists():
            raise Failure(f"{path} is gone.", f"./trimaran up {stack}")
        return path
    kept = sorted(log_directory(root, stack).glob("app-*.log"), key=lambda each: each.stat().st_mtime)
    if not kept:
        raise Failure(f"stack '{stack}' is not deployed and has left no log.", f"./trimaran up {stack}")
    return kept[-1]


PLATFORM: Platform = LocalPlatform()
