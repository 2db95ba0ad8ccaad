"""What a Bedrock model id says of its model, by dated tables: the family decides what of a request the model may get."""

from __future__ import annotations

import re
from enum import StrEnum

from app.inference import anthropic
from app.logic.routes import Continuation

# `us.anthropic.claude-haiku-4-5-20251001-v1:0`: an inference profile's region, the vendor, the model; in an ARN behind the last slash
# (docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html, checked 2026-12-01).
_ID = re.compile(r"(?:.*/)?(?:[a-z]{2,6}(?:-[a-z]+)?\.)?(?P<vendor>[a-z0-9]+)\.(?P<model>[a-z0-9][a-z0-9._:-]*)", re.S)

# Claude before 4.5 answers a `disable_parallel_tool_use` with an error (anthropics/anthropic-sdk-python 739, BerriAI/litellm 34347,
# read 2026-12-01).
_ALWAYS_PARALLEL = (
    "claude-2",
    "claude-v2",
    "claude-instant",
    "claude-3",
    "claude-opus-4-2",
    "claude-sonnet-4-2",
    "claude-opus-4-1",
)


class Family(StrEnum):
    CLAUDE = "claude"
    NOVA = "nova"
    NOVA_2 = "nova_2"
    GPT_OSS = "gpt_oss"
    OTHER = "other"  # the id of an application's own profile does not tell it


_FAMILIES = (
    ("anthropic", "claude", Family.CLAUDE),
    ("amazon", "nova-2", Family.NOVA_2),
    ("amazon", "nova", Family.NOVA),
    ("openai", "gpt-oss", Family.GPT_OSS),
)


_ARN = re.compile(r"arn:(?P<partition>[a-z-]+):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):\d*:.+")
_APART = ("us-iso", "eu-iso", "eusc-")  # partitions whose names are not checked
_CALLABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:/._-]*")
# By what an inference profile's id begins with, the beginnings of regions from which it is surely not called
# (docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html, checked 2026-12-01).
_OUTSIDE = {
    "us": ("eu-", "ap-"),
    "eu": ("us-", "ca-", "sa-", "ap-"),
    "apac": ("us-", "ca-", "sa-", "eu-"),
    "jp": ("us-", "ca-", "sa-", "eu-"),
    "au": ("us-", "ca-", "sa-", "eu-"),
}


def unfit(id: str, region: str) -> str:
    """Why ``id`` cannot be called in ``region``, which may be empty; empty where it may be."""
    if not _CALLABLE.fullmatch(id):
        return "is no model's id: it has letters, digits and : / . _ - alone"
    if id.startswith("arn:"):
        found = _ARN.fullmatch(id)
        if found is None or found["service"] != "bedrock":
            return "is no ARN of Bedrock's"
        partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
        if region and (
            found["region"] != region or (found["partition"] != partition and not region.startswith(_APART))
        ):
            return f"is not in region {region}"
        return ""
    geography = id.partition(".")[0]
    return (
        f"is not called from region {region}" if region and region.startswith(_OUTSIDE.get(geography, ("-",))) else ""
    )


def family(id: str) -> Family:
    vendor, model = _parts(id)
    return next((to for of, name, to in _FAMILIES if vendor == of and model.startswith(name)), Family.OTHER)


def model(id: str) -> str:
    """The model's name at its vendor: what Anthropic's own API calls Claude."""
    return _parts(id)[1]


def caches(id: str) -> bool:
    """Whether the model takes marks of what to keep in its cache (userguide/prompt-caching.html, checked 2026-12-01); others refuse them."""
    return family(id) in (Family.CLAUDE, Family.NOVA, Family.NOVA_2)


def switches_parallel_calls(id: str) -> bool:
    """Whether the model can be told to call one tool at a time."""
    return family(id) is Family.CLAUDE and not model(id).startswith(_ALWAYS_PARALLEL)


def continuation(id: str) -> Continuation:
    """How the model takes up an answer that was cut. Claude as at Anthropic; of others it is not known that they do."""
    return anthropic.continuation(model(id)) if family(id) is Family.CLAUDE else "instruct"


def _parts(id: str) -> tuple[str, str]:
    found = _ID.fullmatch(id)
    return (found["vendor"], found["model"]) if found else ("", id)
