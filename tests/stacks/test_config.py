"""A stack's config: what is accepted, and what a person is told about what is not."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal

import pytest

from stacks.config import ConfigError, Environment, Settings, StackConfig, Undecided, parse
from stacks.targets import TARGETS

DIGEST = "registry.example.com/trimaran@sha256:" + "a" * 64


def parsed(key: str, value: object, stack: str = "local") -> StackConfig:
    text = value if isinstance(value, str) else json.dumps(value)
    return parse({f"trimaran:{key}": text}, stack, secret_keys={"trimaran:apiKeys"})


def test_an_empty_config_is_the_defaults() -> None:
    """Nothing has to be set: the interfaces' defaults hold."""
    config = parse({}, "local")

    assert (config.target, config.environment, config.port) == ("local", Environment.DEV, 8080)
    assert config.rollout.steps == (5, 25, 50, 100)
    assert (config.settings, config.candidate, config.image, config.api_keys) == (None, None, None, None)


def test_a_config_is_frozen() -> None:
    """Deeper code cannot change what was parsed."""
    config = parse({}, "local")

    with pytest.raises(dataclasses.FrozenInstanceError):
        config.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("port", "8081", "port", 8081),
        ("image", DIGEST, "image", DIGEST),
        ("routes", "routes.yaml", "routes", "routes.yaml"),
        ("settings", {"systemPrompt": "Be brief."}, "settings", Settings(systemPrompt="Be brief.")),  # type: ignore[call-arg]
        ("tags", {"owner": "me", "team": "x"}, "tags", {"owner": "me", "team": "x"}),
    ],
)
def test_a_key_becomes_its_field(key: str, value: object, field: str, expected: object) -> None:
    """A field is the config key of the same name, as its own type."""
    assert getattr(parsed(key, value), field) == expected


def test_nested_keys_are_typed() -> None:
    """Money is exact, closed sets are enums, lists are tuples."""
    assert parsed("limits", {"monthlyUsd": "900.10"}).limits.monthly_usd == Decimal("900.10")
    assert parsed("limits", {"monthlyUsd": 900.1}).limits.monthly_usd == Decimal("900.1")
    assert parsed("rollout", {"onUndecided": "hold"}).rollout.on_undecided is Undecided.HOLD
    assert [str(each) for each in parsed("ingress", {"allowedCidrs": ["10.0.0.0/8"]}).ingress.allowed_cidrs] == [
        "10.0.0.0/8"
    ]
    assert parsed("candidate", {"image": DIGEST, "settings": {}}).candidate is not None


def test_other_namespaces_are_not_ours() -> None:
    """`aws:region` and the like belong to the providers."""
    assert parse({"aws:region": "us-east-1"}, "local") == parse({}, "local")


CONFIG_SET = "./trimaran pulumi config set"
EDIT = "edit stacks/environments/Pulumi.local.yaml; the example beside it explains every key"
WRONG = [
    ("port", "eighty", "trimaran:port is 'eighty'; it must be a whole number from 1 to 65535.", f"{CONFIG_SET} trimaran:port 8080 --stack local"),
    ("port", "0", "trimaran:port is '0'; it must be a whole number from 1 to 65535.", f"{CONFIG_SET} trimaran:port 8080 --stack local"),
    ("port", "80.5", "trimaran:port is '80.5'; it must be a whole number from 1 to 65535.", f"{CONFIG_SET} trimaran:port 8080 --stack local"),
    ("gpu", {"count": True}, "trimaran:gpu.count is true; it must be a whole number from 1 to 16.", f"{CONFIG_SET} --path trimaran:gpu.count 1 --stack local"),
    ("gpu", "L4", "trimaran:gpu is 'L4'; it must be a map like {kind: L4, count: 1, spot: false}.", EDIT),
    ("gpu", {"spot": "maybe"}, "trimaran:gpu.spot is 'maybe'; it must be true or false.", f"{CONFIG_SET} --path trimaran:gpu.spot false --stack local"),
    ("scaling", {"min": 5}, "trimaran:scaling: min 5 is above max 4.", EDIT),
    ("rollout", {"steps": [5, 25]}, "trimaran:rollout.steps is [5, 25]; it must be rising percentages that end at 100.", EDIT),
    ("rollout", {"steps": [25, 5, 100]}, "trimaran:rollout.steps is [25, 5, 100]; it must be rising percentages that end at 100.", EDIT),
    ("rollout", {"onUndecided": "red"}, "trimaran:rollout.onUndecided is 'red'; it must be blue or hold.", f"{CONFIG_SET} --path trimaran:rollout.onUndecided blue --stack local"),
    ("limits", {"monthlyUsd": "lots"}, "trimaran:limits.monthlyUsd is 'lots'; it must be dollars above 0.", f"{CONFIG_SET} --path trimaran:limits.monthlyUsd 900 --stack local"),
    ("ingress", {"allowedCidrs": ["10.0.0.0/99"]}, "trimaran:ingress.allowedCidrs[0] is '10.0.0.0/99'; it must be a list of address ranges like 203.0.113.0/24.", f"{CONFIG_SET} --path 'trimaran:ingress.allowedCidrs[0]' 203.0.113.0/24 --stack local"),
    ("tags", {"owner": 1}, "trimaran:tags.owner is 1; it must be a map of texts like {owner: me}.", f"{CONFIG_SET} --path trimaran:tags.owner me --stack local"),
    ("image", "trimaran:latest", "trimaran:image is 'trimaran:latest'; it must be an image with its digest: registry/name@sha256:<64 hex digits>.", EDIT),
    ("environment", "prod", "trimaran:environment is 'prod', but the stack's name 'local' says 'dev'.", "./trimaran pulumi config rm trimaran:environment --stack local"),
    ("target", "lokal", f"target 'lokal' is unknown. Known targets: {', '.join(TARGETS)}. Did you mean 'local'?", f"{CONFIG_SET} trimaran:target local --stack local"),
    ("apiKeys", "no equals sign", "trimaran:apiKeys must be lines of name=key.", f"{CONFIG_SET} --secret trimaran:apiKeys 'me=<a long random key>' --stack local"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "sentence", "hint"), WRONG)
