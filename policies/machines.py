"""How instances are started: their credentials out of reach of what runs on them, their disks encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from policies.planned import Resource
from policies.rule import ALWAYS, Rule, Scene, Severity

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
_DISKS = "blockDeviceMappings"


def _imdsv2(resource: Resource, scene: Scene) -> Iterator[str]:
    tokens = resource.text("metadataOptions.httpTokens", "optional")
    if tokens != "required":
        yield f"metadataOptions.httpTokens is {tokens}, so one forged request reads the instance's credentials."


def _encrypted(resource: Resource, scene: Scene) -> Iterator[str]:
    if resource.type == VOLUME:
        if not resource.flag("encrypted"):
            yield "encrypted is not true."
    elif resource.type == INSTANCE:
        if not resource.flag("rootBlockDevice.encrypted"):
            yield "rootBlockDevice.encrypted is not true."
    elif not resource.count(_DISKS):
        yield f"{_DISKS} is empty, so the root disk is as the machine image has it."
    else:
        for disk in resource.each(_DISKS):
            if disk.has("ebs") and not disk.flag("ebs.encrypted"):
                yield f"the disk {disk.text('deviceName', 'without a name')} is not encrypted."


RULES = (
    Rule(
        id="imdsv2",
        title="Instances give out their credentials only for a session token (IMDSv2).",
        why="With IMDSv1 a server that can be made to fetch an address hands the instance's role to a stranger.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        types=(TEMPLATE, INSTANCE),
        reads={TEMPLATE: ("metadataOptions.httpTokens",), INSTANCE: ("metadataOptions.httpTokens",)},
        remedy='Set metadataOptions.httpTokens to "required".',
        check=_imdsv2,
    ),
    Rule(
        id="encrypted-disks",
        title="Every disk is encrypted.",
        why="Disks hold weights, prompts in swap and core dumps, and outlive their instance as snapshots.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(TEMPLATE, INSTANCE, VOLUME),
        reads={
            TEMPLATE: (_DISKS, f"{_DISKS}[].deviceName", f"{_DISKS}[].ebs", f"{_DISKS}[].ebs.encrypted"),
            INSTANCE: ("rootBlockDevice.encrypted",),
            VOLUME: ("encrypted",),
        },
        remedy="Set encrypted to true for each disk, the root disk too.",
        check=_encrypted,
    ),
)
