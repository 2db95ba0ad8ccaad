"""What a config may say that AWS, or this kit on AWS, cannot do; each with what to do instead."""

from __future__ import annotations

from stacks.aws.config import ApiConfig, AwsConfig, EcsConfig
from stacks.config import ConfigError

# A digest that no image has: it stands in the example configs until there is one, and a rehearsal takes it.
PLACEHOLDER = "sha256:" + "0" * 64
# What CloudWatch Logs takes (PutRetentionPolicy in botocore's model of logs, 2026-11-24).
_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def refuse_unknown_retention(config: AwsConfig) -> None:
    """CloudWatch knows some numbers of days only."""
    if config.retention_days not in _RETENTION_DAYS:
        nearest = min(_RETENTION_DAYS, key=lambda days: abs(days - config.retention_days))
        raise ConfigError(
            f"trimaran:retentionDays is {config.retention_days}, which CloudWatch does not know; the nearest is {nearest}.",
            f"./trimaran pulumi config set trimaran:retentionDays {nearest} --stack {config.stack}",
        )


def refuse_placeholders(config: ApiConfig) -> None:
    """An image that is not there stops tasks from starting; a rehearsal starts none."""
    for key, image in config.images.items():
        if image and image.endswith(PLACEHOLDER) and not config.rehearsal:
            flag = "--path " if "." in key else ""
            raise ConfigError(
                f"trimaran:{key} has the placeholder digest, which only a rehearsal takes.",
                f"push the image, then: ./trimaran pulumi config set {flag}trimaran:{key} <registry/name@sha256:…>"
                f" --stack {config.stack}",
            )


def refuse_missing(config: ApiConfig) -> None:
    """What the target cannot do without."""
    for key, value, why in (
        ("image", config.image, "nothing says which app to run"),
        ("collector", config.collector, "metrics, on which scaling and promotion rest, would not leave the tasks"),
    ):
        if not value:
            raise ConfigError(
                f"trimaran:{key} is not set: {why}.",
                f"./trimaran pulumi config set trimaran:{key} <registry/name@sha256:…> --stack {config.stack}",
            )


def refuse_no_model(config: EcsConfig) -> None:
    """An api without anything behind it."""
    if not config.engine.image and not config.fallbacks:
        raise ConfigError(
            "neither trimaran:engine.image nor trimaran:fallbacks is set: no model would answer.",
            f"./trimaran pulumi config set --path trimaran:engine.image <registry/name@sha256:…> --stack {config.stack}",
        )


def refuse_unsafe_ingress(config: ApiConfig) -> None:
    """The internet is let in through TLS alone, to addresses that config names, and never to green."""
    if not config.ingress.public:
        return
    if not (config.ingress.certificate or config.domain):
        raise ConfigError(
            "trimaran:ingress.public is true without a certificate: keys and prompts would travel readable.",
            f"./trimaran pulumi config set --path trimaran:domain.name chat.example.com --stack {config.stack}",
        )
    if not config.ingress.allowed_cidrs:
        raise ConfigError(
            "trimaran:ingress.public is true and trimaran:ingress.allowedCidrs is empty: nobody could connect.",
            f"./trimaran pulumi config set --path 'trimaran:ingress.allowedCidrs[0]' 203.0.113.0/24 --stack {config.stack}",
        )
    if config.promotion_key is None:
        raise ConfigError(
            "trimaran:ingress.public is true without trimaran:promotionKey: any caller could reach green.",
            f'./trimaran pulumi config set --secret trimaran:promotionKey "$(openssl rand -hex 24)" --stack {config.stack}',
        )
