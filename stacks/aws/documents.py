"""IAM documents: what a role may do and who may take it, each action by its name and each resource by its ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from stacks.aws.account import Account

Statement = dict[str, Any]


def allow(
    actions: Sequence[str], on: Sequence[pulumi.Input[str]], when: Mapping[str, Mapping[str, Any]] | None = None
) -> Statement:
    """A statement that allows actions on resources, where the conditions hold."""
    condition = {"Condition": dict(when)} if when else {}
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(on), **condition}


def document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """A policy of these statements, as JSON."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(account: Account, service: str) -> pulumi.Output[str]:
    """Who may take a role: a service of AWS, on behalf of this account and nobody else's."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": ["sts:AssumeRole"],
        "Condition": {"StringEquals": {"aws:SourceAccount": account.id}},
    }
    return document([statement])


def trust_of_instances() -> pulumi.Output[str]:
    """Who may take the role of an instance; EC2 sends no source account."""
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}
    return document([statement])
