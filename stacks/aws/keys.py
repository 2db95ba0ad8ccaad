"""The callers' keys: a parameter that this stack makes of its config, or one that is there already."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.config import ApiConfig
from stacks.config import ConfigError

KEYS_PARAMETER = "api-keys"


def keys_of(config: ApiConfig, account: Account, key: pulumi.Input[str]) -> aws.ssm.Parameter | None:
    """The parameter, or None where somebody else has put it there. Raises ConfigError where nobody has."""
    parameter = account.parameter(KEYS_PARAMETER)
    if config.api_keys is not None:
        value = pulumi.Output.secret(config.api_keys.get_secret_value())
        return aws.ssm.Parameter("api-keys", name=parameter, type="SecureString", key_id=key, value=value)
    if not config.rehearsal:
        _refuse_missing(config, parameter)
    return None


def _refuse_missing(config: ApiConfig, parameter: str) -> None:
    """Tasks that miss a parameter do not start, and say so only after minutes."""
    try:
        aws.ssm.get_parameter(name=parameter, with_decryption=False)
    except Exception as error:
        if "ParameterNotFound" not in str(error) and "couldn't find resource" not in str(error):
            raise
        raise ConfigError(
            f"stack '{config.stack}' has no keys for its callers: neither trimaran:apiKeys nor the parameter {parameter}.",
            f"./trimaran pulumi config set --secret trimaran:apiKeys 'me=<a long random key>' --stack {config.stack}",
        ) from None