def test_a_wrong_value_is_one_sentence_and_a_hint(key: str, value: object, sentence: str, hint: str) -> None:
    """The sentence has the key, the value seen and what is expected; the hint is a command."""
    with pytest.raises(ConfigError) as raised:
        parsed(key, value)

    assert (raised.value.sentence, raised.value.hint) == (sentence, hint)


@pytest.mark.parametrize(
    ("key", "value", "unknown", "nearest"),
    [
        ("prot", "8080", "trimaran:prot", "port"),
        ("apikeys", "x", "trimaran:apikeys", "apiKeys"),
        ("gpu", {"cuont": 1}, "trimaran:gpu.cuont", "count"),
        ("settings", {"model_revision": "1"}, "trimaran:settings.model_revision", "modelRevision"),
        ("candidate", {"settings": {"modell": "x"}}, "trimaran:candidate.settings.modell", "model"),
    ],
)
def test_an_unknown_key_is_told_its_nearest(key: str, value: object, unknown: str, nearest: str) -> None:
    """A typing error never becomes a default, nested or not."""
    with pytest.raises(ConfigError, match=rf"'{unknown}' is unknown\. Did you mean '{nearest}'") as raised:
        parsed(key, value)

    assert raised.value.hint.endswith(f"{unknown} --stack local")


def test_stack_is_not_a_config_key() -> None:
    """The stack's name comes from the engine alone."""
    with pytest.raises(ConfigError, match="'trimaran:stack' is unknown"):
        parsed("stack", "x")


@pytest.mark.parametrize("stack", ["cloudrun", "cloudrun-prod", "-dev", ""])
def test_a_stack_of_no_target_is_refused(stack: str) -> None:
    """The name says which target it is."""
    with pytest.raises(ConfigError, match=r"is unknown\. Known targets: local, "):
        parse({}, stack)


@pytest.mark.parametrize(("stack", "environment"), [("local", "dev"), ("local-dev", "dev"), ("local-prod", "prod")])
def test_the_name_says_the_environment(stack: str, environment: str) -> None:
    """`<target>-<environment>`; `local` alone is dev."""
    assert parse({}, stack).environment == environment


def test_a_stack_with_a_name_of_its_own_says_its_target() -> None:
    """A name outside the pattern works when config says what it is."""
    config = parse({"trimaran:target": "local", "trimaran:environment": "staging"}, "mine")

    assert (config.target, config.environment) == ("local", Environment.STAGING)


def test_keys_in_plain_text_are_refused() -> None:
    """A key that anyone with the file can read is not a secret."""
    with pytest.raises(ConfigError, match="trimaran:apiKeys is stored in plain text"):
        parse({"trimaran:apiKeys": "me=sk-1"}, "local")


def test_a_key_is_shown_nowhere() -> None:
    """Neither the config's own text nor an error about it carries the key."""
    config = parsed("apiKeys", "me=sk-hidden")
    with pytest.raises(ConfigError) as raised:
        parsed("apiKeys", "sk-hidden")

    assert config.api_keys is not None
    assert config.api_keys.get_secret_value() == "me=sk-hidden"
    assert "sk-hidden" not in repr(config) + str(raised.value)
