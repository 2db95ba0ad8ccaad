"""Who may do what: no wildcards, nothing that is open to everybody, no key in plain sight."""

from __future__ import annotations

from policies.rule import ALWAYS, Rule, Severity

RULES = (
    Rule(
        id="no-wildcard-iam",
        title="No policy of a role allows every action, or all actions of a service on everything.",
        why="What runs an image from outside must not be able to do more than its work when somebody breaks into it.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        remedy="List the actions that are needed and the ARNs that they are needed on.",
        among_peers=True,
    ),
    Rule(
        id="no-bedrock-wildcard",
        title="No policy of a role allows calling models of Bedrock that it does not name.",
        why="A model that nobody chose answers at a price that nobody looked up, perhaps in a region that nobody allowed.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Name the model in each of its regions; bind profiles of your own by aws:ResourceTag.",
        among_peers=True,
    ),
    Rule(
        id="bound-trust",
        title="A role, a key, a bucket, a secret or a topic is open only to those it names; a pipeline's role to one repository "
        "and environment.",
        why="A trust without a subject lets any repository on GitHub deploy into this account, and a policy for everybody is "
        "every account's.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        remedy="Name the principal, or bind everybody by a condition like aws:SourceAccount; for GitHub let the sub be like "
        "repo:<owner>/<name>:environment:<environment>.",
    ),
    Rule(
        id="secrets-not-in-environment",
        title="No secret stands readable in an environment variable or in a parameter that is not encrypted.",
        why="Task definitions and functions show their environment to everybody who may describe them, for ever; a parameter "
        "of type String opens without its key.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        remedy="Put it into an SSM SecureString parameter and refer to it by name in the container's secrets.",
    ),
)
