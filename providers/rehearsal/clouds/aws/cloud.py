"""AWS: checked by botocore's and CloudFormation's schemas, by IAM's grammar and by rules; its identifiers are ARNs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.rehearsal.cloud import Foreign
from providers.rehearsal.clouds.aws import botocore_models, cloudformation, documents, identifiers, policy_documents
from providers.rehearsal.clouds.aws.rules import RULES
from providers.rehearsal.clouds.aws.schemas import Schemas
from providers.rehearsal.described_cloud import DescribedCloud
from providers.rehearsal.findings import InputPlace, Seen
from providers.rehearsal.rules.contract import CloudRule
from providers.rehearsal.values import Properties


class Aws(DescribedCloud):
    """The package `aws`."""

    def __init__(self, name: str = "aws") -> None:
        super().__init__(name)
        self.described_by = Schemas(self.schemas, self.outputs)

    @property
    def rules(self) -> tuple[CloudRule, ...]:
        """Those of the tables, and AWS's own."""
        return (*super().rules, *RULES)

    def foreign(self, token: str) -> list[Foreign]:
        """The request that makes it, then CloudFormation's type."""
        return self.described_by.foreign(token)

    def create_only(self, token: str) -> Mapping[str, bool] | None:
        """What CloudFormation says, but for what the provider does otherwise."""
        return self.described_by.create_only(token)

    def check_document(self, document: Any, place: InputPlace, grammar: str) -> tuple[str, Iterator[Seen]]:
        """Policies by IAM's grammar, others by a shape of botocore's."""
        return documents.check(self.described_by, document, place, grammar)

    def identifiers(self, inputs: Properties) -> Mapping[str, str]:
        """Parts of the ARNs in the inputs, of which the ARN of this one is made."""
        return identifiers.parts(inputs)

    def invented(self, output: str, token: str, known: Mapping[str, str]) -> str | None:
        """An ARN, or the region."""
        return identifiers.invented(output, token, known)

    def worked_out(self, token: str, arguments: Properties) -> Properties | None:
        """Policy documents are rendered for real."""
        return policy_documents.render(arguments) if token == policy_documents.TOKEN else None

    def missing(self) -> list[str]:
        """botocore and cfn-lint are optional."""
        return [
            f"{name} is not installed: {what} are not checked"
            for name, what, source in (
                ("botocore", "the shapes of AWS's requests", botocore_models.source()),
                (
                    "cfn-lint",
                    "IAM policies, CloudFormation's limits and what a change replaces",
                    cloudformation.source(),
                ),
            )
            if not source
        ]
