"""This machine's own types: no rule about a cloud can be broken by them."""

from __future__ import annotations

from policies.check import EVERY, Harmless

HARMLESS: tuple[Harmless, ...] = (
    Harmless(
        why="Runs on the machine of whoever deploys it, as that person, and is billed by nobody.",
        types=("machine:index:Process", "machine:index:Proxy"),
        topics=(EVERY,),
    ),
)
