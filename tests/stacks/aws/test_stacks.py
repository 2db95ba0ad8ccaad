"""What every shape of the stacks on AWS keeps, read from the state after a real `up`."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import yaml

from app.engines.kinds import KINDS
from app.logic import routes as app_routes
from delivery.rehearsal.running import Run
from providers.rehearsal.clouds.aws.iam import check_policy
from providers.rehearsal.findings import Finding, InputPlace
from stacks.outputs import Outputs
from tests.stacks.aws.rehearsals import EXAMPLES, SHAPES
from tests.stacks.rehearsals import Deployed, Rehearsals, Resource

ECS = [shape for shape in sorted(SHAPES) if shape.startswith("aws-ecs")]
# Actions that AWS takes for every resource or none, by its service authorization reference.
WITHOUT_RESOURCE = (
    "ecr:GetAuthorizationToken",
    "ecs:DiscoverPollEndpoint",
    "elasticloadbalancing:Describe*",
)


def policies(deployed: Deployed) -> Iterator[tuple[Resource, str, list[dict[str, Any]]]]:
    """Every policy document with its statements."""
    for each in deployed.resources:
        for key in ("policy", "assumeRolePolicy"):
            if key in each.inputs and "Statement" in str(each.inputs[key]):
                yield each, key, each.document(key)["Statement"]


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("shape", EXAMPLES)
def test_a_second_up_changes_nothing(shape: str, rehearsals: Rehearsals) -> None:
    """The same config gives the same inputs, also after an outside hand has moved what ECS owns."""
    again: Run = rehearsals[shape].rehearsed.run("up", "again")

    assert [(step.op, step.name, step.changed) for step in again.changes] == []


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_outputs_are_the_contract(shape: str, rehearsals: Rehearsals) -> None:
    """Every field, nothing secret; a foundation has its own parts beside."""
    outputs = rehearsals[shape].outputs
    own = {"foundation", "registry", "pipeline"} if "foundation" in shape else set()

    assert set(outputs) == {each.name for each in fields(Outputs)} | own
    assert "rehearsed-secret" not in json.dumps(outputs)
    assert "4dabf18193072939515e22adb298388d" not in json.dumps(outputs)


@pytest.mark.parametrize("shape", ECS)
def test_an_address_a_revision_and_where_to_look(shape: str, rehearsals: Rehearsals) -> None:
    """What promotion, status and cost need."""
    outputs = rehearsals[shape].outputs

    assert outputs["url"].startswith(("http://", "https://"))
    assert outputs["revision"] == outputs["stable_revision"]
    assert len(outputs["revision"]) == 12
    assert outputs["traffic"] == {
        "kind": "ecs",
        "ref": {
            "region": "us-east-1",
            "cluster": "aws-ecs-dev" if "dev" in shape else "aws-ecs-prod",
            "service": "api",
        },
    }
    assert outputs["metrics"]["ref"]["namespace"].startswith("Trimaran/aws-ecs-")


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_no_policy_allows_a_wildcard(shape: str, rehearsals: Rehearsals) -> None:
    """Each action is spelt out, and has a resource unless AWS knows none for it, or a condition bounds it."""
    for each, key, statements in policies(rehearsals[shape]):
        for statement in statements:
            if statement["Effect"] != "Allow":
                continue
            for action in listed(statement["Action"]):
                assert "*" not in action, f"{each.name}.{key}: {action}"
                unbound = "*" in listed(statement.get("Resource", [])) and "Condition" not in statement
                is_key = each.type == "aws:kms/key:Key"
                known = any(fnmatch.fnmatchcase(action, pattern) for pattern in WITHOUT_RESOURCE)
                assert known or is_key or not unbound or action.startswith("route53:"), f"{each.name}: {action}"


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_everybody_is_a_principal_only_under_a_condition(shape: str, rehearsals: Rehearsals) -> None:
    """Nobody outside the account gets in by a policy of a resource."""
    for each, _, statements in policies(rehearsals[shape]):
        for statement in statements:
            principal = statement.get("Principal")
            if statement["Effect"] == "Allow" and principal in ("*", {"AWS": "*"}):
                assert statement["Condition"]["StringEquals"]["kms:CallerAccount"] == "123456789012", each.name


@pytest.mark.parametrize(
    "shape",
    ["aws-foundation-prod", "aws-ecs-prod", "aws-ecs-dev-public", "aws-bedrock-prod", "aws-bedrock-dev-bought"],
)
def test_every_action_exists(shape: str, rehearsals: Rehearsals) -> None:
    """By the list of actions that cfn-lint ships."""
    kinds = {"assumeRolePolicy": "trust", "policy": "identity"}
    for each, key, _ in policies(rehearsals[shape]):
        if each.type.startswith("aws:iam/"):
            seen = check_policy(each.inputs[key], InputPlace(path=(key,), shown=(key,)), kinds[key])
            assert [found.sentence for found in seen if isinstance(found, Finding)] == []


@pytest.mark.parametrize("shape", ["aws-foundation-prod"])
def test_managed_policies_fit_their_limits(shape: str, rehearsals: Rehearsals) -> None:
    """IAM takes 6,144 characters a policy without spaces, and ten policies a role."""
    deployed = rehearsals[shape]
    sizes = {
        each.name: len(json.dumps(each.document("policy"), separators=(",", ":"))) for each in deployed.of("Policy")
    }

    assert max(sizes.values()) <= 6144, sizes
    assert len(deployed.of("RolePolicyAttachment")) <= 10


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_everything_that_can_carries_tags(shape: str, rehearsals: Rehearsals) -> None:
    """Costs are told apart by them."""
    wanted = {"owner", "app", "cost-center", "environment", "trimaran-stack"}
    tagged = [each for each in rehearsals[shape].resources if isinstance(each.inputs.get("tags"), dict)]

    assert tagged
    assert [each.name for each in tagged if not wanted <= set(each.inputs["tags"])] == []


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_what_rests_is_encrypted_with_the_key(shape: str, rehearsals: Rehearsals) -> None:
    """Logs, notifications, parameters, caches and disks; access logs alone cannot be."""
    for each in rehearsals[shape].resources:
        match each.type.rpartition(":")[2]:
            case "LogGroup" | "ReplicationGroup":
                assert each.inputs["kmsKeyId"].startswith("arn:aws:kms:")
            case "Topic":
                assert each.inputs["kmsMasterKeyId"].startswith("arn:aws:kms:")
            case "Parameter":
                assert (each.inputs["type"], each.inputs["keyId"][:12]) == ("SecureString", "arn:aws:kms:")
            case "LaunchTemplate":
                disk = each.inputs["blockDeviceMappings"][0]["ebs"]
                assert disk["encrypted"] == "true"
                assert disk["kmsKeyId"].startswith("arn:aws:kms:")


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_only_prod_is_hard_to_delete(shape: str, rehearsals: Rehearsals) -> None:
    """In dev `destroy` must work in one go, in prod it must not."""
    is_prod = "prod" in shape
    for each in rehearsals[shape].resources:
        for key, protected in (("enableDeletionProtection", True), ("forceDestroy", False), ("forceDelete", False)):
            if key in each.inputs and each.type != "aws:servicediscovery/service:Service":
                assert each.inputs[key] == (protected if is_prod else not protected), f"{each.name}.{key}"


@pytest.mark.parametrize("shape", ECS)
def test_the_app_reads_the_routes_that_the_stack_writes(shape: str, rehearsals: Rehearsals) -> None:
    """Parsed by the app's own code: the api's lead to its engine and to Bedrock, the engine's to its own server."""
    for task in rehearsals[shape].of("TaskDefinition"):
        environment = {each["name"]: each["value"] for each in task.document("containerDefinitions")[0]["environment"]}
        parsed = app_routes.parse(environment["TRIMARAN_ROUTES_YAML"], task.name)
        used = [parsed.backends[each.use] for each in parsed.models["chat"].backends]
        if task.name.startswith("api-"):
            assert [each.adapter for each in used] == ["vllm", "bedrock"]
            assert used[0].base_url.endswith(
                ".aws-ecs-prod.internal:8000/v1" if "prod" in shape else ".internal:8000/v1"
            )
        else:
            assert [KINDS["vllm"].serves(each) for each in used] == [True]
            assert used[0].model == environment["TRIMARAN_ENGINE_MODEL"]
            assert used[0].revision == environment["TRIMARAN_ENGINE_REVISION"]


