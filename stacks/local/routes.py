"""The routes the app runs with on this machine: a file the user names, or ones made from the model's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from catalog.models import EMBEDDED
from stacks.config import ConfigError, ModelSettings
from stacks.local import routes_file
from stacks.local.config import LocalConfig
from stacks.local.overlay import Source, overlay_of
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


def routes_of(config: LocalConfig, root: Path, settings: ModelSettings, key: str) -> Routes:
    """The routes of a version with these settings, which stand under `trimaran:<key>`. Raises ConfigError."""
    if config.routes:
        remedy = f"./trimaran pulumi config rm trimaran:routes --stack {config.stack}"
        return from_file(root / config.routes, remedy, settings, key, config.stack)
    return from_settings(settings, config.stack, key)


def from_settings(settings: ModelSettings, stack: str, key: str = "settings") -> Routes:
    """Routes with one model, `chat`, answered by the embedded engine. Raises ConfigError for a model it has not."""
    model = settings.model or DEFAULT_MODEL
    known = EMBEDDED.get(model)
    if known is None:
        raise ConfigError(
            f"trimaran:{key}.model '{model}' is not a model this machine can run."
            f" Known models: {', '.join(EMBEDDED)}.{nearest(model, EMBEDDED)}",
            f"./trimaran pulumi config set --path trimaran:{key}.model {DEFAULT_MODEL} --stack {stack}",
        )
    if settings.model_revision not in (None, known.revision):
        raise ConfigError(
            f"trimaran:{key}.modelRevision '{settings.model_revision}' of {model} is not installed;"
            f" installed is {known.revision}.",
            f"./trimaran pulumi config set --path trimaran:{key}.modelRevision {known.revision} --stack {stack}",
        )
    system_prompt = settings.system_prompt or ""
    chat: dict[str, Any] = {"backends": [{"use": "embedded"}]}
    if system_prompt:
        chat["system_prompt"] = system_prompt
    document = {
        "version": 1,
        "backends": {"embedded": {"adapter": "embedded", "model": model, "revision": known.revision}},
        "models": {"chat": chat},
        "default_model": "chat",
    }
    return Routes(
        environment={"TRIMARAN_ROUTES_YAML": _dumped(document)},
        settings={"model": model, "modelRevision": known.revision, "systemPrompt": system_prompt},
        models=("chat",),
        embedded=True,
        key_names=(),
    )


def from_file(
    path: Path, remedy: str, settings: ModelSettings | None = None, key: str = "settings", stack: str = "local"
) -> Routes:
    """Routes that a person wrote, with settings laid over them. Raises ConfigError.

    The app checks the file in full; here only what a deploy must know is read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        file = routes_file.read(yaml.safe_load(text))
    except OSError as error:
        raise ConfigError(f"routes file '{path}' cannot be read: {error.strerror}.", remedy) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"routes file '{path}' is not YAML: {_place(error)}.", f"correct it, or {remedy}") from None
    except routes_file.KeyGiven as error:
        raise ConfigError(
            f"routes file '{path}': key_env of backend '{error}' is the name of a variable, such as OPENAI_API_KEY, not a key.",
            f"put the key into a variable and its name into the file, or {remedy}",
        ) from None
    except ValueError:  # PyYAML's, of a date that does not exist
        raise ConfigError(
            f"routes file '{path}' is not YAML: a value is not what it looks like, such as a date.",
            f"put it in quotation marks, or {remedy}",
        ) from None
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"routes file '{path}' lacks what every routes file has: backends with an adapter each, and models.",
            f"see docs/interfaces.md, or {remedy}",
        ) from None
    routes = Routes(
        environment={"TRIMARAN_ROUTES": str(path)},
        settings={"routes": text},
        models=tuple(file.prompts),
        embedded="embedded" in file.adapters,
        key_names=file.key_names,
    )
    overlay = overlay_of(file, settings or ModelSettings(), Source(path=path, key=key, stack=stack))
    if overlay is None:
        return routes
    document = routes_file.with_default(file, overlay.model, overlay.system_prompt)
    return replace(
        routes,
        # As text: the file itself, which the app would read again when it changes, says something else.
        environment={"TRIMARAN_ROUTES_YAML": _dumped(document)},
        settings={**routes.settings, "model": overlay.model, "systemPrompt": overlay.system_prompt},
    )


def _dumped(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _place(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{getattr(error, 'problem', 'it cannot be read')}, line {mark.line + 1}" if mark else "not UTF-8 text"
