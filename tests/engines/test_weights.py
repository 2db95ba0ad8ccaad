"""Weights out of S3 (moto on a real socket) into the engine's folder: once, whole, or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.engines import weights
from app.engines.weights import WeightsError, fetch
from catalog.models import SERVED
from delivery import weights as delivered
from delivery.clouds.aws import S3Bucket
from delivery.clouds.aws_clients import client
from tests.clock import PATIENCE_S
from tests.delivery.aws import aws  # noqa: F401  a fixture
from tests.engines.vllm_app import MODEL, REVISION, Installed, asked, ready, running

BUCKET = "models-of-an-engine"
CONTENT = {"config.json": b"{}", "model.safetensors": os.urandom(9_000_000)}  # more than one part of a download
TINY = replace(SERVED[MODEL], files=tuple(CONTENT), weights_bytes=9_000_000)
UNDER = delivered.prefix(MODEL, TINY)
ADDRESS = f"s3://{BUCKET}/{UNDER}"
OWN = (weights.MANIFEST, weights.LOCK)
SHA256 = "0" * 64


@pytest.fixture
def s3(aws: str, tmp_path: Path) -> Iterator[Any]:  # noqa: F811
    """A client of a bucket into which `weights sync` has put the model."""
    made = client("s3", "us-east-1")
    made.create_bucket(Bucket=BUCKET)
    source = tmp_path / "source"
    source.mkdir()
    for name, content in CONTENT.items():
        (source / name).write_bytes(content)
    delivered.copy(S3Bucket(s3=made, name=BUCKET), delivered.Folder(path=source), TINY, UNDER)
    yield made
    made.close()


def entry(size: bytes = b"1", sha256: bytes = SHA256.encode(), name: bytes = b"a") -> bytes:
    """A manifest of one file, in JSON's own words."""
    return b'{"files": {"%b": {"bytes": %b, "sha256": "%b"}}}' % (name, size, sha256)


def got(data_dir: Path, revision: str = REVISION) -> dict[str, bytes]:
    """What lies in the folder after a download, the app's own left out."""
    folder = fetch(ADDRESS, data_dir, revision, lambda _: None)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in OWN}


def folder_in(data_dir: Path) -> Path:
    return data_dir / "weights" / BUCKET / UNDER


def test_sync_and_engine_name_the_manifest_alike() -> None:
    """The app cannot import what delivers it."""
    assert weights.MANIFEST == delivered.MANIFEST


def test_what_sync_put_there_is_what_the_engine_gets(s3: Any, tmp_path: Path) -> None:
    """Bit for bit, and how far it is is told."""
    told: list[str] = []
    folder = fetch(ADDRESS, tmp_path, REVISION, told.append)
    assert folder == folder_in(tmp_path)
    assert got(tmp_path) == CONTENT
    assert told[0] == "weights: 0.0 of 0.0 GB"


def test_it_is_fetched_once(s3: Any, tmp_path: Path) -> None:
    """A second start reads the manifest and nothing else."""
    got(tmp_path)
    s3.delete_object(Bucket=BUCKET, Key=f"{UNDER}model.safetensors")
    assert got(tmp_path) == CONTENT


@pytest.mark.parametrize(
    "left", [b"", CONTENT["model.safetensors"][:5_000_000], b"x" * 9_000_000], ids=["empty", "half", "other"]
)
def test_a_damaged_file_is_fetched_again(s3: Any, tmp_path: Path, left: bytes) -> None:
    """Half a file, an empty one, and one of the right size with other bytes, where no download ever ended."""
    folder = folder_in(tmp_path)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(left)
    assert got(tmp_path) == CONTENT


def test_a_file_that_shrank_is_fetched_again(s3: Any, tmp_path: Path) -> None:
    """Although the folder was whole once."""
    got(tmp_path)
    with (folder_in(tmp_path) / "model.safetensors").open("r+b") as handle:
        handle.truncate(100)
    assert got(tmp_path) == CONTENT


def test_files_that_are_whole_are_kept(s3: Any, tmp_path: Path) -> None:
    """A download that broke off goes on with the next file."""
    folder = folder_in(tmp_path)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(CONTENT["model.safetensors"])
    s3.delete_object(Bucket=BUCKET, Key=f"{UNDER}model.safetensors")
    assert got(tmp_path) == CONTENT


