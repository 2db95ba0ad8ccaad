"""A stack's config: what is accepted, and what a person is told about what is not."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal

import pytest

from stacks.aws.config import EcsConfig
from stacks.config import ConfigError, Environment, ModelSettings, StackConfig, WhenUndecided
from stacks.local.config import LocalConfig
from stacks.parsing import keys_of, parse, structured_keys_of
from stacks.targets import TARGETS

DIGEST = "registry.example.com/trimaran@sha256:" + "a" * 64
ECS = "aws-ecs-dev"


def parsed(key: str, value: object, stack: str = "local") -> StackConfig:
    text = value if isinstance(value, str) else json.dumps(value)
    return parse({f"trimaran:{key}": text}, stack, secret_keys={"trimaran:apiKeys"})


def of_ecs(key: str, value: object) -> EcsConfig:
    config = parsed(key, value, ECS)
    assert isinstance(config, EcsConfig)
    return config


def of_local(**raw: str) -> LocalConfig:
    config = parse({f"trimaran:{key}": text for key, text in raw.items()}, "local", secret_keys={"trimaran:apiKeys"})
    assert isinstance(config, LocalConfig)
    return config


def test_an_empty_config_is_the_defaults() -> None:
    """Nothing has to be set: the interfaces' defaults hold."""
    config = of_local()

    assert (config.target, config.environment, config.port) == ("local", Environment.DEV, 8080)
    assert config.rollout.steps == (5, 25, 50, 100)
    assert (config.settings, config.candidate, config.routes, config.api_keys) == (None, None, None, None)


def test_a_config_is_frozen() -> None:
    """Deeper code cannot change what was parsed."""
    config = of_local()

    with pytest.raises(dataclasses.FrozenInstanceError):
        config.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("stack", "key", "value", "field", "expected"),
    [
        ("local", "port", "8081", "port", 8081),
        ("local", "routes", "routes.yaml", "routes", "routes.yaml"),
        ("local", "settings", {"systemPrompt": "Be brief."}, "settings", ModelSettings(systemPrompt="Be brief.")),  # type: ignore[call-arg]
        (ECS, "image", DIGEST, "image", DIGEST),
        (ECS, "tags", {"owner": "me", "team": "x"}, "tags", {"owner": "me", "team": "x"}),
        (ECS, "logBucket", "12345", "log_bucket", "12345"),
    ],
)
def test_a_key_becomes_its_field(stack: str, key: str, value: object, field: str, expected: object) -> None:
    """A field is the config key of the same name, as its own type; a text that reads like a number stays one."""
    assert getattr(parsed(key, value, stack), field) == expected


@pytest.mark.parametrize(
    ("target", "structured"),
    [
        ("local", {"settings", "candidate", "rollout"}),
        ("aws-foundation", {"tags", "limits", "network", "ingress", "domain", "pipeline", "bedrock"}),
    ],
)
def test_maps_and_lists_are_known_by_their_annotations(target: str, structured: set[str]) -> None:
    """They reach the program as JSON, everything else as the text that was written."""
    assert set(structured_keys_of(TARGETS[target].config_type())) == structured


def test_nested_keys_are_typed() -> None:
    """Money is exact, closed sets are enums, lists are tuples."""
    assert of_ecs("limits", {"monthlyUsd": "900.10"}).limits.monthly_usd == Decimal("900.10")
    assert of_ecs("limits", {"monthlyUsd": 900.1}).limits.monthly_usd == Decimal("900.1")
    assert of_local(rollout='{"onUndecided": "hold"}').rollout.on_undecided is WhenUndecided.HOLD
    assert [str(each) for each in of_ecs("ingress", {"allowedCidrs": ["10.0.0.0/8"]}).ingress.allowed_cidrs] == [
        "10.0.0.0/8"
    ]
    assert of_ecs("candidate", {"image": DIGEST, "settings": {}}).candidate is not None


def test_other_namespaces_are_not_ours() -> None:
    """`aws:region` and the like belong to the providers."""
    assert parse({"aws:region": "us-east-1"}, "local") == parse({}, "local")


