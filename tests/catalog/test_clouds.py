"""The table of clouds: a type is found in it, and nothing is taken for a cloud that is none."""

from __future__ import annotations

import pytest

from catalog.clouds import CLOUDS, Cloud, cloud_of_type, known_as


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("aws:ec2/vpc:Vpc", "aws"),
        ("gcp:cloudrunv2/service:Service", "gcp"),
        ("azure-native:app:ContainerApp", "azure"),
        ("kubernetes:apps/v1:Deployment", "kubernetes"),
        ("machine:index:Process", "local"),
        ("random:index/randomId:RandomId", None),
        ("awsx:ec2:Vpc", None),
    ],
)
def test_the_cloud_of_a_type_is_that_of_its_package(type_: str, name: str | None) -> None:
    """The whole package, not its beginning."""
    cloud = cloud_of_type(type_)

    assert (cloud.name if cloud else None) == name


def test_no_package_has_two_clouds() -> None:
    """Else a resource would be in both."""
    packages = [package for each in CLOUDS.values() for package in each.packages]

    assert len(packages) == len(set(packages))


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)
def test_a_cloud_with_regions_says_how_a_stack_names_its_own(cloud: Cloud) -> None:
    """A key without an input, or an example without a key, would be half a row."""
    assert bool(cloud.region_keys) == bool(cloud.region_inputs) == bool(cloud.usual_region)


@pytest.mark.parametrize(
    ("type_", "ours"),
    [
        ("aws:alb/listener:Listener", "aws:lb/listener:Listener"),
        ("aws:s3/bucketV2:BucketV2", "aws:s3/bucket:Bucket"),
        ("aws:s3/bucketVersioningV2:BucketVersioningV2", "aws:s3/bucketVersioningV2:BucketVersioningV2"),
    ],
)
def test_two_tokens_of_one_type_are_one(type_: str, ours: str) -> None:
    """And another type that begins alike stays itself."""
    assert known_as(type_) == ours
