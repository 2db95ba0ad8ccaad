"""Where Bedrock's own inference profiles lead: by a profile's id and the region it is called from, the regions that may answer.

Every row of AWS's table reads alike: a geography's profile leads to the regions of its line and to the one that it is called from.
A profile whose rows read otherwise, or that is not in the table, is not here: who names it says its regions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

CHECKED = "2026-12-01"
# A geography's list never changes, says that page; new regions come with new profiles. A global one grows.
SOURCE = (
    "docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html, tables of source and destination regions"
    " (public copy)"
)
_ID = re.compile(r"(?P<geography>us-gov|us|eu|apac|jp|au|ca|global)\.(?P<model>.+)")
# What a vendor calls a model: `amazon.nova-lite-v1:0`, `zai.glm-4.7`.
_MODEL = re.compile(r"[a-z][a-z0-9]*\.[a-z][a-z0-9.:-]*")
# A name before a vendor's and a model's. A version may have a dot, too, but begins with a digit.
_PREFIXED = re.compile(r"(?P<geography>[a-z0-9-]+)\.[a-z][a-z0-9]*\.[a-z].*")
# They answer with vectors or ranks, and not in words (docs.aws.amazon.com/bedrock, models-supported, output modalities).
_WORDLESS = re.compile(r"embed|rerank")
GLOBAL = "global"
# Where the regions of a geography's callers begin; some of its profiles are called from its neighbour, too.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "us-gov": ("us-gov-",),
    "us": ("us-", "ca-"),
    "ca": ("ca-",),
    "eu": ("eu-",),
    "apac": ("ap-",),
    "jp": ("ap-",),
    "au": ("ap-",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leads:
    """`to` may answer whoever calls from one of `sources`, and so may the caller's own region."""

    to: tuple[str, ...]
    sources: tuple[str, ...]


_US = ("us-east-1", "us-east-2", "us-west-2")
_EU = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")
_EU_FOUR = ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3")
_APAC_SIX = ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2")
_AU = ("ap-southeast-2", "ap-southeast-4")
_CA = ("ca-central-1", "ca-west-1")
# Nova of the first generation can be called from Osaka through no profile, though it may answer there.
_APAC_NOVA = Leads(to=_APAC_SIX, sources=tuple(each for each in _APAC_SIX if each != "ap-northeast-3"))
_EU_NOVA = Leads(to=_EU_FOUR, sources=(*_EU_FOUR, "eu-south-1", "eu-south-2"))
_US_AND_CALIFORNIA = Leads(to=_US, sources=(*_US, "us-west-1"))
_US_ALONE = Leads(to=_US, sources=_US)
_US_CLAUDE = Leads(to=_US, sources=(*_US, "us-west-1", "ca-central-1"))
_EU_CLAUDE = Leads(to=_EU, sources=(*_EU, "eu-central-2", "eu-west-2"))
_AU_CLAUDE = Leads(to=_AU, sources=_AU)

PROFILES: Mapping[str, Leads] = {
    "us.amazon.nova-2-lite-v1:0": Leads(to=_US, sources=(*_US, "us-west-1", *_CA)),
    "us.amazon.nova-lite-v1:0": _US_AND_CALIFORNIA,
    "us.amazon.nova-micro-v1:0": _US_ALONE,
    "us.amazon.nova-premier-v1:0": _US_ALONE,
    "us.amazon.nova-pro-v1:0": _US_AND_CALIFORNIA,
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": _US_CLAUDE,
    "us.anthropic.claude-opus-4-5-20251101-v1:0": _US_CLAUDE,
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": _US_CLAUDE,
    "us.anthropic.claude-opus-4-1-20250805-v1:0": _US_ALONE,
    "us.meta.llama4-maverick-17b-instruct-v1:0": _US_AND_CALIFORNIA,
    "us.meta.llama4-scout-17b-instruct-v1:0": _US_AND_CALIFORNIA,
    "us.deepseek.r1-v1:0": _US_ALONE,
    "eu.amazon.nova-2-lite-v1:0": Leads(to=_EU, sources=_EU),
    "eu.amazon.nova-lite-v1:0": _EU_NOVA,
    "eu.amazon.nova-micro-v1:0": _EU_NOVA,
    "eu.amazon.nova-pro-v1:0": _EU_NOVA,
    "eu.anthropic.claude-haiku-4-5-20251001-v1:0": _EU_CLAUDE,
    "eu.anthropic.claude-opus-4-5-20251101-v1:0": _EU_CLAUDE,
    "eu.anthropic.claude-sonnet-4-5-20250929-v1:0": _EU_CLAUDE,
    "apac.amazon.nova-lite-v1:0": _APAC_NOVA,
    "apac.amazon.nova-micro-v1:0": _APAC_NOVA,
    "apac.amazon.nova-pro-v1:0": _APAC_NOVA,
    "au.anthropic.claude-haiku-4-5-20251001-v1:0": _AU_CLAUDE,
    "au.anthropic.claude-sonnet-4-5-20250929-v1:0": _AU_CLAUDE,
    "ca.amazon.nova-lite-v1:0": Leads(to=_CA, sources=_CA),
}


def geography_of(model: str) -> str:
    """The geography whose regions answer for an id: `us`, `eu`, `global`, …; empty for a model of one region."""
    found = _ID.fullmatch(model)
    return found["geography"] if found else ""


def model_of(model: str) -> str:
    """The id of the foundation model that an id leads to: that of the model itself, or of a profile."""
    found = _ID.fullmatch(model)
    return found["model"] if found else model


def is_chat_model(model: str) -> bool:
    """Whether an id can be that of a model that answers in words, or of a profile that leads to one."""
    name = model_of(model)
    return bool(_MODEL.fullmatch(name)) and not _WORDLESS.search(name) and not geography_of(f"{name}.")


def unknown_geography(model: str) -> str:
    """What stands in an id where a geography would, and is none that is known here; empty for every other id."""
    found = _PREFIXED.fullmatch(model)
    return found["geography"] if found and not geography_of(model) else ""


def is_far(model: str, source: str) -> bool:
    """Whether a profile is certainly of another part of the world than the region that it is to be called from."""
    geography, near = geography_of(model), _part_of(source)
    return geography in _PARTS and bool(near) and near not in _PARTS[geography]


def _part_of(region: str) -> str:
    """The beginning of a region's name by which a geography is told; empty where no geography has a claim to it."""
    return next((each for each in ("us-gov-", "us-", "eu-", "ap-", "ca-") if region.startswith(each)), "")


def callable_as(model: str, source: str) -> str:
    """The id by which a profile's model can be called from a region: a profile there, or the model itself."""
    found = model_of(model)
    return next((id_ for id_, leads in PROFILES.items() if model_of(id_) == found and source in leads.sources), found)


def regions_of(model: str, source: str) -> tuple[str, ...] | None:
    """The regions that may answer for an id that is called from `source`; None where nobody here knows.

    Those of a global profile are all commercial ones, a list that grows: None as well.
    """
    if unknown_geography(model):
        return None
    if not geography_of(model):
        return (source,)
    leads = PROFILES.get(model)
    if leads is None or source not in leads.sources:
        return None
    return tuple(sorted({*leads.to, source}))
