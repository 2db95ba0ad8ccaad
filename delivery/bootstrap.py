"""`bootstrap CLOUD`: the home of the stacks' state and of the key that encrypts their secrets, made once for an account.

Without `--yes` it only says what it would do. It can be run again at any time: what is there stays, what differs is corrected.
"""

from __future__ import annotations

from catalog.clouds import CLOUDS
from delivery.clouds.support import Part, StateHome, names, support_of, supported
from delivery.failure import ExitCode, Failure
from delivery.terminal import data, say, table

_TO_BE_MADE = "would be made"


def bootstrap(cloud: str, region: str, bucket: str, *, yes: bool) -> None:
    """Make, or without `yes` announce, what is missing; print the commands that come next. Raises Failure.

    An empty region is the cloud's usual one, an empty bucket one that is called after the account.
    """
    home = _home(cloud, region, bucket)
    states = [(part.name, _ensured(part, yes=yes)) for part in home.parts]
    table(("part", "state"), states)
    if any(state == _TO_BE_MADE for _, state in states):
        say(f"\nnothing was changed; make it with: ./trimaran bootstrap {cloud} --yes")
        return
    say("\nnext:")
    for command in home.next_commands:
        data(command)


def _ensured(part: Part, *, yes: bool) -> str:
    """Make a part that is missing, with `yes` only; its state in a word."""
    if part.is_there():
        return "there"
    if not yes:
        return _TO_BE_MADE
    part.make()
    return "made"


def _home(cloud: str, region: str, bucket: str) -> StateHome:
    make = support_of(cloud).state_home if cloud in names() else None
    if make is None:
        known = next(each.name for each in supported() if each.state_home)
        raise Failure(f"there is no bootstrap for '{cloud}'.", f"./trimaran bootstrap {known}", ExitCode.USAGE)
    return make(region or CLOUDS[cloud].usual_region, bucket)
