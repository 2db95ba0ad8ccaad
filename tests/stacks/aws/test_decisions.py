"""What is decided from config alone, without an engine: versions, sizes, routes, deployments, ranges, permissions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.gpu import AWS, MEMORY_GIB, fit
from catalog.models import DEFAULT_SERVED, GIB, SERVED
from catalog.names import NAME_RULES
from stacks.aws import routes
from stacks.aws.account import Account
from stacks.aws.components import deployment
from stacks.aws.components.network import split
from stacks.aws.components.roles import repository_arn
from stacks.aws.config import EcsConfig, EcsRollout
from stacks.aws.refusals import (
    PLACEHOLDER,
    refuse_missing,
    refuse_no_model,
    refuse_placeholders,
    refuse_unknown_retention,
    refuse_unsafe_ingress,
)
from stacks.aws.sizing import sizing_of
from stacks.aws.versions import versions_of
from stacks.config import ConfigError, Environment
from stacks.naming import name
from stacks.parsing import parse

ROOT = Path(__file__).parents[3]
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:" + "a" * 64
ACCOUNT = Account(
    stack="aws-ecs-dev", environment=Environment.DEV, id="123456789012", region="us-east-1", partition="aws"
)
_SECRET_KEYS = ("trimaran:apiKeys", "trimaran:promotionKey")
BASE: dict[str, Any] = {"image": IMAGE, "collector": IMAGE, "engine": {"image": IMAGE}}


def config(*, rehearsal: bool = False, **keys: Any) -> EcsConfig:
    """A config of `aws-ecs-dev` with these keys; None takes one of the base out."""
    given = {key: value for key, value in {**BASE, **keys}.items() if value is not None}
    found = parse(flat(given), "aws-ecs-dev", secret_keys=_SECRET_KEYS, rehearsal=rehearsal)
    assert isinstance(found, EcsConfig)
    return found


def flat(keys: dict[str, Any]) -> dict[str, str]:
    """Keys as the engine hands them to a program."""
    raw = {f"trimaran:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}
    return {"aws:region": "us-east-1", **raw}


# --- whether a model fits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "gpu", "count", "context", "fits"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", "T4", 1, 16_384, True),
        ("Qwen/Qwen2.5-7B-Instruct", "T4", 1, 16_384, False),
        ("Qwen/Qwen2.5-7B-Instruct", "T4", 4, 16_384, True),
        ("Qwen/Qwen2.5-7B-Instruct", "L4", 1, 16_384, True),
        ("Qwen/Qwen2.5-7B-Instruct", "L4", 1, 32_768, True),
        ("Qwen/Qwen3-8B", "L4", 1, 16_384, False),
        ("Qwen/Qwen3-8B", "L40S", 1, 16_384, True),
        ("Qwen/Qwen3-32B", "L40S", 1, 16_384, False),
        ("Qwen/Qwen3-32B", "L4", 4, 16_384, True),
        ("Qwen/Qwen3-32B", "H100", 1, 8_192, True),
    ],
)
def test_a_model_fits_or_not(model: str, gpu: str, count: int, context: int, fits: bool) -> None:
    """Weights, cache and overhead against what can be used, with sixteen requests at a time."""
    shown = fit(SERVED[model], gpu, count, context_tokens=context, concurrency=16)

    assert shown.fits is fits, shown.sentence


@pytest.mark.parametrize("model", sorted(SERVED))
def test_the_catalogs_numbers_agree_with_each_other(model: str) -> None:
    """Bytes are parameters in two bytes each; a pin is a commit; the weights are among the files."""
    served = SERVED[model]

    assert served.weights_bytes == served.parameters * 2
    assert len(served.revision) == 40
    assert any(file.endswith(".safetensors") for file in served.files)


def test_the_cache_of_a_token_is_what_the_models_shape_says() -> None:
    """56 KiB for the default model: 2 × 28 layers × 4 heads × 128 × 2 bytes."""
    served = SERVED[DEFAULT_SERVED]
    one = fit(served, "L4", 1, context_tokens=1, concurrency=1)

    assert served.kv_bytes_per_token == 57_344
    assert one.cache_gib == 57_344 / GIB


def test_instances_have_known_gpus() -> None:
    """The two tables speak of the same kinds."""
    assert {each.kind for each in AWS.values()} <= set(MEMORY_GIB)


# --- what is refused, in words a person can act on ----------------------------------------------------------------------


def judge(**keys: Any) -> None:
    """Everything that the target asks of a config before it makes anything."""
    given = config(**keys)
    for refuse in (refuse_missing, refuse_placeholders, refuse_unsafe_ingress, refuse_unknown_retention):
        refuse(given)
    refuse_no_model(given)
    sizing_of(given, versions_of(given).stable)


@pytest.mark.parametrize(
    ("keys", "sentence", "hint"),
    [
        ({"image": None}, "trimaran:image is not set: nothing says which app to run.", "config set trimaran:image"),
        ({"collector": None}, "trimaran:collector is not set", "config set trimaran:collector"),
        ({"engine": {}}, "no model would answer", "trimaran:engine.image"),
        (
            {"routes": "r.yaml"},
            "'trimaran:routes' is not read by the target 'aws-ecs', only by local",
            "rm trimaran:routes",
        ),
        (
            {"port": "8080"},
            "'trimaran:port' is not read by the target 'aws-ecs', only by local",
            "config rm trimaran:port",
        ),
        (
            {"pipeline": {}},
            "is not read by the target 'aws-ecs', only by aws-foundation",
            "config rm trimaran:pipeline",
        ),
        (
            {"network": {"nat": "one"}},
            "'trimaran:network.nat' is not read by the target 'aws-ecs'",
            "config rm --path trimaran:network.nat",
        ),
        ({"image": f"x/app@{PLACEHOLDER}"}, "trimaran:image has the placeholder digest", "config set trimaran:image"),
        ({"image": "x/app:latest"}, "trimaran:image is 'x/app:latest'; it must be an image with its digest", ""),
        ({"ingress": {"public": True}}, "without a certificate", "trimaran:domain.name"),
        ({"ingress": {"public": True, "certificate": "arn:x"}}, "allowedCidrs is empty", "203.0.113.0/24"),
        (
            {"ingress": {"public": True, "certificate": "arn:x", "allowedCidrs": ["10.0.0.0/8"]}},
            "without trimaran:promotionKey",
            "openssl rand",
        ),
        ({"promotionKey": "short"}, "trimaran:promotionKey must be 16 characters or more.", "--secret"),
        ({"retentionDays": "31"}, "the nearest is 30", "config set trimaran:retentionDays 30"),
        ({"gpu": {"kind": "L5"}}, "'L5' is not to be had on AWS", "trimaran:gpu.kind L4"),
        ({"gpu": {"kind": "T4"}}, "weights 14.2 + KV cache 1.7 + overhead 2.0 = 17.9 GiB, and 13.5", "gpu.kind A10G"),
        ({"gpu": {"kind": "L4", "count": 3}}, "split over 1, 2, 4 or 8", "trimaran:gpu.count 1"),
        ({"settings": {"model": "Qwen/Qwen3-32B"}}, "does not fit 1 × L4", "trimaran:gpu.kind H100"),
        ({"settings": {"model": "qwen-7b"}}, "is not in catalog/models.py", DEFAULT_SERVED),
        ({"settings": {"modelRevision": "main"}}, "it must be a commit", SERVED[DEFAULT_SERVED].revision),
        ({"engine": {"image": IMAGE, "contextTokens": 99_999}}, "takes at most 32768", "contextTokens 32768"),
        ({"capacity": {"instanceTypes": ["g6.huge"]}}, "Did you mean 'g6", "instanceTypes[0]"),
        ({"capacity": {"instanceTypes": ["g5.2xlarge"]}}, "has A10G, and trimaran:gpu.kind is L4", "g6.xlarge"),
        (
            {"gpu": {"kind": "L4", "count": 4}, "capacity": {"instanceTypes": ["g6.2xlarge"]}},
            "has 1 GPU, and one replica takes 4",
            "g6.12xlarge",
        ),
        ({"gpu": {"spot": True}, "capacity": {"warmPool": 1}}, "Spot ones cannot be kept", "rm --path"),
        ({"gpu": {"spot": True}, "capacity": {"reservations": ["cr-1"]}}, "not for Spot", "rm --path"),
        ({"capacity": {"onDemandBase": 1}}, "how many are not Spot, and none is", "rm --path"),
        ({"capacity": {"kind": "managed", "ami": "ami-01234567"}}, "ECS chooses the image", "rm --path"),
        (
            {"scaling": {"max": 4}, "limits": {"gpuQuota": 4}},
            "scaling.max 4 can need 8 GPUs while blue and green run side by side",
            "trimaran:scaling.max 2",
        ),
        ({"deployment": {"strategy": "canary"}}, "is part of trimaran:rollout", "config rm trimaran:deployment"),
        ({"rollout": {"strategy": "canary"}}, "it must be blue-green, whose `steps` make it a canary", "blue-green"),
        ({"rollout": {"strategy": "rolling", "steps": [5, 100]}}, "there is no green, and nothing reads steps", ""),
        ({"rollout": {"strategy": "rolling", "stepMinutes": 1}}, "no green, and nothing reads stepMinutes", ""),
        (
            {"rollout": {"strategy": "rolling", "pauseMinutes": 60, "bakeMinutes": 10}},
            "no green, and nothing reads bakeMinutes, pauseMinutes",
            "",
        ),
        ({"rollout": {"steps": [100], "stepMinutes": 1}}, "at once, and nothing reads stepMinutes", ""),
        ({"rollout": {"steps": [5, 25, 50, 100]}}, "knows one share and then all, as [5, 100], equal steps", ""),
        (
            {"rollout": {"steps": [*range(2, 100, 2), 100]}},
            "steps of 2 are below 3, the smallest equal step of ECS",
            "",
        ),
        ({"network": {"vpc": "vpc-01234567"}}, "needs privateSubnets: two or more", ""),
        ({"fallbacks": [{"provider": "vertex", "model": "x1"}]}, "must be bedrock", ""),
        ({"foundation": "a/b"}, "must be a stack, or organization/project/stack", "aws-foundation-dev"),
        ({"api": {"min": 3, "max": 2}}, "min 3 is above max 2", ""),
        ({"capacityy": {}}, "'trimaran:capacityy' is unknown. Did you mean 'capacity'?", "rm trimaran:capacityy"),
        ({"engine": {"imag": "x"}}, "'trimaran:engine.imag' is unknown. Did you mean 'image'?", ""),
    ],
)
def test_a_config_that_cannot_work_is_refused(keys: dict[str, Any], sentence: str, hint: str) -> None:
    """Before anything is made, with the value seen and a command that corrects it."""
    with pytest.raises(ConfigError) as raised:
        judge(**keys)

    assert sentence in raised.value.sentence
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("keys", "sentence", "hint"),
    [
        ({"network": {"nat": "none"}}, "no task could fetch its image", ""),
        ({"network": {"cidr": "10.0.0.0/24"}}, "must be a range from /16 to /20", ""),
        ({"network": {"zones": 1}}, "must be 2 or 3", "trimaran:network.zones 2"),
        (
            {"settings": {}},
            "is not read by the target 'aws-foundation', only by local, aws-ecs",
            "rm trimaran:settings",
        ),
        ({"limits": {"gpuQuota": 1}}, "'trimaran:limits.gpuQuota' is not read by the target 'aws-foundation'", ""),
    ],
)
def test_a_foundation_that_cannot_work_is_refused(keys: dict[str, Any], sentence: str, hint: str) -> None:
    """It has keys of its own, and none of what answers requests."""
    with pytest.raises(ConfigError) as raised:
        parse(flat(keys), "aws-foundation-dev")

    assert sentence in raised.value.sentence
    assert hint in raised.value.hint


def test_secrets_in_plain_text_are_refused() -> None:
    """Also the promotion's key."""
    with pytest.raises(ConfigError, match="trimaran:promotionKey is stored in plain text"):
        parse({"trimaran:promotionKey": "0123456789abcdef"}, "aws-ecs-dev")


