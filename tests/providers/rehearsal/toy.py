"""A fourth cloud: an SDK with one type of resource, as its generator would write it, and a description of that type."""

from __future__ import annotations

import json
from pathlib import Path

from providers.rehearsal.cloud import Foreign
from providers.rehearsal.described_cloud import DescribedCloud
from providers.rehearsal.shapes import Kind, Member, Shape

TOKEN = "toy:index/box:Box"
_MODULES = json.dumps([{"pkg": "toy", "mod": "index/box", "fqn": "pulumi_toy", "classes": {TOKEN: "Box"}}])
_INIT = f'''
from .box import *

resource_modules="""
{_MODULES}
"""
'''
_BOX = """
import builtins as _builtins
from typing import Optional

import pulumi


@pulumi.input_type
class BoxArgs:
    def __init__(__self__, *,
                 size: pulumi.Input[_builtins.str],
                 sealed: pulumi.Input[Optional[_builtins.bool]] = None):
        pulumi.set(__self__, "size", size)
        pulumi.set(__self__, "sealed", sealed)

    @_builtins.property
    @pulumi.getter
    def size(self) -> pulumi.Input[_builtins.str]:
        return pulumi.get(self, "size")

    @_builtins.property
    @pulumi.getter(name="isSealed")
    def sealed(self) -> pulumi.Input[Optional[_builtins.bool]]:
        return pulumi.get(self, "sealed")


class Box(pulumi.CustomResource):
    def __init__(__self__, name, size, sealed=None, opts=None):
        super().__init__("toy:index/box:Box", name, {"size": size, "isSealed": sealed, "label": None}, opts)

    @_builtins.property
    @pulumi.getter
    def label(self) -> pulumi.Output[_builtins.str]:
        return pulumi.get(self, "label")
"""


def write_sdk(directory: Path) -> None:
    """Write the package `pulumi_toy` into a directory."""
    package = directory / "pulumi_toy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_INIT)
    (package / "box.py").write_text(_BOX)
    (package / "pulumi-plugin.json").write_text(json.dumps({"resource": True, "name": "toy", "version": "1.2.3"}))


class Toy(DescribedCloud):
    """The toy cloud with a schema of its own: a box is small or large."""

    def foreign(self, token: str) -> list[Foreign]:
        size = Shape(kind=Kind.TEXT, values=("small", "large"))
        members = {"Size": Member(shape=lambda: size, shown="Size", required=True)}
        return [Foreign(label="toy schema", shape=Shape(kind=Kind.OBJECT, members=members), names={})]
