"""Which versions of the app run on this machine: the stable one, and the candidate beside it while a promotion runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from stacks.config import Candidate, ConfigError, ModelSettings
from stacks.local.config import LocalConfig
from stacks.local.routes import Routes, routes_of
from stacks.revision import revision, source_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The source tree with the routes it runs by."""

    routes: Routes
    revision: str


def versions_of(config: LocalConfig, root: Path) -> dict[str, Version]:
    """Side -> version: blue, and green where config has a candidate. Raises ConfigError."""
    return versions_with(config, root, config.candidate)


def versions_with(config: LocalConfig, root: Path, candidate: Candidate | None) -> dict[str, Version]:
    """Side -> version with this candidate, whatever config says. Raises ConfigError."""
    tree = source_tree(root)
    settings = config.settings or ModelSettings()
    blue = _version(config, root, tree, settings, "settings")
    if candidate is None:
        return {"blue": blue}
    remove = f"./trimaran pulumi config rm trimaran:candidate --stack {config.stack}"
    if candidate.image:
        raise ConfigError(
            "trimaran:candidate.image is set, but the target 'local' runs the source tree, not an image.", remove
        )
    over = settings.overlaid(candidate.settings or ModelSettings())
    green = _version(config, root, tree, over, "candidate.settings")
    if green.revision == blue.revision:
        raise ConfigError(
            f"trimaran:candidate is the same as the stable version ({blue.revision}): there is nothing to promote.",
            remove,
        )
    return {"blue": blue, "green": green}


def _version(config: LocalConfig, root: Path, tree: str, settings: ModelSettings, key: str) -> Version:
    routes = routes_of(config, root, settings, key)
    return Version(routes=routes, revision=revision(tree, routes.settings))


def split_of(in_use: Mapping[str, int] | None, sides: Collection[str]) -> dict[str, int]:
    """The weights for these sides that leave the split in use as it is; all to blue where it cannot be kept.

    That is so where nothing is in use yet, and where a side that has traffic is no longer there.
    """
    kept = {side: (in_use or {}).get(side, 0) for side in sides}
    if in_use and sum(kept.values()) == sum(in_use.values()) > 0:
        return kept
    return {side: 100 if side == "blue" else 0 for side in sides}
