"""The clouds there are: what their Pulumi packages are called and how a resource says where it is. One row a cloud, for every part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One cloud. `name` is that of its folders; `packages` are Pulumi's, each the beginning of its resources' types.

    `region_keys` are the config keys that say a stack's region; `region_inputs` the inputs by which a resource or its
    provider says its own, or a zone of it, which ends in `zone_suffix`, a pattern. A cloud without region keys has no
    regions. `usual_region` is what messages and commands give as an example. `same_types` are other tokens, or
    beginnings of tokens, that an SDK has for one type.
    """

    name: str
    packages: tuple[str, ...]
    region_keys: tuple[str, ...] = ()
    region_inputs: tuple[str, ...] = ()
    zone_suffix: str = ""
    usual_region: str = ""
    same_types: Mapping[str, str] = field(default_factory=dict)


# Config keys and inputs are those of the packages' own pages in Pulumi's registry, read 2026-11-30.
CLOUDS: Mapping[str, Cloud] = {
    each.name: each
    for each in (
        Cloud(
            name="aws",
            packages=("aws",),
            region_keys=("aws:region",),
            region_inputs=("region",),
            usual_region="us-east-1",
            same_types={"aws:alb/": "aws:lb/", "aws:s3/bucketV2:BucketV2": "aws:s3/bucket:Bucket"},
        ),
        Cloud(
            name="gcp",
            packages=("gcp",),
            region_keys=("gcp:region",),
            region_inputs=("region", "location", "zone"),
            zone_suffix=r"-[a-z]",
            usual_region="us-central1",
        ),
        Cloud(
            name="azure",
            packages=("azure-native",),
            region_keys=("azure-native:location",),
            region_inputs=("location",),
            usual_region="eastus",
        ),
        Cloud(name="kubernetes", packages=("kubernetes",)),
        Cloud(name="local", packages=("machine",)),
    )
}


@cache
def cloud_of_type(type_: str) -> Cloud | None:
    """The cloud that a resource of a type is in; None for a package that no row names."""
    package = type_.partition(":")[0]
    return next((each for each in CLOUDS.values() if package in each.packages), None)


@cache
def known_as(type_: str) -> str:
    """The one token by which tables name a type."""
    cloud = cloud_of_type(type_)
    for other, ours in (cloud.same_types if cloud else {}).items():
        if type_.startswith(other):
            return ours + type_.removeprefix(other)
    return type_


def also_known_as(type_: str) -> tuple[str, ...]:
    """Every token of a type, the one by which tables name it first."""
    cloud = cloud_of_type(type_)
    same = (cloud.same_types if cloud else {}).items()
    return (type_, *(other + type_.removeprefix(ours) for other, ours in same if type_.startswith(ours)))
