"""When vendors end their models, for whoever routes to one: dated facts from their pages, and which version an alias should be pinned to.

`dates.csv` and `aliases.csv` are what people edit. A model that they do not name has no known end, which does not mean that it has none.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

PLATFORMS = ("openai", "azure_openai", "anthropic", "bedrock", "vertex")
DATES = Path(__file__).with_name("dates.csv")
ALIASES = Path(__file__).with_name("aliases.csv")

# What stands around a model's own name: a cross-region profile's area or an ARN at Bedrock, the publisher or a version at Vertex.
_AROUND = re.compile(r"^(?:.*/)?(?:(?:us|eu|apac|jp|au|ca|us-gov|global)\.(?=[a-z0-9-]+\.))?|@.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """``ends``: the day from which it does not answer. ``announced``: that it is so; else it ends no sooner, and nobody has said when.

    ``as_of``: the text that was read is no older. ``is_quoted``: it was read where others quote the vendor's page, and not on that page.
    """

    platform: str
    model: str
    version: str
    ends: date
    announced: bool
    replacement: str
    as_of: date
    is_quoted: bool
    source: str

    @property
    def name(self) -> str:
        return f"{self.model} ({self.version})" if self.version else self.model

    def days_left(self, today: date) -> int:
        """Negative when it has ended."""
        return (self.ends - today).days

    def sentence(self, today: date) -> str:
        """What a person should know of it."""
        left = self.days_left(today)
        when = f"ends on {self.ends}, in {left} days" if left > 0 else f"ended on {self.ends}"
        instead = f"; its vendor names {self.replacement}" if self.replacement else ""
        seen = "as quoted on" if self.is_quoted else "as of"
        return f"{self.name} on {self.platform} {when}{instead} ({self.source}, {seen} {self.as_of})"


def found(platform: str, model: str, version: str = "") -> Retirement | None:
    """What is known of a model's end. Of a model whose version nobody says, the end of its last one; an alias ends with its version."""
    plain = _AROUND.sub("", model) if platform in ("bedrock", "vertex") else model
    names = {plain, pin(platform, plain)}
    fitting = [
        each for each in all_of(platform) if each.model in names and (not version or each.version in ("", version))
    ]
    return max(fitting, key=lambda each: (each.ends, each.version), default=None)


def retirement(platform: str, model: str, version: str = "") -> date | None:
    """The day from which the model does not answer; None where none is announced that is known here."""
    known = found(platform, model, version)
    return known.ends if known is not None and known.announced else None


def horizon(today: date, *, days: int = 365) -> tuple[Retirement, ...]:
    """What is announced to end within ``days``, the next first."""
    coming = (each for each in _dates() if each.announced and 0 <= each.days_left(today) <= days)
    return tuple(sorted(coming, key=lambda each: (each.ends, each.platform, each.model, each.version)))


def pin(platform: str, model: str) -> str:
    """The version that stands for an alias; empty for what is none, or for one of which no version is known."""
    return _aliases().get((platform, model), "")


def moves(platform: str, model: str) -> bool:
    """Whether the name is an alias, behind which the vendor puts other versions as time goes on."""
    return bool(pin(platform, model)) or model.endswith("-latest")


def all_of(platform: str) -> tuple[Retirement, ...]:
    return tuple(each for each in _dates() if each.platform == platform)


@cache
def _dates() -> tuple[Retirement, ...]:
    with DATES.open(encoding="utf-8", newline="") as file:
        return tuple(
            Retirement(
                platform=row["platform"],
                model=row["model"],
                version=row["version"],
                ends=date.fromisoformat(row["ends"]),
                announced=row["kind"] == "announced",
                replacement=row["replacement"],
                as_of=date.fromisoformat(row["as_of"]),
                is_quoted=row["seen"] == "quoted",
                source=row["source"],
            )
            for row in csv.DictReader(file)
        )


@cache
def _aliases() -> dict[tuple[str, str], str]:
    with ALIASES.open(encoding="utf-8", newline="") as file:
        return {(row["platform"], row["alias"]): row["pin"] for row in csv.DictReader(file)}
