"""What AWS refuses although no schema says so: small pure functions over a resource, its peers and dated numbers."""

from __future__ import annotations

from providers.rehearsal.clouds.aws.rules import ecs, gpu, network, tags
from providers.rehearsal.rules.contract import CloudRule

RULES: tuple[CloudRule, ...] = (*tags.RULES, *ecs.RULES, *network.RULES, *gpu.RULES)