@pytest.mark.parametrize("shape", ECS)
def test_secrets_are_parameters_by_name(shape: str, rehearsals: Rehearsals) -> None:
    """An ARN would be unknown in the first preview, and hide the whole definition from prices and policies."""
    for task in rehearsals[shape].of("TaskDefinition"):
        for container in task.document("containerDefinitions"):
            for secret in container.get("secrets", ()):
                assert secret["valueFrom"].startswith("/trimaran/aws-ecs-")


@pytest.mark.parametrize("shape", ECS)
def test_what_others_move_is_left_alone(shape: str, rehearsals: Rehearsals) -> None:
    """ECS moves listener weights, scaling moves counts: a later `up` moves neither back."""
    deployed = rehearsals[shape]

    assert {each.options["ignoreChanges"][0] for each in deployed.of("ListenerRule")} == {"actions"}
    assert {each.options["ignoreChanges"][0] for each in deployed.of("Service") if "ecs" in each.type} == {
        "desiredCount"
    }


@pytest.mark.parametrize("shape", ["aws-ecs-prod"])
def test_a_deployment_has_time_to_bake_and_pause(shape: str, rehearsals: Rehearsals) -> None:
    """Otherwise the engine gives up on a deployment that goes well."""
    api = rehearsals[shape].one("Service", "api")
    baked = int(api.inputs["deploymentConfiguration"]["bakeTimeInMinutes"])
    stepped = int(api.inputs["deploymentConfiguration"]["canaryConfiguration"]["canaryBakeTimeInMinutes"])

    assert api.options["customTimeouts"]["update"] > 60 * (baked + stepped + 240)