def test_a_rehearsal_takes_placeholders() -> None:
    """A first look at a stack needs no image."""
    refuse_placeholders(config(rehearsal=True, image=f"x/app@{PLACEHOLDER}"))


def test_a_retention_that_cloudwatch_knows_is_the_sdks() -> None:
    """Our list against botocore's documentation of the call."""
    from botocore.session import Session

    model = Session().get_service_model("logs").operation_model("PutRetentionPolicy").input_shape
    text = model.members["retentionInDays"].documentation
    from stacks.aws.refusals import _RETENTION_DAYS

    assert [days for days in _RETENTION_DAYS if f"{days}" not in text] == []


# --- versions, sizes, routes --------------------------------------------------------------------------------------------


def test_without_settings_the_default_model_answers() -> None:
    """An ungated one, pinned by commit."""
    version = versions_of(config()).stable

    assert (version.model, version.model_revision) == (DEFAULT_SERVED, SERVED[DEFAULT_SERVED].revision)


def test_a_prompt_changes_the_revision_and_not_the_engine() -> None:
    """An app edit reloads no weights."""
    versions = versions_of(config(candidate={"settings": {"systemPrompt": "Be brief."}}))

    assert versions.newest.revision != versions.stable.revision
    assert list(versions.engines) == [versions.stable.engine]


