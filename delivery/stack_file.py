"""A stack's config file, Pulumi.<stack>.yaml: the user's own, made from its example, read and checked before the engine starts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from delivery.failure import ExitCode, Failure
from stacks.targets import TARGETS, named_in

if TYPE_CHECKING:
    from stacks.config import StackConfig

DIRECTORY = Path("stacks/environments")
NAMESPACE = "trimaran"

_Kind = TypeVar("_Kind", bound="StackConfig")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What a file says: `config` by the keys as they are written there; a tied file holds the salt of a passphrase."""

    config: Mapping[str, Any]
    is_tied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFile:
    """The config file of one stack."""

    root: Path
    stack: str

    @property
    def path(self) -> Path:
        return self.root / DIRECTORY / f"Pulumi.{self.stack}.yaml"

    @property
    def example(self) -> Path:
        return self.root / DIRECTORY / f"Pulumi.{self.stack}.example.yaml"

    @property
    def example_runs(self) -> bool:
        """Whether the example runs as it is: that of a stack on this machine does."""
        target = TARGETS.get(self.target())
        return target is not None and target.is_here

    def ensure(self) -> bool:
        """Make the file from its example where only that is there; True when it was made.

        A cloud's example names accounts and images that are nobody's: it is for a person to copy. Raises Failure.
        """
        if self.path.exists() or not self.example.exists():
            return False
        if not self.example_runs:
            example, path = (each.relative_to(self.root) for each in (self.example, self.path))
            raise Failure(
                f"stack '{self.stack}' has no config of its own yet, only an example.",
                f"cp {example} {path}, then write into it what is yours",
                ExitCode.USAGE,
            )
        scratch = self.path.with_suffix(".new")
        shutil.copyfile(self.example, scratch)
        os.replace(scratch, self.path)
        return True

    @contextmanager
    def to_read(self) -> Iterator[Path]:
        """The file that a plan reads: the user's own, and where there is none a copy of its example.

        A copy, for the engine writes into a config that it is given.
        """
        if self.path.exists() or not self.example.exists():
            yield self.path
            return
        with TemporaryDirectory(prefix="trimaran-example-") as directory:
            yield Path(shutil.copy(self.example, directory))

    def planned(self) -> Mapping[str, Any]:
        """The config that a plan reads, by the keys as they are written there. Raises Failure, where there is none too."""
        path = self.path if self.path.exists() else self.example
        if not path.exists():
            raise Failure(
                f"stack '{self.stack}' has no config: neither {self.path.name} nor {self.example.name} is in"
                f" {DIRECTORY.name}/.",
                f"write {self.path}; docs/targets/ explains its keys",
                ExitCode.USAGE,
            )
        return self._document(path).config

    def target(self) -> str:
        """The target, from the file where it says one, else from the stack's name."""
        return str(self._document().config.get(f"{NAMESPACE}:target") or named_in(self.stack)[0])

    def parse(self) -> StackConfig:
        """The checked configuration. Raises Failure with exit code 2."""
        from stacks.config import ConfigError
        from stacks.parsing import parse

        raw, encrypted = self._flat()
        try:
            return parse(raw, self.stack, secret_keys={_key_of(each) for each in encrypted}, encrypted=encrypted)
        except ConfigError as error:
            raise Failure(error.sentence, error.hint, ExitCode.USAGE) from None

    def parse_as(self, kind: type[_Kind]) -> _Kind:
        """The checked configuration of a stack that must be of this kind. Raises Failure for another one."""
        config = self.parse()
        if not isinstance(config, kind):
            fitting = [name for name, target in TARGETS.items() if issubclass(target.config_type(), kind)]
            raise Failure(
                f"target '{config.target}' cannot do that; targets that can: {', '.join(fitting)}.",
                "name a stack of one of them",
                ExitCode.USAGE,
            )
        return config

    def has_secrets(self) -> bool:
        """Whether a value in the file is encrypted."""
        return bool(self._flat()[1])

    def forget_salt(self) -> None:
        """Drop the salt of a passphrase that is gone; the engine writes a new one."""
        from delivery.yaml_text import edited

        scratch = self.path.with_suffix(".new")
        scratch.write_bytes(edited(self.path.read_bytes().decode(), ("encryptionsalt",), None).encode())
        os.replace(scratch, self.path)

    def has_salt(self) -> bool:
        """Whether the engine has tied the file to a passphrase."""
        return self._document().is_tied

    def write(self, changes: Mapping[str, Any]) -> None:
        """Set keys of ours (`settings.model`), or take those with None out: all in one step, the rest as it is written."""
        from delivery.yaml_text import edited

        self._document()  # a file that is not YAML is told first
        text = self.path.read_bytes().decode() if self.path.exists() else ""
        for path, value in changes.items():
            key, *inner = path.split(".")
            text = edited(text, ("config", self._written_as(key), *inner), value)
        scratch = self.path.with_suffix(".new")
        scratch.write_bytes(text.encode())
        os.replace(scratch, self.path)

    def adopt_candidate(self) -> None:
        """Make the candidate the stable version, in one step; without a candidate nothing happens."""
        config = self._document().config
        candidate = config.get(self._written_as("candidate"))
        if not candidate:
            return
        stable, settings = config.get(self._written_as("settings")) or {}, candidate.get("settings") or {}
        changes: dict[str, Any] = {f"settings.{name}": value for name, value in settings.items()}
        if settings.get("model") not in (None, stable.get("model")):
            changes.setdefault("settings.modelRevision", None)
        if candidate.get("image"):
            changes["image"] = candidate["image"]
        self.write({**changes, "candidate": None})

    def _written_as(self, key: str) -> str:
        """A key of ours as the file spells it: the engine takes it without the namespace too."""
        return key if key in self._document().config else f"{NAMESPACE}:{key}"

    def _flat(self) -> tuple[dict[str, str], list[str]]:
        """The config as the engine hands it to a program: full keys, texts, maps as JSON; and the places of encrypted values.

        One stands as a text that is valid for a key that is meant to be secret, since only the engine can read it.
        """
        raw: dict[str, str] = {}
        encrypted: list[str] = []
        for name, value in self._document().config.items():
            key = full_key(name)
            encrypted += encrypted_in(value, key)
            if is_encrypted(value):
                raw[key] = "encrypted=encrypted"
            elif isinstance(value, bool | dict | list):
                raw[key] = json.dumps(value, default=str)
            else:
                raw[key] = "" if value is None else str(value)
        return raw, encrypted

    def _document(self, path: Path | None = None) -> _Document:
        """What the stack's own file says, or another one; nothing where it is not there. Raises Failure for one that
        cannot be read, with none of its values: one may be secret.
        """
        from delivery.yaml_text import NotYaml, loaded

        path = path or self.path
        shown = path.relative_to(self.root)
        remedy = f"correct it, or start again from {self.example.name}"
        try:
            document = loaded(path.read_text(encoding="utf-8")) or {}
        except FileNotFoundError:
            return _Document(config={}, is_tied=False)
        except OSError as error:
            raise Failure(f"{shown} cannot be read: {error.strerror}.", f"ls -l {shown}", ExitCode.USAGE) from None
        except UnicodeDecodeError:
            raise Failure(f"{shown} is not YAML: it is not UTF-8.", remedy, ExitCode.USAGE) from None
        except NotYaml as error:
            raise Failure(f"{shown} is not YAML{error}.", remedy, ExitCode.USAGE) from None
        config = (document.get("config") or {}) if isinstance(document, dict) else None
        if not isinstance(config, dict):
            raise Failure(f"{shown} must be a map with a map `config`.", remedy, ExitCode.USAGE)
        return _Document(
            config={str(key): value for key, value in config.items()}, is_tied="encryptionsalt" in document
        )


def full_key(key: str) -> str:
    """A config key with its namespace, which is ours where the file gives none."""
    return key if ":" in key else f"{NAMESPACE}:{key}"


def is_encrypted(value: object) -> bool:
    """Whether a value stands encrypted in a config file."""
    return isinstance(value, dict) and set(value) == {"secure"}


def encrypted_in(value: object, place: str) -> Iterator[str]:
    """The places of encrypted values in one, as the engine's `--path` has them."""
    if is_encrypted(value):
        yield place
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from encrypted_in(item, f"{place}.{key}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from encrypted_in(item, f"{place}[{at}]")


def _key_of(place: str) -> str:
    return place.partition(".")[0].partition("[")[0]