@pytest.mark.parametrize("shape", ["aws-ecs-dev"])
def test_idle_time_outs_are_in_order(shape: str, rehearsals: Rehearsals) -> None:
    """The app keeps connections longer than the load balancer, and the load balancer longer than a model is silent."""
    from app.api.listen import KEEP_ALIVE_S

    balancer = rehearsals[shape].one("LoadBalancer", "balancer")

    assert 600 <= balancer.inputs["idleTimeout"] < KEEP_ALIVE_S


@pytest.mark.parametrize("shape", ["aws-ecs-prod"])
def test_green_is_reached_inside_the_network_only(shape: str, rehearsals: Rehearsals) -> None:
    """An internal stack has a port for it that nobody but the network can connect to."""
    deployed = rehearsals[shape]
    opened = {
        each.inputs["fromPort"]: each.inputs["cidrIpv4"]
        for each in deployed.of("SecurityGroupIngressRule")
        if "cidrIpv4" in each.inputs
    }

    assert opened == {443: "10.0.0.0/8", 8443: "10.60.0.0/16"}
    assert deployed.outputs["test_url"] == "https://chat.example.com:8443"


@pytest.mark.parametrize("shape", ["aws-ecs-dev-public"])
def test_from_outside_green_needs_the_promotions_key(shape: str, rehearsals: Rehearsals) -> None:
    """`x-revision: green` alone leads to blue, like every other request."""
    deployed = rehearsals[shape]
    test = deployed.one("ListenerRule", "test").inputs
    production = deployed.one("ListenerRule", "production").inputs
    names = (
        [each["httpHeader"]["httpHeaderName"] for each in test["conditions"]]
        if isinstance(test["conditions"], list)
        else ["[secret]"]
    )

    assert names in (["x-revision", "x-promotion-key"], ["[secret]"])
    assert int(test["priority"]) < int(production["priority"])
    assert {each.inputs["port"] for each in deployed.of("Listener")} == {80, 443}


@pytest.mark.parametrize("shape", ["aws-foundation-dev-byo"])
def test_a_foundation_of_ones_own_makes_only_what_is_missing(shape: str, rehearsals: Rehearsals) -> None:
    """A VPC, a key, buckets, a registry, a zone and an identity provider that are there stay as they are."""
    deployed = rehearsals[shape]

    made = {each.type.rpartition(":")[2] for each in deployed.resources}
    assert made == {"Certificate", "CertificateValidation", "Record", "Role", "Policy", "RolePolicyAttachment"}
    assert deployed.outputs["foundation"]["vpc"] == "vpc-0123456789abcdef0"


@pytest.mark.parametrize("shape", ["aws-ecs-dev-public"])
def test_managed_instances_are_named_by_the_service_alone(shape: str, rehearsals: Rehearsals) -> None:
    """Attaching them to the cluster a second time is refused by AWS."""
    deployed = rehearsals[shape]

    assert deployed.of("ClusterCapacityProviders") == []
    assert (
        deployed.one("CapacityProvider", "gpu").inputs["managedInstancesProvider"]["instanceLaunchTemplate"][
            "capacityOptionType"
        ]
        == "SPOT"
    )


@pytest.mark.parametrize("shape", ["aws-ecs-dev-rolling"])
def test_a_large_model_is_split_over_its_gpus(shape: str, rehearsals: Rehearsals) -> None:
    """Resource requirement, tensor parallelism and shared memory say the same number."""
    engine = next(each for each in rehearsals[shape].of("TaskDefinition") if "engine" in each.name)
    container = engine.document("containerDefinitions")[0]
    environment = {each["name"]: each["value"] for each in container["environment"]}

    assert container["resourceRequirements"] == [{"type": "GPU", "value": "4"}]
    assert "--tensor-parallel-size 4" in environment["TRIMARAN_ENGINE_ARGS"]
    assert container["linuxParameters"]["sharedMemorySize"] == 8192


