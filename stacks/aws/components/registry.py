"""The registry: one repository for each image that the kit runs."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.naming import name

# The app on CPU, the app on GPU with its model server, and the collector, copied here so that no task needs the internet.
IMAGES = ("app", "gpu", "collector")
_KEPT_IMAGES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryArgs:
    """`key` encrypts the layers."""

    account: Account
    prefix: str
    key: pulumi.Input[str]


class Registry(pulumi.ComponentResource):
    """Repositories whose tags never move, which scan what is pushed and forget what is old."""

    def __init__(self, resource_name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Registry", resource_name, {}, opts)
        self.urls = {image: self._repository(image, args) for image in IMAGES}
        self.register_outputs({"urls": self.urls})

    def _repository(self, image: str, args: RegistryArgs) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        repository = aws.ecr.Repository(
            image,
            name=name("aws.ecr_repository", args.prefix, image),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key}],
            force_delete=not args.account.is_prod,
            opts=child,
        )
        aws.ecr.LifecyclePolicy(image, repository=repository.name, policy=json.dumps({"rules": _rules()}), opts=child)
        url: pulumi.Output[str] = repository.repository_url
        return url


def _rules() -> list[dict[str, object]]:
    def rule(priority: int, why: str, selection: dict[str, object]) -> dict[str, object]:
        return {"rulePriority": priority, "description": why, "selection": selection, "action": {"type": "expire"}}

    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
    many = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": _KEPT_IMAGES}
    return [rule(1, "pushed without a tag", untagged), rule(2, "more than can be rolled back to", many)]