@pytest.mark.parametrize(
    "candidate",
    [{"settings": {"model": "Qwen/Qwen2.5-0.5B-Instruct"}}, {"settings": {"modelRevision": "b" * 40}}],
)
def test_another_model_is_another_engine(candidate: dict[str, Any]) -> None:
    """Green is a green api in front of a green engine."""
    assert len(versions_of(config(candidate=candidate)).engines) == 2


def test_what_a_candidate_does_not_name_is_as_in_blue() -> None:
    """Another image with the same settings."""
    settings = {"systemPrompt": "Be brief."}
    versions = versions_of(config(settings=settings, candidate={"image": IMAGE.replace("a" * 64, "b" * 64)}))

    assert versions.newest.system_prompt == "Be brief."
    assert versions.newest.engine == versions.stable.engine


def test_a_candidate_that_is_the_stable_version_is_none() -> None:
    """Nothing waits at a gate for no change."""
    assert versions_of(config(candidate={"image": IMAGE})).candidate is None


def test_instances_are_the_smallest_that_hold_the_weights() -> None:
    """16 GiB of memory are too few to load 14 GiB of weights through."""
    given = config()

    assert sizing_of(given, versions_of(given).stable).types == ["g6.2xlarge", "g6.4xlarge", "g6.8xlarge"]


