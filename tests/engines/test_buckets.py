"""Weights out of each cloud's storage, by the cloud's own client: Google's against an emulator, Azure's against its wire and, in long runs, Azurite."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from app.engines import weights
from app.engines.buckets import gcs
from app.engines.buckets.kinds import KINDS, kind_of
from app.engines.weights import WeightsError, fetch
from delivery.cache import cache
from providers.machine.ports import free_port
from tests.engines.blob_store import ACCOUNT, HOST, Azure, azure
from tests.engines.vllm_app import MODEL, Installed, asked, running

REVISION = "7ae557604adf67be50417f59c2c2f167def9a775"
CONTENT = {"config.json": b"{}", "model.safetensors": os.urandom(40_000_000)}  # more than one part of a download
UNDER = f"{MODEL}/{REVISION}/"
AZURITE = "3.37.0"  # the newest of Microsoft's emulator on npm (checked 2026-12-01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """``put`` writes a file below ``address``, or takes it away. ``nowhere``: an address of a bucket that is not there."""

    address: str
    nowhere: str
    put: Callable[[str, bytes | None], None]


def filled(store: Store) -> Store:
    files = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in CONTENT.items()
    }
    for name, content in CONTENT.items():
        store.put(name, content)
    store.put(weights.MANIFEST, json.dumps({"model": MODEL, "revision": REVISION, "files": files}).encode())
    return store


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    from gcp_storage_emulator.server import create_server
    from google.cloud import storage

    server = create_server("127.0.0.1", port := free_port(), in_memory=True)
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    client = storage.Client(project="test")
    bucket = client.create_bucket("models")

    def put(name: str, content: bytes | None) -> None:
        blob = bucket.blob(f"{UNDER}{name}")
        blob.delete() if content is None else blob.upload_from_string(content)

    yield Store(address=f"gs://models/{UNDER}", nowhere="gs://nowhere-at-all/models/", put=put)
    client.close()
    server.stop()


@pytest.fixture
def identified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """An account in which this process has an identity."""
    (tmp_path / "azure").mkdir()
    with azure(tmp_path / "azure") as account:
        for name in ("https_proxy", "HTTP_PROXY", "http_proxy", "no_proxy", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in account.environment().items():
            monkeypatch.setenv(name, value)
        yield account


@pytest.fixture
def blob(identified: Azure) -> Store:
    def put(name: str, content: bytes | None) -> None:
        if content is None:
            del identified.files[f"models/{UNDER}{name}"]
        else:
            identified.files[f"models/{UNDER}{name}"] = content

    return Store(address=f"https://{HOST}/models/{UNDER}", nowhere=f"https://{HOST}/nowhere/models/", put=put)


@pytest.fixture
def azurite(identified: Azure, tmp_path: Path) -> Iterator[Store]:
    """The same account, kept by Microsoft's own emulator."""
    from azure.storage.blob import ContainerClient

    key = base64.b64encode(os.urandom(64)).decode()
    words = [
        "--blobPort",
        str(port := free_port()),
        "--cert",
        str(identified.certificate),
        "--key",
        str(identified.key),
    ]
    process = subprocess.Popen(
        [_azurite(), "--oauth", "basic", "--skipApiVersionCheck", "--location", str(tmp_path / "azurite"), *words],
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert any("successfully listens" in line for line in process.stdout)
    identified.tunnel = port
    container = ContainerClient(f"https://{HOST}", "models", key)
    container.create_container()

    def put(name: str, content: bytes | None) -> None:
        to = container.get_blob_client(f"{UNDER}{name}")
        to.delete_blob() if content is None else to.upload_blob(content, overwrite=True)

    yield Store(address=f"https://{HOST}/models/{UNDER}", nowhere=f"https://{HOST}/nowhere/models/", put=put)
    container.close()
    process.kill()
    process.communicate()


def _azurite() -> str:
    """Where it is installed, once for all clones: 360 MB out of npm."""
    folder = cache() / f"azurite-{AZURITE}"
    if not folder.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm, which installs Azurite, is not on PATH")
        shutil.rmtree(new := folder.with_name(f"{folder.name}.new"), ignore_errors=True)
        words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(new)]
        subprocess.run([*words, f"azurite@{AZURITE}"], check=True)
        new.rename(folder)
    return str(folder / "node_modules/.bin/azurite-blob")


LONG = (
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("azurite"),
)  # its installation takes minutes


@pytest.fixture(params=["gs", "blob", pytest.param("azurite", marks=LONG)])
def store(request: pytest.FixtureRequest) -> Store:
    return filled(request.getfixturevalue(request.param))


def got(store: Store, data_dir: Path) -> dict[str, bytes]:
    """What lies in the folder after a download, the manifest left out."""
    folder = fetch(store.address, data_dir, REVISION, lambda _: None)
    own = (weights.MANIFEST, weights.LOCK)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in own}


def test_what_was_put_there_is_what_the_engine_gets(store: Store, tmp_path: Path) -> None:
    """Bit for bit, and a second start reads the manifest and nothing else."""
    assert got(store, tmp_path) == CONTENT
    store.put("model.safetensors", None)
    assert got(store, tmp_path) == CONTENT


