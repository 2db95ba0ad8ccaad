"""Whether environment variables show a secret, whatever cloud sets them: told by their names and by their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from plan.inputs import NotKnown
from plan.tokens import is_unknown

_SECRET_WORDS = {"KEY", "KEYS", "TOKEN", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "CREDENTIALS"}
# A name that ends so says where a secret is, not what it is.
_REFERENCES = ("_FILE", "_PATH", "_ARN", "_NAME", "_ID", "_URL", "_PARAMETER", "_ENV")
_SECRET_VALUES = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[A-Z0-9]{16}|-----BEGIN [A-Z ]*PRIVATE KEY"
    # The scheme as RFC 3986 has it: `postgresql+psycopg2` is one; a password may hold a colon.
    r"|[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"
)


def exposed(variables: Mapping[str, str], where: str) -> Iterator[str]:
    """A sentence for each variable with a secret in plain sight; never the value. Raises NotKnown."""
    undecided = []
    for name, value in variables.items():
        named_secret = bool(_SECRET_WORDS & set(name.upper().split("_"))) and not name.upper().endswith(_REFERENCES)
        if is_unknown(value):
            undecided += [name] * named_secret
        elif (named_secret and not _is_harmless(value)) or _SECRET_VALUES.search(value):
            yield f"{where} has a readable value in {name}."
    if undecided:
        raise NotKnown(f"{undecided[0]} in {where} is not known before the first `up`")


def _is_harmless(value: str) -> bool:
    """Whether a value is a switch or a number, whatever its name says."""
    return value.strip().lower() in ("", "true", "false", "yes", "no", "none") or bool(re.fullmatch(r"[\d.]+", value))
