"""How instances are started: their credentials out of reach of what runs on them, their disks encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from plan.inputs import Inputs
from policies.check import Check, Checks, Scene, in_turn, together

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
SERVICE = "aws:ecs/service:Service"
_DISKS = "blockDeviceMappings"
_MORE_DISKS = "ebsBlockDevices"
_TASK_DISK = "volumeConfiguration.managedEbsVolume"


def _imdsv2(resource: Inputs, scene: Scene) -> Iterator[str]:
    tokens = resource.text("metadataOptions.httpTokens", "optional")
    if tokens != "required":
        yield f"metadataOptions.httpTokens is {tokens}, so one forged request reads the instance's credentials."


def _encrypted_volume(volume: Inputs, scene: Scene) -> Iterator[str]:
    if not volume.flag("encrypted"):
        yield "encrypted is not true."


def _encrypted_disks(instance: Inputs, scene: Scene) -> Iterator[str]:
    yield from together(_encrypted_root(instance), _encrypted_each(instance, _MORE_DISKS, "encrypted"))


def _encrypted_root(instance: Inputs) -> Iterator[str]:
    if not instance.flag("rootBlockDevice.encrypted"):
        yield "rootBlockDevice.encrypted is not true."


def _encrypted_each(resource: Inputs, disks: str, field: str) -> Iterator[str]:
    yield from in_turn(resource.each(disks), lambda disk: _encrypted(disk, field))


def _encrypted(disk: Inputs, field: str) -> Iterator[str]:
    block, _, _ = field.rpartition(".")
    if (not block or disk.has(block)) and not disk.flag(field):
        yield f"the disk {disk.shown('deviceName', 'without a name')} is not encrypted."


def _encrypted_task_disk(service: Inputs, scene: Scene) -> Iterator[str]:
    if service.has(_TASK_DISK) and not service.flag(f"{_TASK_DISK}.encrypted"):
        yield f"{_TASK_DISK}.encrypted is not true."


def _encrypted_mappings(template: Inputs, scene: Scene) -> Iterator[str]:
    if not template.count(_DISKS):
        yield f"{_DISKS} is empty, so the root disk is as the machine image has it."
    yield from _encrypted_each(template, _DISKS, "ebs.encrypted")


CHECKS: Checks = {
    "imdsv2": {
        TEMPLATE: Check(judge=_imdsv2, reads=("metadataOptions.httpTokens",)),
        INSTANCE: Check(judge=_imdsv2, reads=("metadataOptions.httpTokens",)),
    },
    "encrypted-disks": {
        TEMPLATE: Check(
            judge=_encrypted_mappings,
            reads=(_DISKS, f"{_DISKS}[].deviceName", f"{_DISKS}[].ebs", f"{_DISKS}[].ebs.encrypted"),
        ),
        INSTANCE: Check(
            judge=_encrypted_disks,
            reads=(
                "rootBlockDevice.encrypted",
                _MORE_DISKS,
                f"{_MORE_DISKS}[].deviceName",
                f"{_MORE_DISKS}[].encrypted",
            ),
        ),
        SERVICE: Check(judge=_encrypted_task_disk, reads=(_TASK_DISK, f"{_TASK_DISK}.encrypted")),
        VOLUME: Check(judge=_encrypted_volume, reads=("encrypted",)),
    },
}
