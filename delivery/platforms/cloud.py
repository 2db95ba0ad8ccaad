"""What the targets of the clouds have in common: their state is where the user is logged in, and only the engine reaches them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery.failure import ExitCode, Failure
from delivery.platforms.platform import BlueGreen

if TYPE_CHECKING:
    from stacks.config import StackConfig

_LOGIN = "./trimaran pulumi login s3://<bucket>   (or gs://…, azblob://…, or nothing for Pulumi Cloud)"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudPlatform:
    """One target of a cloud. `logs_hint` is a command of the cloud's own that shows the app's logs."""

    target: str
    logs_hint: str = ""
    keeps_policies: bool = True
    leaves_half_made: bool = True
    blue_green: BlueGreen | None = None

    def backend(self, root: Path, environment: Mapping[str, str]) -> dict[str, str]:
        backend = logged_in_at(environment)
        if not backend:
            raise Failure(
                f"target '{self.target}' keeps its state where you are logged in, and you are not logged in.", _LOGIN
            )
        if backend.startswith("file://"):
            raise Failure(
                f"target '{self.target}' would keep its state in a local directory ({backend}), which is lost with this"
                " machine.",
                _LOGIN,
            )
        return dict(environment)

    def preflight(self, config: StackConfig, outputs: Mapping[str, Any]) -> None:
        """Refuses nothing: a cloud's limits are known to the cloud alone."""

    def log_command(self, root: Path, stack: str, outputs: Mapping[str, Any], *, lines: int, follow: bool) -> list[str]:
        raise Failure(
            f"target '{self.target}' keeps its logs in its cloud, where nothing here reads them yet.",
            self.logs_hint.format(stack=stack, region=outputs.get("region", "REGION")),
            ExitCode.USAGE,
        )

    def log_place(self, root: Path, stack: str, outputs: Mapping[str, Any]) -> str:
        return ""


def logged_in_at(environment: Mapping[str, str]) -> str:
    """The backend that the user's `pulumi` keeps state in; empty where nobody is logged in."""
    if environment.get("PULUMI_BACKEND_URL"):
        return environment["PULUMI_BACKEND_URL"]
    home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        return str(json.loads((home / "credentials.json").read_text()).get("current") or "")
    except (OSError, ValueError):
        return ""
