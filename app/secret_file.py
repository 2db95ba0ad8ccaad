"""Secrets that stand in files, as containers get them: one in each, read where it is needed and quoted nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class SecretFileError(ValueError):
    """A file without a secret that can be used; the text names the variable and the file."""


def secret_of(variable: str, environment: Mapping[str, str]) -> str:
    """The secret in ``variable``, or in the file that ``variable`` with `_FILE` behind it names; empty where neither is set. Raises
    SecretFileError, also where both are.
    """
    secret, file = environment.get(variable, "").strip(), environment.get(f"{variable}_FILE", "")
    if secret and file:
        raise SecretFileError(f"{variable} and {variable}_FILE are both set, and one would be ignored: unset one")
    return read_secret(f"{variable}_FILE", Path(file)) if file else secret


def read_secret(variable: str, file: Path) -> str:
    """The secret in ``file``, which ``variable`` names, without the space around it. Raises SecretFileError."""
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SecretFileError(f"{variable}={file} cannot be read: {why}") from None
    if not secret:
        raise SecretFileError(f"{variable}={file} is an empty file: write the secret into it")
    return secret
