"""Names: always valid for the cloud, always the same, never two for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.names import NAME_RULES
from stacks.naming import name

KINDS = st.sampled_from(sorted(NAME_RULES))
PARTS = st.lists(st.text(max_size=60), min_size=1, max_size=4)


@given(KINDS, PARTS)
def test_every_name_is_valid(kind: str, parts: list[str]) -> None:
    """Whatever the parts are, the cloud takes the name."""
    assert NAME_RULES[kind].allows(name(kind, *parts))


@given(KINDS, PARTS)
def test_a_name_is_stable(kind: str, parts: list[str]) -> None:
    """The same parts give the same name on every run: a name that moved would replace the resource."""
    assert name(kind, *parts) == name(kind, *parts)


@given(KINDS, st.text(max_size=80), st.text(max_size=80))
def test_two_texts_are_two_names(kind: str, one: str, other: str) -> None:
    """Shortening and replacing characters never makes one name of two."""
    assert (name(kind, one) == name(kind, other)) == (one == other)


@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("aws.target_group", ("aws-ecs-dev", "blue"), "aws-ecs-dev-blue"),
        ("aws.target_group", ("a-rather-long-stack-name-dev", "blue"), "a-rather-long-stack-nam-ea3d8a49"),
        ("aws.ecs_capacity_provider", ("aws-ecs-dev", "gpu"), "t-aws-ecs-dev-gpu-4c5a8811"),
        ("gcp.cloud_run_revision", ("r", "3f2a9c"), "r-3f2a9c"),
        ("gcp.cloud_run_service", ("9 lives",), "t-9-lives-d05adc7c"),
        ("azure.storage_account", ("azure-openai-dev", "logs"), "azureopenaidevlodbd39662"),
    ],
)
def test_names_read_as_what_they_are(kind: str, parts: tuple[str, ...], expected: str) -> None:
    """Valid parts are only joined; what must change keeps as much as fits, and a hash."""
    assert name(kind, *parts) == expected


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("aws.target_group", "-leading"),
        ("aws.target_group", "trailing-"),
        ("aws.target_group", "x" * 33),
        ("aws.load_balancer", "internal-api"),
        ("aws.ecs_capacity_provider", "AWS-gpu"),
        ("aws.ecs_capacity_provider", "fargate-gpu"),
        ("aws.s3_bucket", "Upper"),
        ("aws.s3_bucket", "ab"),
        ("aws.s3_bucket", "weights-s3alias"),
        ("gcp.cloud_run_service", "1st"),
        ("gcp.cloud_run_service", "x" * 50),
        ("gcp.service_account", "short"),
        ("gcp.gcs_bucket", "google-weights"),
        ("azure.container_app", "two--hyphens"),
        ("azure.container_registry", "has-hyphen"),
        ("azure.key_vault", "x" * 25),
        ("kubernetes.object", "under_score"),
    ],
)
def test_what_a_cloud_refuses_is_not_allowed(kind: str, bad: str) -> None:
    """The rules know what makes a first deploy fail."""
    assert not NAME_RULES[kind].allows(bad)
