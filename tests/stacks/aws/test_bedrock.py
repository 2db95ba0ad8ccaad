"""What is decided for `aws-bedrock` from config alone, and what its stacks hold after a real `up`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from app.logic import routes as app_routes
from stacks.aws import routes
from stacks.aws.bedrock import versions_of
from stacks.aws.bedrock_refusals import (
    refuse_elsewhere,
    refuse_no_decision,
    refuse_repeated,
    refuse_unbuilt_front,
    refuse_unbuyable,
)
from stacks.aws.components import guardrail
from stacks.aws.components.routes_parameter import digest_of, tier_of
from stacks.aws.config import BedrockConfig, GuardrailSection, Preset
from stacks.aws.managed_models import fallbacks_of, models_of
from stacks.aws.routes import GuardrailRef, LateRoutes, Managed
from stacks.aws.versions import Version
from stacks.config import ConfigError
from stacks.parsing import parse
from tests.stacks.aws.test_decisions import IMAGE, flat
from tests.stacks.rehearsals import Rehearsals

STACK = "aws-bedrock-dev"
LITE = "us.amazon.nova-2-lite-v1:0"
BASE: dict[str, Any] = {
    "image": IMAGE,
    "collector": IMAGE,
    "settings": {"model": LITE},
    "guardrail": {"preset": "standard"},
}
NONE = GuardrailSection(preset=Preset.NONE)
BEDROCK = ["aws-bedrock-dev", "aws-bedrock-prod", "aws-bedrock-dev-bought"]


def config(**keys: Any) -> BedrockConfig:
    """A config of `aws-bedrock-dev` with these keys; None takes one of the base out."""
    given = {key: value for key, value in {**BASE, **keys}.items() if value is not None}
    found = parse(flat(given), STACK)
    assert isinstance(found, BedrockConfig)
    return found


def judge(**keys: Any) -> None:
    """Everything that the target asks of a config beside what every api is asked."""
    given = config(**keys)
    refuse_unbuilt_front(given)
    versions = versions_of(given, refuse_no_decision(given))
    refuse_repeated(given, [each.model for each in versions.each])
    named = [("settings.model", each.model) for each in versions.each]
    models = models_of(given, [*named, *fallbacks_of(given)])
    refuse_elsewhere(given, models.values())
    refuse_unbuyable(given, [models[each.model] for each in versions.each])


@pytest.mark.parametrize(
    ("keys", "sentence", "hint"),
    [
        ({"front": "lambda"}, "trimaran:front is 'lambda', which is not built yet: the api runs on ecs only.", "ecs"),
        ({"guardrail": None}, "must be said, also that nothing does", "trimaran:guardrail.preset standard"),
        ({"guardrail": {"id": "ab12"}}, "named by its id and a version", "edit stacks/environments"),
        ({"guardrail": {"id": "ab12", "version": "DRAFT"}}, "DRAFT changes under a running app", "guardrail.version"),
        ({"guardrail": {"preset": "standard", "id": "ab12"}}, "say preset: standard, or id and version", "edit"),
        ({"guardrail": {}}, "say preset: standard, or id and version", "edit"),
        ({"guardrail": "off"}, "trimaran:guardrail is 'off'; it must be a map", "edit"),
        ({"settings": {}}, "trimaran:settings.model is not set", "trimaran:settings.model us.amazon"),
        ({"settings": {"model": "Qwen/Qwen3-8B"}}, "which is no id of a model or profile", "settings.model"),
        ({"settings": {"model": LITE, "modelRevision": "1"}}, "pinned by its id alone", "rm --path"),
        (
            {"limits": {"regions": ["us-east-1"]}},
            f"'{LITE}' may answer in us-east-2, us-west-2",
            "regions[1]' us-east-2",
        ),
        (
            {"settings": {"model": "global.amazon.nova-2-lite-v1:0"}},
            "may answer in any commercial region, and trimaran:limits.residency does not say so",
            "limits.residency anywhere",
        ),
        (
            {"settings": {"model": "eu.amazon.nova-lite-v1:0"}},
            "'eu.amazon.nova-lite-v1:0', a profile that cannot be called from us-east-1: take us.amazon.nova-lite-v1:0",
            "settings.model' us.amazon.nova-lite-v1:0",
        ),
        (
            {"settings": {"model": "kr.amazon.nova-lite-v1:0"}},
            "'kr' is no geography that catalog/inference_profiles.py knows",
            "settings.model' us.amazon.nova-lite-v1:0",
        ),
        ({"settings": {"model": ""}}, "trimaran:settings.model is ''", "settings.model us.amazon.nova-2-lite"),
        ({"settings": {"model": 5}}, "trimaran:settings.model is 5", "settings.model us.amazon.nova-2-lite"),
        ({"fallbacks": {"model": LITE}}, "it must be a list like", "edit stacks/environments"),
        ({"limits": {"regions": "us-east-1"}}, "it must be a list of regions", "edit stacks/environments"),
        ({"limits": {"regions": []}}, "trimaran:limits.regions allows none.", "regions[0]' us-east-1"),
        ({"settings": {"model": "gpt-4o"}}, "which is no id of a model or profile", "settings.model"),
        ({"settings": {"model": "us."}}, "which is no id of a model or profile", "settings.model"),
        ({"settings": {"model": "amazon.titan-embed-text-v2:0"}}, "which is no id of a model", "settings.model"),
        ({"fallbacks": [{"model": "arn:aws:bedrock:x"}]}, "trimaran:fallbacks[0].model is 'arn:aws", "fallbacks[0]"),
        (
            {"fallbacks": [{"model": LITE}]},
            f"trimaran:fallbacks[0].model is '{LITE}', which is asked before it already",
            "rm --path 'trimaran:fallbacks[0]'",
        ),
        (
            {"regions": {LITE: ["us-east-1"]}, "limits": {"regions": ["us-east-1"]}},
            f"trimaran:regions says where '{LITE}' leads, and catalog/inference_profiles.py knows where it leads from"
            " us-east-1: us-east-1, us-east-2, us-west-2.",
            "config rm --path",
        ),
        ({"throughput": {"units": 1}}, "is a profile over several", "settings.model amazon.nova-2-lite-v1:0"),
        ({"throughput": {"units": 1, "commitment": "OneYear"}}, "must be none, OneMonth or SixMonths", "commitment"),
        (
            {"engine": {"image": IMAGE}},
            "'trimaran:engine' is not read by the target 'aws-bedrock', only by aws-ecs",
            "rm",
        ),
        ({"gpu": {"kind": "L4"}}, "'trimaran:gpu' is not read by the target 'aws-bedrock', only by aws-ecs", "rm"),
        ({"scaling": {"min": 0}}, "'trimaran:scaling' is not read by the target 'aws-bedrock'", "rm"),
        ({"capacity": {"warmPool": 1}}, "'trimaran:capacity' is not read by the target 'aws-bedrock'", "rm"),
        ({"schedule": {}}, "'trimaran:schedule' is not read by the target 'aws-bedrock'", "rm"),
        ({"limits": {"gpuQuota": 1}}, "'trimaran:limits.gpuQuota' is not read by the target 'aws-bedrock'", "rm"),
    ],
    ids=str,
)
def test_a_config_that_cannot_work_is_refused(keys: dict[str, Any], sentence: str, hint: str) -> None:
    """In one sentence, with a command that helps."""
    with pytest.raises(ConfigError) as raised:
        judge(**keys)

    assert sentence in raised.value.sentence
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"guardrail": "none"},
        {"guardrail": {"preset": "none"}},
        {"guardrail": {"id": "ab12", "version": "3"}},
        {"front": "ecs"},
        {
            "settings": {"model": "amazon.nova-lite-v1:0"},
            "throughput": {"units": 1},
            "limits": {"regions": ["us-east-1"]},
        },
        {"settings": {"model": "global.amazon.nova-2-lite-v1:0"}, "limits": {"residency": "anywhere"}},
        {"limits": {"regions": ["us-east-1", "us-east-2", "us-west-2"]}},
    ],
    ids=str,
)
def test_what_is_said_aloud_is_taken(keys: dict[str, Any]) -> None:
    """None as a guardrail, a region for each that may answer, anywhere for a global profile."""
    judge(**keys)


@pytest.mark.parametrize(
    "changed",
    [{"settings": {"model": LITE, "systemPrompt": "Be brief."}}, {"settings": {"model": "us.amazon.nova-lite-v1:0"}}],
    ids=str,
)
def test_what_changes_the_answers_is_another_revision(changed: dict[str, Any]) -> None:
    """Model, prompt and guardrail; two of them are blue and green."""
    given = config(candidate=changed)
    blue, green = versions_of(given, NONE).each

    assert blue.revision != green.revision
    assert versions_of(given, GuardrailSection(preset=Preset.STANDARD)).stable.revision != blue.revision


def late(prompt: str = "", model: str = LITE, meaning: str = "standard 1") -> LateRoutes:
    """Routes of a model with a fallback, behind a guardrail."""
    version = Version(image=IMAGE, model=model, system_prompt=prompt, revision="abc")
    found = models_of(config(), [("x", model), ("y", "us.anthropic.claude-opus-4-5-20251101-v1:0")])
    backends = [Managed(name=f"bedrock-{at}", model=each, called_by="arn") for at, each in enumerate(found.values())]

    async def made() -> LateRoutes:
        late = routes.of_managed(version, backends, GuardrailRef(id="ab", version="1", meaning=meaning), "us-east-1")
        await (
            late.text.future()
        )  # an output that never comes would hold up every later test that deploys in this process
        return late

    return asyncio.run(made())


def test_routes_carry_the_price_that_an_arn_does_not_tell() -> None:
    """From the catalogue; a model without a price there has none, and its dollars stay unknown."""
    document = json.loads(late().plain)

    assert document["backends"]["bedrock-0"]["price"] == {
        "input_usd_per_mtok": "0.33",
        "output_usd_per_mtok": "2.75",
        "cache_read_usd_per_mtok": "0.0825",
    }
    assert "price" not in document["backends"]["bedrock-1"]


def test_other_routes_are_another_parameter() -> None:
    """A task reads its routes when it starts: what changes them must start it anew."""
    digests = {digest_of(each) for each in (late(), late("Be brief."), late(model="us.amazon.nova-lite-v1:0"))}

    assert len(digests | {digest_of(late(meaning="standard 2"))}) == 4
    assert digest_of(late()) == digest_of(late())


@pytest.mark.parametrize("prompt", ["{{name}}", "{{{", 'a "quoted" {{ssm:/x}} }}', "é\n\t{ {"])
def test_a_prompt_with_braces_is_taken_as_it_is(prompt: str) -> None:
    """Parameter Store reads two braces as a reference: there are none in the text, and the app reads the prompt as it was."""
    plain = late(prompt).plain

    assert "{{" not in plain
    assert app_routes.parse(plain, "x").models["chat"].system_prompt == prompt


@pytest.mark.parametrize(
    "number", [0x7F, 0x80, 0x85, 0x9F, 0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x1F600]
)
def test_a_prompt_with_what_yaml_does_not_print_is_taken_as_it_is(number: int) -> None:
    """It neither stops the api nor becomes another prompt; what can be read stays readable."""
    prompt = f"a{chr(number)} b \\ é"

    assert app_routes.parse(late(prompt).plain, "x").models["chat"].system_prompt == prompt
    assert "é" in late(prompt).plain


def test_a_long_prompt_takes_the_larger_tier_and_a_longer_one_is_refused() -> None:
    """By its bytes, with room for the ARNs."""
    assert tier_of(late("x" * 2000).plain, STACK) == "Standard"
    assert tier_of(late("x" * 4000).plain, STACK) == "Advanced"
    with pytest.raises(ConfigError, match="a parameter takes 8192"):
        tier_of(late("é" * 4000).plain, STACK)


def test_a_changed_guardrail_says_so() -> None:
    """Its version, the revision and the routes are made anew by this word."""
    before = guardrail.meaning()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(guardrail.STANDARD, "blocked_input_messaging", "No.")
        assert guardrail.meaning() != before


# --- the stacks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", BEDROCK)
def test_no_gpu_and_nothing_of_an_engine_is_made(shape: str, rehearsals: Rehearsals) -> None:
    """Nor names that nobody looks up."""
    made = {each.type.rpartition(":")[2] for each in rehearsals[shape].resources}

    assert not made & {"LaunchTemplate", "Group", "CapacityProvider", "PrivateDnsNamespace"}
    assert [each.name for each in rehearsals[shape].resources if each.name.startswith("engine")] == []


@pytest.mark.parametrize("shape", BEDROCK)
def test_the_app_reads_the_routes_that_the_stack_writes(shape: str, rehearsals: Rehearsals) -> None:
    """From the parameter that its task names: ARNs of the stack's own, the guardrail in its version, prices where there are any."""
    deployed = rehearsals[shape]
    [task] = deployed.of("TaskDefinition")
    app = task.document("containerDefinitions")[0]
    [name] = [each["valueFrom"] for each in app["secrets"] if each["name"] == "TRIMARAN_ROUTES_YAML"]
    [text] = [each["value"] for each in deployed.opened if each.get("name") == name]

    first, second = app_routes.parse(text, name).backends.values()

    assert "TRIMARAN_ROUTES_YAML" not in [each["name"] for each in app["environment"]]
    assert [each.adapter for each in (first, second)] == ["bedrock", "bedrock"]
    kind = "provisioned-model" if "bought" in shape else "application-inference-profile"
    assert first.profile.startswith(f"arn:aws:bedrock:us-east-1:123456789012:{kind}/")
    assert second.profile.startswith("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/")
    assert not any(each.model.startswith("arn:") for each in (first, second))
    assert first.guardrail
    assert first.guardrail.version == ("3" if "bought" in shape else "1")
    assert (first.price is None) == ("bought" in shape)
    assert second.price