CONFIG_SET = "./trimaran pulumi config set"
EDIT = "edit stacks/environments/Pulumi.{stack}.yaml; the example beside it explains every key"
WRONG = [
    ("local", "port", "eighty", "trimaran:port is 'eighty'; it must be a whole number from 1 to 65535.", f"{CONFIG_SET} trimaran:port 8080 --stack local"),
    ("local", "port", "0", "trimaran:port is '0'; it must be a whole number from 1 to 65535.", f"{CONFIG_SET} trimaran:port 8080 --stack local"),
    ("local", "port", "80.5", "trimaran:port is '80.5'; it must be a whole number from 1 to 65535.", f"{CONFIG_SET} trimaran:port 8080 --stack local"),
    (ECS, "gpu", {"count": True}, "trimaran:gpu.count is true; it must be a whole number from 1 to 16.", f"{CONFIG_SET} --path trimaran:gpu.count 1 --stack aws-ecs-dev"),
    (ECS, "gpu", "L4", "trimaran:gpu is 'L4'; it must be a map like {kind: L4, count: 1, spot: false}.", EDIT),
    (ECS, "gpu", {"spot": "maybe"}, "trimaran:gpu.spot is 'maybe'; it must be true or false.", f"{CONFIG_SET} --path trimaran:gpu.spot false --stack aws-ecs-dev"),
    (ECS, "scaling", {"min": 5}, "trimaran:scaling: min 5 is above max 4.", EDIT),
    ("local", "rollout", {"steps": [5, 25]}, "trimaran:rollout.steps is [5, 25]; it must be rising percentages that end at 100.", EDIT),
    ("local", "rollout", {"steps": [25, 5, 100]}, "trimaran:rollout.steps is [25, 5, 100]; it must be rising percentages that end at 100.", EDIT),
    ("local", "rollout", {"onUndecided": "red"}, "trimaran:rollout.onUndecided is 'red'; it must be blue or hold.", f"{CONFIG_SET} --path trimaran:rollout.onUndecided blue --stack local"),
    (ECS, "limits", {"monthlyUsd": "lots"}, "trimaran:limits.monthlyUsd is 'lots'; it must be dollars above 0.", f"{CONFIG_SET} --path trimaran:limits.monthlyUsd 900 --stack aws-ecs-dev"),
    (ECS, "ingress", {"allowedCidrs": ["10.0.0.0/99"]}, "trimaran:ingress.allowedCidrs[0] is '10.0.0.0/99'; it must be a list of address ranges like 203.0.113.0/24.", f"{CONFIG_SET} --path 'trimaran:ingress.allowedCidrs[0]' 203.0.113.0/24 --stack aws-ecs-dev"),
    (ECS, "tags", {"owner": 1}, "trimaran:tags.owner is 1; it must be a map of texts like {owner: me}.", f"{CONFIG_SET} --path trimaran:tags.owner me --stack aws-ecs-dev"),
    (ECS, "image", "trimaran:latest", "trimaran:image is 'trimaran:latest'; it must be an image with its digest: registry/name@sha256:<64 hex digits>.", EDIT),
    ("local", "environment", "prod", "trimaran:environment is 'prod', but the stack's name 'local' says 'dev'.", "./trimaran pulumi config rm trimaran:environment --stack local"),
    ("local", "target", "lokal", f"target 'lokal' is unknown. Known targets: {', '.join(TARGETS)}. Did you mean 'local'?", f"{CONFIG_SET} trimaran:target local --stack local"),
    ("local", "apiKeys", "no equals sign", "trimaran:apiKeys must be lines of name=key.", f"{CONFIG_SET} --secret trimaran:apiKeys 'me=<a long random key>' --stack local"),
    ("local", "rollout", {"strategy": "rolling"}, "config key 'trimaran:rollout.strategy' is not read by the target 'local', only by aws-ecs, aws-bedrock. Known keys: steps, maxBakeS, marginPoints, onUndecided.", "./trimaran pulumi config rm --path trimaran:rollout.strategy --stack local"),
]  # fmt: skip


@pytest.mark.parametrize(("stack", "key", "value", "sentence", "hint"), WRONG)
def test_a_wrong_value_is_one_sentence_and_a_hint(
    stack: str, key: str, value: object, sentence: str, hint: str
) -> None:
    """The sentence has the key, the value seen and what is expected; the hint is a command."""
    with pytest.raises(ConfigError) as raised:
        parsed(key, value, stack)

    assert (raised.value.sentence, raised.value.hint) == (sentence, hint.format(stack=stack))


@pytest.mark.parametrize(
    ("stack", "key", "value", "unknown", "nearest"),
    [
        ("local", "prot", "8080", "trimaran:prot", "port"),
        ("local", "apikeys", "x", "trimaran:apikeys", "apiKeys"),
        (ECS, "gpu", {"cuont": 1}, "trimaran:gpu.cuont", "count"),
        ("local", "settings", {"model_revision": "1"}, "trimaran:settings.model_revision", "modelRevision"),
        ("local", "candidate", {"settings": {"modell": "x"}}, "trimaran:candidate.settings.modell", "model"),
    ],
)
def test_an_unknown_key_is_told_its_nearest(stack: str, key: str, value: object, unknown: str, nearest: str) -> None:
    """A typing error never becomes a default, nested or not."""
    with pytest.raises(ConfigError, match=rf"'{unknown}' is unknown\. Did you mean '{nearest}'") as raised:
        parsed(key, value, stack)

    assert raised.value.hint.endswith(f"{unknown} --stack {stack}")


def _unread_by(target: str) -> list[str]:
    """Every key of another target that this one does not read."""
    keys = {each: set(keys_of(TARGETS[each].config_type())) for each in TARGETS}
    return sorted(set().union(*keys.values()) - keys[target])