def test_there_is_room_for_blue_beside_green() -> None:
    """Twice the replicas; several on an instance that has the GPUs."""
    one = config(scaling={"max": 3})
    shared = config(scaling={"max": 3}, capacity={"instanceTypes": ["g6.12xlarge"]})

    assert sizing_of(one, versions_of(one).stable).max_instances == 6
    assert sizing_of(shared, versions_of(shared).stable).max_instances == 2


def test_the_fallback_is_the_apis_second_backend() -> None:
    """Routes name the adapter, the model and the region."""
    given = config(fallbacks=[{"model": "amazon.nova-lite-v1:0"}], settings={"systemPrompt": "Be brief."})
    version = versions_of(given).stable
    document = yaml.safe_load(routes.of_api(version, given, "aws-ecs-dev.internal", "us-east-1"))

    assert document["backends"]["bedrock-1"] == {
        "adapter": "bedrock",
        "model": "amazon.nova-lite-v1:0",
        "region": "us-east-1",
    }
    assert document["backends"]["engine"]["base_url"] == f"http://engine-{version.engine}.aws-ecs-dev.internal:8000/v1"
    assert document["backends"]["engine"]["scale_to_zero"]
    assert [each["use"] for each in document["models"]["chat"]["backends"]] == ["engine", "bedrock-1"]
    assert document["models"]["chat"]["system_prompt"] == "Be brief."


def test_without_an_engine_only_fallbacks_answer() -> None:
    """A stack without GPUs."""
    given = config(engine={}, fallbacks=[{"model": "amazon.nova-lite-v1:0"}])
    versions = versions_of(given)

    assert versions.engines == {}
    assert list(yaml.safe_load(routes.of_api(versions.stable, given, "x", "us-east-1"))["backends"]) == ["bedrock-1"]


def test_litserve_does_not_split_a_model() -> None:
    """It loads a whole one onto each GPU, so more than one for a replica would be paid and not used as sizes count them."""
    given = config(engine={"image": IMAGE, "kind": "litserve"}, gpu={"kind": "L4", "count": 2})
    with pytest.raises(ConfigError, match=r"gpu\.count is 2, and trimaran:engine\.kind litserve"):
        sizing_of(given, versions_of(given).stable)


def test_the_api_calls_litserve_by_openais_fields_alone() -> None:
    """What vLLM knows beyond them would be refused there; and the kind is part of the engine's name."""
    given = config(engine={"image": IMAGE, "kind": "litserve"})
    version = versions_of(given).stable
    document = yaml.safe_load(routes.of_api(version, given, "x", "us-east-1"))

    assert document["backends"]["engine"]["adapter"] == "openai_compatible"
    assert version.engine != versions_of(config()).stable.engine