@pytest.mark.parametrize("shape", ["aws-bedrock-dev", "aws-bedrock-prod"])
def test_every_model_is_called_through_a_profile_that_says_who_pays(shape: str, rehearsals: Rehearsals) -> None:
    """With the stack's tags, over the profile that config names."""
    profiles = rehearsals[shape].of("InferenceProfile")

    assert {each.inputs["modelSource"]["copyFrom"].rpartition("/")[2] for each in profiles} == {
        LITE,
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    }
    assert {each.inputs["tags"]["trimaran-role"] for each in profiles} == {"answers", "fallback"}


@pytest.mark.parametrize("shape", ["aws-bedrock-dev"])
def test_the_guardrail_is_used_in_a_version_that_stays(shape: str, rehearsals: Rehearsals) -> None:
    """Of the guardrail with its filters; orders hidden in a prompt are looked for on its side only."""
    deployed = rehearsals[shape]
    filters = deployed.one("Guardrail", "guardrail").inputs["contentPolicyConfig"]["filtersConfigs"]

    assert deployed.one("GuardrailVersion", "guardrail").inputs["skipDestroy"] is True
    assert {each["type"]: each["outputStrength"] for each in filters}["PROMPT_ATTACK"] == "NONE"


@pytest.mark.parametrize("shape", ["aws-bedrock-dev-bought"])
def test_bought_units_answer_in_place_of_a_profile(shape: str, rehearsals: Rehearsals) -> None:
    """Only for what answers first; the role may call units with this stack's tag."""
    deployed = rehearsals[shape]
    units = deployed.one("ProvisionedModelThroughput", "amazon.nova-lite-v1-0").inputs

    assert (units["modelUnits"], units["commitmentDuration"]) == (2, "OneMonth")
    assert [each.inputs["tags"]["trimaran-role"] for each in deployed.of("InferenceProfile")] == ["fallback"]
    assert "provisioned-model/*" in str(deployed.one("RolePolicy", "api").inputs["policy"])


@pytest.mark.parametrize("shape", ["aws-bedrock-dev"])
def test_another_model_is_a_second_revision_that_ecs_splits(shape: str, rehearsals: Rehearsals) -> None:
    """Green has its own profile, routes and task; blue's stay, and the service waits at its gate."""
    deployed = rehearsals[shape]
    project, stack = deployed.rehearsed.scratch, deployed.stack
    before = project.config(stack)
    project.write_config(stack, {**before, "trimaran:candidate": {"settings": {"model": "us.amazon.nova-lite-v1:0"}}})
    try:
        preview = deployed.rehearsed.run("preview", "candidate")
    finally:
        project.write_config(stack, before)

    changes = {(step.op, step.token.rpartition(":")[2]) for step in preview.changes}
    assert changes == {
        ("create", "InferenceProfile"),
        ("create", "Parameter"),
        ("create", "TaskDefinition"),
        ("update", "RolePolicy"),
        ("update", "Service"),
    }
    update = next(each for each in preview.digest["steps"] if each["urn"].endswith("ecs/service:Service::api"))
    assert update["newState"]["inputs"]["deploymentConfiguration"]["lifecycleHooks"][0]["targetType"] == "PAUSE"