@pytest.mark.parametrize("target", TARGETS)
def test_a_key_that_a_target_does_not_read_is_refused(target: str) -> None:
    """It would be taken for set. The error names the target, who reads the key, and what this one reads."""
    for key in _unread_by(target):
        with pytest.raises(
            ConfigError, match=rf"'trimaran:{key}' is not read by the target '{target}', only by "
        ) as raised:
            parsed(key, "x", target)

        assert "Known keys: target, environment" in raised.value.sentence
        assert raised.value.hint == f"./trimaran pulumi config rm trimaran:{key} --stack {target}"


@pytest.mark.parametrize(("key", "value"), [("maxBakeS", 60), ("marginPoints", 2), ("onUndecided", "hold")])
def test_a_part_of_a_section_that_a_target_does_not_read_is_refused(key: str, value: object) -> None:
    """Nothing promotes on ECS yet. The error says what its section has."""
    with pytest.raises(
        ConfigError, match=rf"'trimaran:rollout.{key}' is not read by the target 'aws-ecs', only by local"
    ):
        parsed("rollout", {"steps": [5, 100], key: value}, ECS)

    with pytest.raises(ConfigError, match="Known keys: strategy, steps, stepMinutes, bakeMinutes, pauseMinutes"):
        parsed("rollout", {key: value}, ECS)


@pytest.mark.parametrize(
    ("target", "key"), [("local", "redis"), ("local", "capacity"), ("aws-ecs", "port"), ("aws-ecs", "pipeline")]
)
def test_what_used_to_be_taken_without_effect_is_refused(target: str, key: str) -> None:
    """Some of them by name, should the classes of two targets ever become one."""
    assert key in _unread_by(target)


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
    config = of_local(apiKeys="me=sk-hidden")
    with pytest.raises(ConfigError) as raised:
        parsed("apiKeys", "sk-hidden")

    assert config.api_keys is not None
    assert config.api_keys.get_secret_value() == "me=sk-hidden"
    assert "sk-hidden" not in repr(config) + str(raised.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", "hunter2"),
        ("settings", {"systemPrompt": ["hunter2"]}),
        ("settings", {"hunter2": 1}),
        ("rollout", {"marginPoints": "hunter2"}),
        ("rollout", {"steps": [1, "hunter2"]}),
    ],
    ids=str,
)
def test_no_sentence_shows_what_is_stored_as_a_secret(key: str, value: object) -> None:
    """Neither the value nor what it is made of; in the clear it is shown, for then it stands in the file anyway."""
    text = value if isinstance(value, str) else json.dumps(value)

    with pytest.raises(ConfigError) as raised:
        parse({f"trimaran:{key}": text}, "local", secret_keys={f"trimaran:{key}"})
    with pytest.raises(ConfigError) as in_the_clear:
        parse({f"trimaran:{key}": text}, "local")

    assert "hunter2" not in f"{raised.value.sentence} {raised.value.hint}"
    assert raised.value.sentence.startswith(f"trimaran:{key} must be ")
    assert "--secret" in raised.value.hint or "edit stacks/environments" in raised.value.hint
    assert "hunter2" in in_the_clear.value.sentence


@pytest.mark.parametrize("key", ["target", "environment"])
def test_what_a_stack_is_may_be_no_secret(key: str) -> None:
    """Whoever cannot decrypt could not tell how strictly it is to be held."""
    with pytest.raises(ConfigError, match=f"trimaran:{key} is stored as a secret, and must be readable") as raised:
        parse({f"trimaran:{key}": "hunter2"}, "local", secret_keys={f"trimaran:{key}"})

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("stack", ["aws-ecs-production", "chat", "mine-prd"])
def test_a_stack_whose_name_says_no_environment_must_say_it(stack: str) -> None:
    """It is not dev because nobody has said so."""
    given = {"trimaran:target": "local"}

    with pytest.raises(ConfigError, match=f"nothing says which environment stack '{stack}' is in") as raised:
        parse(given, stack)

    assert "config set trimaran:environment prod" in raised.value.hint
    assert parse({**given, "trimaran:environment": "staging"}, stack).environment is Environment.STAGING


@pytest.mark.parametrize("stack", ["chat-prod", "PROD", "chat-PROD"])
def test_an_environment_against_the_stacks_name_is_refused(stack: str) -> None:
    """Whatever the target is called, and in whatever case."""
    given = {"trimaran:target": "local", "trimaran:environment": "dev"}

    with pytest.raises(ConfigError, match=f"trimaran:environment is 'dev', but the stack's name '{stack}' says 'prod'"):
        parse(given, stack)

    assert parse({"trimaran:target": "local"}, stack).environment is Environment.PROD


@pytest.mark.parametrize(
    ("stack", "key", "value"),
    [
        (ECS, "api", {"cpu": True}),
        (ECS, "api", {"memoryGib": True}),
        (ECS, "api", {"min": True}),
        (ECS, "limits", {"monthlyUsd": True}),
        ("local", "rollout", {"marginPoints": True}),
    ],
    ids=str,
)
def test_true_is_no_number(stack: str, key: str, value: dict[str, object]) -> None:
    """Though Python takes it for 1."""
    with pytest.raises(ConfigError, match=f"trimaran:{key}.{next(iter(value))} is true; it must be"):
        parsed(key, value, stack)
