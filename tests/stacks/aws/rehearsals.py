"""Shapes of the stacks on AWS: the examples, and what these do not use; each is rehearsed once for all tests."""

from __future__ import annotations

from typing import Any

BYO = {
    "trimaran:network": {
        "vpc": "vpc-0123456789abcdef0",
        "privateSubnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "publicSubnets": ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"],
    },
    "trimaran:key": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-4333-8444-555555555555",
    "trimaran:bucket": "our-models",
    "trimaran:logBucket": "our-access-logs",
}
_DIGEST = "@sha256:" + "1" * 64
# Shape -> the stack whose config it starts from, the foundation it reads, what its config has instead (None takes a key out).
SHAPES: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "aws-foundation-dev": ("aws-foundation-dev", None, {}),
    "aws-foundation-prod": ("aws-foundation-prod", None, {}),
    "aws-foundation-dev-byo": (
        "aws-foundation-dev",
        None,
        {
            **BYO,
            "trimaran:registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com/team",
            "trimaran:domain": {"name": "example.com", "zone": "Z0123456789ABCDEFGHIJ"},
            "trimaran:pipeline": {
                "repository": "owner/name",
                "stateBucket": "our-state",
                "stateKey": BYO["trimaran:key"],
                "provider": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
            },
        },
    ),
    "aws-ecs-dev": ("aws-ecs-dev", "aws-foundation-dev", {}),
    "aws-ecs-prod": ("aws-ecs-prod", "aws-foundation-prod", {}),
    "aws-ecs-dev-byo": ("aws-ecs-dev", None, {**BYO, "trimaran:foundation": None}),
    # Everything that the examples do not use: the other sort of capacity, Spot, a public load balancer without a split.
    "aws-ecs-dev-public": (
        "aws-ecs-dev",
        None,
        {
            **BYO,
            "trimaran:foundation": None,
            "trimaran:gpu": {"kind": "L4", "count": 1, "spot": True},
            "trimaran:capacity": {"kind": "managed", "instanceTypes": ["g6.2xlarge", "g6.4xlarge"]},
            "trimaran:ingress": {
                "public": True,
                "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-4333-8444-555555555555",
                "allowedCidrs": ["203.0.113.0/24"],
            },
            "trimaran:promotionKey": {"secure": "in the rehearsal a stand-in"},
            "trimaran:apiKeys": {"secure": "in the rehearsal a stand-in"},
            "trimaran:rollout": {"steps": [25, 50, 75, 100], "stepMinutes": 10, "bakeMinutes": 10},
        },
    ),
    "aws-ecs-dev-rolling": (
        "aws-ecs-dev",
        None,
        {
            **BYO,
            "trimaran:foundation": None,
            "trimaran:logBucket": None,
            "trimaran:gpu": {"kind": "L4", "count": 4},
            "trimaran:scaling": {"min": 0, "max": 1, "concurrency": 16},
            "trimaran:limits": {"monthlyUsd": "9000", "gpuQuota": 8},
            "trimaran:settings": {"model": "Qwen/Qwen3-32B"},
            "trimaran:engine": {"image": f"registry.example.com/gpu{_DIGEST}", "contextTokens": 8192},
            "trimaran:capacity": {
                "warmPool": 1,
                "reservations": ["cr-0123456789abcdef0"],
                "ami": "ami-0123456789abcdef0",
            },
            "trimaran:fallbacks": [{"provider": "bedrock", "model": "us.amazon.nova-lite-v1:0"}],
            "trimaran:rollout": {"strategy": "rolling"},
            "trimaran:redis": {"nodeType": "cache.t4g.micro"},
            "trimaran:schedule": None,
        },
    ),
    "aws-bedrock-dev": ("aws-bedrock-dev", "aws-foundation-dev", {}),
    "aws-bedrock-prod": ("aws-bedrock-prod", "aws-foundation-prod", {}),
    # What the examples do not use: model units, a guardrail of one's own, a global profile, a network of one's own.
    "aws-bedrock-dev-bought": (
        "aws-bedrock-dev",
        None,
        {
            **BYO,
            "trimaran:foundation": None,
            "trimaran:settings": {"model": "amazon.nova-lite-v1:0", "systemPrompt": "Answer {{name}} in one sentence."},
            "trimaran:throughput": {"units": 2, "commitment": "OneMonth"},
            "trimaran:rates": {"unitHour": "39.60"},
            "trimaran:guardrail": {"id": "ab12cd34ef56", "version": "3"},
            "trimaran:fallbacks": [{"provider": "bedrock", "model": "global.amazon.nova-2-lite-v1:0"}],
            "trimaran:limits": {"monthlyUsd": "90000", "regions": ["us-east-1"], "residency": "anywhere"},
            "trimaran:rollout": {"strategy": "rolling"},
        },
    ),
}

# Shape -> the one whose plan its golden is told from, where they have most in common.
BASES = {
    **dict.fromkeys(("aws-ecs-dev-byo", "aws-ecs-dev-public", "aws-ecs-dev-rolling"), "aws-ecs-dev"),
    "aws-bedrock-dev-bought": "aws-bedrock-dev",
}
# What ends the names of inputs that are JSON.
DOCUMENTS = ("containerDefinitions", "policy", "assumeRolePolicy", "[AOT_CONFIG_CONTENT]")
# Those that are stacks as their config says.
EXAMPLES = [shape for shape, (stack, _, _) in SHAPES.items() if shape == stack]