@pytest.mark.parametrize("shape", ["aws-ecs-dev-byo"])
def test_a_candidate_stands_beside_the_stable_version(shape: str, rehearsals: Rehearsals) -> None:
    """Another model is another engine and another task definition; blue's stay, and the service waits at its gate."""
    deployed = rehearsals[shape]
    project, stack = deployed.rehearsed.scratch, deployed.stack
    before = project.config(stack)
    candidate = {"settings": {"model": "Qwen/Qwen2.5-0.5B-Instruct"}}
    project.write_config(stack, {**before, "trimaran:candidate": candidate})
    try:
        preview = deployed.rehearsed.run("preview", "candidate")
    finally:
        project.write_config(stack, before)

    changes = {(step.op, step.token.rpartition(":")[2], step.name.rpartition("-")[0]) for step in preview.changes}
    assert {op for op, *_ in changes} == {"create", "update"}
    assert ("create", "TaskDefinition", "api") in changes
    assert ("create", "Service", "engine") in changes
    assert ("update", "Service", "") in changes
    update = next(each for each in preview.digest["steps"] if each["urn"].endswith("ecs/service:Service::api"))
    hook = update["newState"]["inputs"]["deploymentConfiguration"]["lifecycleHooks"][0]
    assert (hook["targetType"], hook["lifecycleStages"]) == ("PAUSE", ["POST_TEST_TRAFFIC_SHIFT"])
    assert update["newState"]["inputs"]["waitForSteadyState"] is False


@pytest.mark.parametrize("shape", ["aws-ecs-dev-byo"])
def test_an_edited_prompt_shares_the_engine(shape: str, rehearsals: Rehearsals) -> None:
    """Another prompt is another revision of the api, and reloads no weights."""
    deployed = rehearsals[shape]
    project, stack = deployed.rehearsed.scratch, deployed.stack
    before = project.config(stack)
    project.write_config(stack, {**before, "trimaran:candidate": {"settings": {"systemPrompt": "Be brief."}}})
    try:
        preview = deployed.rehearsed.run("preview", "candidate")
    finally:
        project.write_config(stack, before)

    assert [(step.op, step.token.rpartition(":")[2]) for step in preview.changes] == [
        ("create", "TaskDefinition"),
        ("update", "Service"),
    ]


@pytest.mark.parametrize("shape", ["aws-ecs-dev-byo"])
def test_litserve_is_another_engine(shape: str, rehearsals: Rehearsals) -> None:
    """`engine.kind` reaches the task: its server, its words, and routes that lead to it and are the app's own."""
    deployed = rehearsals[shape]
    project, stack = deployed.rehearsed.scratch, deployed.stack
    before = project.config(stack)
    project.write_config(stack, {**before, "trimaran:engine": {**before["trimaran:engine"], "kind": "litserve"}})
    try:
        preview = deployed.rehearsed.run("preview", "litserve")
    finally:
        project.write_config(stack, before)

    [task] = [
        step["newState"]["inputs"]
        for step in preview.digest["steps"]
        if step["op"] == "create" and "taskDefinition:TaskDefinition::engine-" in step["urn"]
    ]
    [app] = [each for each in json.loads(task["containerDefinitions"]) if each["name"] == "app"]
    environment = {each["name"]: each["value"] for each in app["environment"]}
    assert environment["TRIMARAN_ENGINE"] == "litserve"
    assert environment["TRIMARAN_ENGINE_ARGS"] == "--max-model-len 16384 --max-batch-size 16"
    parsed = app_routes.parse(environment["TRIMARAN_ROUTES_YAML"], "engine")
    assert [KINDS["litserve"].serves(each) for each in parsed.backends.values()] == [True]


@pytest.mark.parametrize("shape", ["aws-ecs-dev"])
def test_the_collectors_config_is_yaml(shape: str, rehearsals: Rehearsals) -> None:
    """JSON is YAML: the collector reads what the stack writes."""
    task = next(each for each in rehearsals[shape].of("TaskDefinition") if each.name.startswith("api-"))
    collector = task.document("containerDefinitions")[1]

    config = yaml.safe_load(collector["environment"][0]["value"])
    assert config["service"]["pipelines"]["metrics"]["exporters"] == ["awsemf"]