def test_an_object_that_is_not_the_manifest_s_is_refused(store: Store, tmp_path: Path) -> None:
    """Of the right size with other bytes, and truncated."""
    size = len(CONTENT["model.safetensors"])
    for content in (b"x" * size, CONTENT["model.safetensors"][:20_000_000]):
        store.put("model.safetensors", content)
        with pytest.raises(WeightsError, match=r"model\.safetensors .*is not the file of the manifest"):
            got(store, tmp_path)


def test_a_missing_file_is_named(store: Store, tmp_path: Path) -> None:
    """The manifest, too, which is written last."""
    for name in ("model.safetensors", weights.MANIFEST):
        store.put(name, None)
        with pytest.raises(WeightsError, match=rf"{store.address} has no whole model: {name} is missing\.\nhint: "):
            got(store, tmp_path)


def test_a_bucket_that_is_not_there_is_a_sentence(store: Store, tmp_path: Path) -> None:
    """With the address, and without a traceback's words."""
    with pytest.raises(WeightsError, match=store.nowhere) as refused:
        fetch(store.nowhere, tmp_path, "", lambda _: None)
    assert "Traceback" not in str(refused.value)


def test_a_file_comes_in_parts_and_each_is_told(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several at a time; together they are the whole."""
    monkeypatch.setattr(weights, "TOLD_EVERY_S", -1.0)
    told: list[str] = []
    fetch(store.address, tmp_path, REVISION, told.append)
    assert told[-1] == "weights: 0.0 of 0.0 GB"
    assert len(told) >= 1 + len(CONTENT) + len(CONTENT["model.safetensors"]) // gcs._PART


def test_the_ranges_are_those_of_the_parts(blob: Store, identified: Azure, tmp_path: Path) -> None:
    """No byte is asked for twice."""
    got(filled(blob), tmp_path)
    whole = [each for each in identified.ranges if each != "bytes=0-16777215"]
    assert sorted(whole) == ["bytes=16777216-33554431", "bytes=33554432-39999999"]


def test_an_identity_that_may_not_read_is_told_what_it_needs(blob: Store, identified: Azure, tmp_path: Path) -> None:
    """Behind Azure's own word for it."""
    identified.is_open = False
    with pytest.raises(
        WeightsError, match=r"Azure answers AuthorizationPermissionMismatch\.\nhint: the workload's identity must"
    ):
        got(filled(blob), tmp_path)


def test_without_google_s_credentials_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, no environment, no metadata server."""
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(
        WeightsError, match=r"no credentials for Google were found .*\nhint: give the workload a service account"
    ):
        fetch("gs://models/m/", tmp_path, "", lambda _: None)


def test_without_aws_s_credentials_nobody_is_said_to_have_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, no environment, no metadata server: AWS was not asked."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps what it found before
    with pytest.raises(WeightsError, match=r"no credentials for AWS were found .*\nhint: give the task a role"):
        fetch("s3://models/m/", tmp_path, "", lambda _: None)


def test_without_azure_s_identity_nobody_is_said_to_have_answered(
    identified: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No identity in the environment: the storage was not asked."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_", "MSI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")  # the others ask this machine's programs
    with pytest.raises(
        WeightsError, match=r"no credentials for Azure were found .*\nhint: give the workload a managed"
    ):
        fetch(f"https://{HOST}/models/m/", tmp_path, "", lambda _: None)


@pytest.mark.parametrize(
    ("address", "place", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/a/b", "bucket", "a/b/"),
        ("gs://bucket/a/", "bucket", "a/"),
        ("https://acc1.blob.core.windows.net/models/a/b/", "acc1.blob.core.windows.net/models", "a/b/"),
    ],
)
def test_an_address_is_split_where_the_bucket_ends(address: str, place: str, prefix: str) -> None:
    """With and without the last slash."""
    kind = kind_of(address)
    assert kind is not None
    assert kind.split(address) == (place, prefix)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/srv/weights",
        "hf://a/b",
        "https://acc1.blob.core.windows.net.example/m/",
        "https://acc1.blob.core.windows.net",
    ],
)
def test_what_is_no_bucket_is_none(address: str) -> None:
    """The identity's token goes to Azure's own hosts alone."""
    assert kind_of(address) is None


@pytest.mark.parametrize("kind", KINDS, ids=[kind.cloud for kind in KINDS])
def test_each_form_is_an_address_of_its_own_kind(kind: object) -> None:
    """What an error shows a person can be typed."""
    assert kind_of(kind.form.replace("ACCOUNT", "account")) is kind  # type: ignore[attr-defined]


async def test_the_app_fetches_them_and_vllm_sees_no_identity(blob: Store, identified: Azure, tmp_path: Path) -> None:
    """As in a container with a managed identity."""
    installed, store = Installed(tmp_path), filled(blob)
    given = {"TRIMARAN_ENGINE_WEIGHTS": store.address, **identified.environment()}
    async with running(installed.environment(tmp_path / "data", given)) as app:
        await app.logged(f"engine {MODEL} is ready")
        assert (await asked(app))[0] == 200
    started = installed.started()
    assert started["argv"][1] == str(tmp_path / "data/weights" / HOST / "models" / UNDER)
    assert not [name for name in started["environment"] if name.startswith(("IDENTITY_", "AZURE_"))]


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what pip calls them."""

    def version(name: str) -> str:
        if name == "azure-storage-blob":
            raise metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(metadata, "version", version)
    assert {kind.cloud: kind.missing() for kind in KINDS} == {"AWS": [], "Google": [], "Azure": ["azure-storage-blob"]}
