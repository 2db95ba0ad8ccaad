"""The routes the app runs with on this machine: a file the user names, or ones made from the model's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog.models import EMBEDDED
from stacks.config import ConfigError, Settings, StackConfig
from stacks.targets import nearest

DEFAULT_MODEL = "smollm2-135m-instruct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """What the app is told to serve, and what the deploy must know of it.

    `settings` go into the revision; `key_names` are the environment variables that hold the backends' keys.
    """

    environment: Mapping[str, str]
    settings: Mapping[str, str]
    models: tuple[str, ...]
    embedded: bool
    key_names: tuple[str, ...]

    @property
    def engine(self) -> str:
        """The model server the app starts itself."""
        return "embedded" if self.embedded else "none"


def routes_of(config: StackConfig, root: Path) -> Routes:
    """The routes of a stack on this machine. Raises ConfigError."""
    if config.routes:
        return from_file(root / config.routes, f"./trimaran pulumi config rm trimaran:routes --stack {config.stack}")
    return from_settings(config.settings or Settings(), config.stack)


def from_settings(settings: Settings, stack: str) -> Routes:
    """Routes with one model, `chat`, answered by the embedded engine. Raises ConfigError for a model it has not."""
    model = settings.model or DEFAULT_MODEL
    known = EMBEDDED.get(model)
    if known is None:
        raise ConfigError(
            f"trimaran:settings.model '{model}' is not a model this machine can run."
            f" Known models: {', '.join(EMBEDDED)}.{nearest(model, EMBEDDED)}",
            f"./trimaran pulumi config set --path trimaran:settings.model {DEFAULT_MODEL} --stack {stack}",
        )
    if settings.model_revision not in (None, known.revision):
        raise ConfigError(
            f"trimaran:settings.modelRevision '{settings.model_revision}' of {model} is not installed;"
            f" installed is {known.revision}.",
            f"./trimaran pulumi config set --path trimaran:settings.modelRevision {known.revision} --stack {stack}",
        )
    chat: dict[str, Any] = {"backends": [{"use": "embedded"}]}
    if settings.system_prompt:
        chat["system_prompt"] = settings.system_prompt
    document = {
        "version": 1,
        "backends": {"embedded": {"adapter": "embedded", "model": model, "revision": known.revision}},
        "models": {"chat": chat},
        "default_model": "chat",
    }
    return Routes(
        environment={"TRIMARAN_ROUTES_YAML": yaml.safe_dump(document, sort_keys=False, allow_unicode=True)},
        settings={"model": model, "modelRevision": known.revision, "systemPrompt": settings.system_prompt},
        models=("chat",),
        embedded=True,
        key_names=(),
    )


def from_file(path: Path, remedy: str) -> Routes:
    """Routes that a person wrote; the app checks them in full, here only what a deploy must know is read."""
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
        backends = list(document["backends"].values())
        return Routes(
            environment={"TRIMARAN_ROUTES": str(path)},
            settings={"routes": text},
            models=tuple(document["models"]),
            embedded=any(backend["adapter"] == "embedded" for backend in backends),
            key_names=tuple(sorted({backend["key_env"] for backend in backends if "key_env" in backend})),
        )
    except OSError as error:
        raise ConfigError(f"routes file '{path}' cannot be read: {error.strerror}.", remedy) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"routes file '{path}' is not YAML: {_place(error)}.", f"correct it, or {remedy}") from None
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"routes file '{path}' lacks what every routes file has: backends with an adapter each, and models.",
            f"see docs/interfaces.md, or {remedy}",
        ) from None


def _place(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{getattr(error, 'problem', 'it cannot be read')}, line {mark.line + 1}" if mark else "not UTF-8 text"