# --- deployments, ranges, names, permissions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rollout", "made"),
    [
        ({"steps": [100]}, {"strategy": "BLUE_GREEN"}),
        (
            {"steps": [5, 100]},
            {
                "strategy": "CANARY",
                "canary_configuration": {"canary_percent": 5.0, "canary_bake_time_in_minutes": "10"},
            },
        ),
        (
            {"steps": [25, 50, 75, 100]},
            {
                "strategy": "LINEAR",
                "linear_configuration": {"step_percent": 25.0, "step_bake_time_in_minutes": "10"},
            },
        ),
        (
            {"steps": [30, 60, 90, 100]},
            {
                "strategy": "LINEAR",
                "linear_configuration": {"step_percent": 30.0, "step_bake_time_in_minutes": "10"},
            },
        ),
    ],
)
def test_steps_are_the_strategy_that_ecs_has_for_them(rollout: dict[str, Any], made: dict[str, Any]) -> None:
    """With its own configuration only: ECS refuses a canary's beside a linear one's. Blue bakes, and a promotion pauses."""
    configuration = deployment.configuration(config(rollout=rollout).rollout, promoting=True)

    assert configuration.pop("bake_time_in_minutes") == "10"
    assert configuration.pop("lifecycle_hooks")
    assert configuration == made


def test_a_rolling_deployment_has_no_green() -> None:
    """Nothing bakes, pauses or is split."""
    rollout = config(rollout={"strategy": "rolling"}).rollout

    assert not rollout.is_split
    assert rollout.steps == (100,)
    assert deployment.configuration(rollout, promoting=True) == {"strategy": "ROLLING"}


def test_nothing_pauses_unless_something_is_promoted() -> None:
    """The first deploy, and one by hand, need nobody to let them go on."""
    assert "lifecycle_hooks" not in deployment.configuration(EcsRollout(), promoting=False)


@pytest.mark.parametrize(
    ("rollout", "minutes"),
    [
        ({"strategy": "rolling"}, 40),
        ({"steps": [100]}, 110),
        ({"steps": [100], "bakeMinutes": 20, "pauseMinutes": 30}, 90),
        ({"steps": [5, 100]}, 120),
        ({"steps": [*range(5, 101, 5)]}, 310),
    ],
)
def test_the_longest_deployment_is_the_sum_of_its_waits(rollout: dict[str, Any], minutes: int) -> None:
    """Steps of ten minutes, ten to bake, an hour to pause, forty for tasks to start and drain."""
    assert deployment.longest_minutes(config(rollout=rollout).rollout) == minutes


def test_subnets_do_not_overlap() -> None:
    """Public ones from the first sixteenth, private ones a sixteenth each."""
    public, private = split("10.40.0.0/16", 3)

    assert public == ["10.40.0.0/24", "10.40.1.0/24", "10.40.2.0/24"]
    assert private == ["10.40.16.0/20", "10.40.32.0/20", "10.40.48.0/20"]


@pytest.mark.parametrize(
    "stack", ["aws-ecs-dev", "aws-ecs-staging", "a-rather-long-name-of-a-stack-that-somebody-chose-prod"]
)
def test_names_are_within_the_clouds_limits(stack: str) -> None:
    """Also for a stack with a long name of its own."""
    for kind, parts in (
        ("aws.load_balancer", (stack,)),
        ("aws.target_group", (stack, "green")),
        ("aws.ecs_capacity_provider", ("gpu", stack)),
        ("aws.iam_role", (stack, "pipeline", "preview")),
        ("aws.elasticache_group", (stack, "redis")),
        ("aws.s3_bucket", (stack, "models", "123456789012", "us-east-1")),
        ("aws.alarm", (stack, "engine-12345678", "schedule-sleep")),
    ):
        assert NAME_RULES[kind].allows(name(kind, *parts))


def test_an_image_from_elsewhere_needs_no_permission_in_ecr() -> None:
    """And one from another account or region names its own repository."""
    assert repository_arn(ACCOUNT, "ghcr.io/team/app@sha256:0") == ""
    assert (
        repository_arn(ACCOUNT, "210987654321.dkr.ecr.eu-west-1.amazonaws.com/team/app@sha256:0")
        == "arn:aws:ecr:eu-west-1:210987654321:repository/team/app"
    )
