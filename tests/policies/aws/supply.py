"""Images, identity, what is kept."""

from __future__ import annotations

import json
from typing import Any

from plan.resource import Resource
from tests.policies.cases import Case
from tests.policies.plans import DIGEST, container, iam, planned, task, urn

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_ISSUER = "token.actions.githubusercontent.com"


def pipeline(subject: str) -> Resource:
    """A role for workflows with this subject."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{_ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {f"{_ISSUER}:sub": subject}},
    }
    return planned(ROLE, "deploy", assumeRolePolicy=iam(trust))


def policy(action: str, on: str) -> Resource:
    """A policy that allows one action."""
    return planned(POLICY, "work", policy=iam({"Effect": "Allow", "Action": [action], "Resource": [on]}))


def block(**changes: bool) -> Resource:
    """What closes the bucket."""
    closed = {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    return planned(BLOCK, "closed", {"bucket": urn(BUCKET, "weights")}, bucket="weights", **{**closed, **changes})


def asking(model: str) -> dict[str, Any]:
    """A container whose routes lead there."""
    return container(environment=[{"name": "TRIMARAN_ROUTES_YAML", "value": routes(model)}])


def routes(model: str) -> str:
    """Routes whose one backend is this model on Bedrock."""
    return json.dumps({"version": 1, "backends": {"bedrock-1": {"adapter": "bedrock", "model": model}}, "models": {}})


CASES = (
    Case(
        rule="model-in-date",
        good=(task("task", asking("anthropic.claude-haiku-4-5-20251001-v1:0")),),
        bad=(task("task", asking("us.anthropic.claude-sonnet-4-20250514-v1:0")),),
        says="container 'app': backend 'bedrock-1': anthropic.claude-sonnet-4-20250514-v1:0 on bedrock ended on 2026-10-14",
    ),
    Case(
        rule="image-digest",
        good=(task("task", container()),),
        bad=(task("task", container(image="123456789012.dkr.ecr.us-east-1.amazonaws.com/trimaran/app:latest")),),
        says="the image of container 'app' is '123456789012.dkr.ecr.us-east-1.amazonaws.com/trimaran/app:latest'",
    ),
    Case(
        rule="registry-allow-list",
        good=(task("task", container()),),
        bad=(task("task", container(image=f"nginx@{DIGEST}")),),
        says="comes from 'docker.io/library/nginx'",
    ),
    Case(
        rule="immutable-tags",
        good=(
            planned(
                "aws:ecr/repository:Repository",
                "app",
                imageTagMutability="IMMUTABLE",
                imageScanningConfiguration={"scanOnPush": True},
            ),
        ),
        bad=(planned("aws:ecr/repository:Repository", "app", imageScanningConfiguration={"scanOnPush": True}),),
        says="imageTagMutability is MUTABLE",
    ),
    Case(
        rule="no-wildcard-iam",
        good=(policy("s3:GetObject", "arn:aws:s3:::weights/*"),),
        bad=(policy("s3:*", "*"),),
        says="a statement allows the action s3:* on every resource.",
    ),
    Case(
        rule="bound-trust",
        good=(pipeline("repo:owner/name:environment:prod"),),
        bad=(pipeline("repo:owner/*"),),
        says="the subject 'repo:owner/*' is not bound",
    ),
    Case(
        rule="secrets-not-in-environment",
        good=(task("task", container(secrets=[{"name": "HF_TOKEN", "valueFrom": "/trimaran/hf"}])),),
        bad=(task("task", container(environment=[{"name": "HF_TOKEN", "value": "abc"}])),),
        says="container 'app' has a readable value in HF_TOKEN.",
    ),
    Case(
        rule="no-public-bucket",
        good=(planned(BUCKET, "weights", bucket="weights"), block()),
        bad=(planned(BUCKET, "weights", bucket="weights"),),
        says="it has no BucketPublicAccessBlock.",
    ),
    Case(
        rule="no-public-bucket",
        good=(block(),),
        bad=(block(ignorePublicAcls=False),),
        says="ignorePublicAcls is not true.",
    ),
    Case(
        rule="key-rotation",
        good=(planned("aws:kms/key:Key", "main", enableKeyRotation=True),),
        bad=(planned("aws:kms/key:Key", "main"),),
        says="enableKeyRotation is not true.",
    ),
    Case(
        rule="log-retention",
        good=(planned("aws:cloudwatch/logGroup:LogGroup", "app", retentionInDays=30),),
        bad=(planned("aws:cloudwatch/logGroup:LogGroup", "app"),),
        says="retentionInDays is not set",
    ),
    Case(
        rule="encrypted-cache",
        good=(
            planned(
                "aws:elasticache/replicationGroup:ReplicationGroup",
                "sessions",
                description="sessions",
                transitEncryptionEnabled=True,
                atRestEncryptionEnabled=True,
            ),
        ),
        bad=(
            planned(
                "aws:elasticache/replicationGroup:ReplicationGroup",
                "sessions",
                description="sessions",
                transitEncryptionEnabled=True,
            ),
        ),
        says="atRestEncryptionEnabled is not true.",
    ),
)