def test_a_truncated_object_is_refused(s3: Any, tmp_path: Path) -> None:
    """No engine is started on it, and nothing of it looks whole afterwards."""
    s3.put_object(Bucket=BUCKET, Key=f"{UNDER}model.safetensors", Body=CONTENT["model.safetensors"][:1000])
    for _ in range(2):
        with pytest.raises(WeightsError, match="arrived with 1000 bytes and is not the file of the manifest"):
            got(tmp_path)
    assert sorted(path.name for path in folder_in(tmp_path).iterdir()) == [weights.LOCK, "config.json"]


def test_a_copy_without_a_manifest_is_refused(s3: Any, tmp_path: Path) -> None:
    """`weights sync` writes it last: without it the copy is not whole."""
    s3.delete_object(Bucket=BUCKET, Key=f"{UNDER}manifest.json")
    with pytest.raises(WeightsError, match=r"manifest\.json is missing\.\nhint: \./trimaran weights sync"):
        got(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"not JSON", "is not a manifest"),
        (b'{"files": {"a": 1}}', "is not a manifest"),
        (b'{"files": {}}', "is not a manifest"),
        (b'{"files": []}', "is not a manifest"),
        (b"\xff", "is not a manifest"),
        (b'{"files": {"\xff": {}}}', "is not a manifest"),
        pytest.param(b"[" * 100_000, "is not a manifest", id="deep"),
        pytest.param(b'{"more": ' + b"[" * 100_000, "is not a manifest", id="deeper"),
        *((entry(size), "is not a manifest") for size in (b'"10"', b"null", b"-1", b"true", b"1" + b"0" * 400, b"0.5")),
        *((entry(sha256=sha256), "is not a manifest") for sha256 in (b"", b"0" * 63, b"g" * 64, b"0" * 64 + b"\\n")),
        *(
            (entry(name=name), "names files outside its folder")
            for name in (
                b"../a",
                b"/a",
                b"a/b",
                b"",
                b".",
                b"..",
                b"a\\\\b",
                b"a\\u0000",
                b"a.part",
                b"manifest.json",
                b".lock",
            )
        ),
        (entry()[:-1] + b', "revision": "0000"}', "holds revision 0000, and TRIMARAN_ENGINE_REVISION is"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(s3: Any, tmp_path: Path, manifest: bytes, said: str) -> None:
    """Another commit's, or no manifest at all."""
    s3.put_object(Bucket=BUCKET, Key=f"{UNDER}manifest.json", Body=manifest)
    with pytest.raises(WeightsError, match=said):
        got(tmp_path)


def test_a_bucket_that_is_not_there_is_a_sentence(s3: Any, tmp_path: Path) -> None:
    """AWS's own word for it, and what the task must be allowed."""
    with pytest.raises(WeightsError, match="AWS answers NoSuchBucket"):
        fetch("s3://nowhere-at-all/models/", tmp_path, "", lambda _: None)


def test_a_full_disk_is_told_before_the_download(s3: Any, tmp_path: Path) -> None:
    """With how much is missing."""
    entry = {"bytes": 10**18, "sha256": SHA256}
    manifest = json.dumps({"revision": REVISION, "files": {"model.safetensors": entry}})
    s3.put_object(Bucket=BUCKET, Key=f"{UNDER}manifest.json", Body=manifest.encode())
    with pytest.raises(WeightsError, match=r"the weights need 1000000000\.0 GB more"):
        got(tmp_path)


def test_a_small_size_is_told_in_megabytes(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is missing, and of what is free."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(WeightsError, match=r"need 9\.0 MB more, and .* has 1\.0 MB free"):
        got(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors.part", "model.safetensors"])
def test_what_is_replaced_takes_no_room(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A killed download's part, and other bytes of the same name, on a disk that holds the model once."""
    folder = folder_in(tmp_path)
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"x" * 9_000_000)

    def usage(where: Path) -> SimpleNamespace:
        return SimpleNamespace(free=10_000_000 - sum(path.stat().st_size for path in where.iterdir()))

    monkeypatch.setattr("shutil.disk_usage", usage)
    assert got(tmp_path) == CONTENT


def test_an_earlier_manifest_s_files_are_removed(s3: Any, tmp_path: Path) -> None:
    """A loader may prefer them. What lies in folders below is another address's."""
    folder = folder_in(tmp_path)
    (folder / "another").mkdir(parents=True)
    (folder / "another/model.safetensors").write_bytes(b"another")
    (folder / "pytorch_model.bin").write_bytes(b"earlier")
    (folder / "link.bin").symlink_to(tmp_path / "nowhere")
    fetch(ADDRESS, tmp_path, REVISION, lambda _: None)
    assert {path.name for path in folder.iterdir()} == {*CONTENT, *OWN, "another"}
    assert (folder / "another/model.safetensors").read_bytes() == b"another"


def test_a_link_is_not_written_through(s3: Any, tmp_path: Path) -> None:
    """Where a part is to come lies a link to somebody's file."""
    folder = folder_in(tmp_path)
    folder.mkdir(parents=True)
    (theirs := tmp_path / "theirs").write_bytes(b"theirs")
    (folder / "model.safetensors.part").symlink_to(theirs)
    assert got(tmp_path) == CONTENT
    assert theirs.read_bytes() == b"theirs"


def test_two_apps_with_one_folder_fetch_once(s3: Any, tmp_path: Path) -> None:
    """The second says that it waits, and then finds it whole."""
    told: list[str] = []
    second_told = threading.Event()
    seconds: list[Future[Path]] = []

    def tell_second(said: str) -> None:
        told.append(said)
        second_told.set()

    with ThreadPoolExecutor(1) as pool:

        def tell_first(_: str) -> None:  # in the midst of its download
            if not seconds:
                seconds.append(pool.submit(fetch, ADDRESS, tmp_path, REVISION, tell_second))
            assert second_told.wait(PATIENCE_S)

        folder = fetch(ADDRESS, tmp_path, REVISION, tell_first)
        assert seconds[0].result(PATIENCE_S) == folder
    assert told == [f"weights: another app fetches them into {folder}"]
    assert got(tmp_path) == CONTENT


def test_a_digest_may_be_in_capitals(s3: Any, tmp_path: Path) -> None:
    """It is the same number."""
    key = f"{UNDER}manifest.json"
    manifest = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    for file in manifest["files"].values():
        file["sha256"] = file["sha256"].upper()
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(manifest).encode())
    assert got(tmp_path) == CONTENT


def test_a_killed_download_goes_on(s3: Any, tmp_path: Path) -> None:
    """kill -9 in the middle leaves nothing that passes for whole, and the next start ends well."""
    code = f"from pathlib import Path; from app.engines.weights import fetch; fetch({ADDRESS!r}, Path({str(tmp_path)!r}), '', lambda _: None)"
    part = folder_in(tmp_path) / "model.safetensors.part"
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + PATIENCE_S
    while not part.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert not (folder_in(tmp_path) / weights.MANIFEST).exists()
    assert got(tmp_path) == CONTENT


async def test_the_app_fetches_them_before_it_starts_vllm(s3: Any, tmp_path: Path) -> None:
    """The model server gets the folder; it sees no AWS credential."""
    installed = Installed(tmp_path)
    credentials = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    given = {"TRIMARAN_ENGINE_WEIGHTS": ADDRESS, **credentials}
    async with running(installed.environment(tmp_path / "data", given)) as app:
        await app.logged(f"engine {MODEL} waits for weights: ")
        await app.logged(f"engine {MODEL} is ready")
        assert (await asked(app))[0] == 200
    started = installed.started()
    assert started["argv"][1] == str(folder_in(tmp_path / "data"))
    assert not [name for name in started["environment"] if name.startswith("AWS_")]


async def test_without_whole_weights_no_vllm_is_started(s3: Any, tmp_path: Path) -> None:
    """The reason is in the log, the app lives and tries again, and goes on once the weights are there."""
    s3.delete_object(Bucket=BUCKET, Key=f"{UNDER}manifest.json")
    installed = Installed(tmp_path)
    credentials = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    given = {"TRIMARAN_ENGINE_WEIGHTS": ADDRESS, **credentials}
    async with running(installed.environment(tmp_path / "data", given)) as app:
        await app.logged(f"{ADDRESS} has no whole model: manifest.json is missing.")
        why = f"{ADDRESS} has no whole model: manifest.json is missing"
        ended = await app.logged(f"engine {MODEL} ended with status 1: {why}; it starts again")
        assert ended["level"] == "error"
        status, said = await ready(app)
        assert (status, why in said["waits_for"][MODEL]) == (503, True)
        assert not (tmp_path / "started.json").exists()
        delivered.copy(S3Bucket(s3=s3, name=BUCKET), delivered.Folder(path=tmp_path / "source"), TINY, UNDER)
        await app.logged(f"engine {MODEL} is ready")
