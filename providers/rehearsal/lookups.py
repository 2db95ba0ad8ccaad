"""Answers a program's look-ups from the package's dated table; what only depends on its arguments is worked out."""

from __future__ import annotations

import fnmatch
import json

from providers.rehearsal.cloud import RehearsedCloud
from providers.rehearsal.findings import nearest
from providers.rehearsal.invention import Inventor
from providers.rehearsal.values import Properties, plain


class UnexpectedLookup(Exception):
    """A look-up that nothing has an answer for."""


def answer(cloud: RehearsedCloud, token: str, arguments: Properties, inventor: Inventor) -> Properties:
    """What the cloud would answer. Raises UnexpectedLookup."""
    arguments = plain(arguments)
    worked_out = cloud.worked_out(token, arguments)
    if worked_out is not None:
        return {**arguments, **worked_out}
    for entry in cloud.lookups.get(token, ()):
        if all(fnmatch.fnmatch(str(arguments.get(name, "")), each) for name, each in entry.get("when", {}).items()):
            return {**arguments, **inventor.filled(entry["answer"], token, arguments)}
    tokens = [each for each in cloud.lookups if each != "checked"]
    known = " with these arguments" if token in tokens else nearest(token, tokens)
    given = json.dumps(arguments, default=str)
    raise UnexpectedLookup(
        f"{token} has no rehearsed answer{known} for {given}. "
        f"Add one to catalog/rehearsal/{cloud.name}/lookups.toml, or take the value from config."
    )
