"""`weights sync` against moto on a real socket, from a folder and from a hub that is a small server of ours."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog.models import SERVED
from delivery.clouds.aws import S3Bucket
from delivery.clouds.aws_clients import client
from delivery.failure import ExitCode, Failure
from delivery.weights import MANIFEST, Folder, Hub, copy, prefix, sync
from tests.delivery.aws import aws  # noqa: F401  a fixture

BUCKET = "models-of-a-test"
MODEL = "Qwen/Qwen2.5-0.5B-Instruct"
CONTENT = {"config.json": b"{}", "model.safetensors": b"weights" * 100}
TINY = replace(SERVED[MODEL], files=tuple(CONTENT), weights_bytes=700)
UNDER = prefix(MODEL, TINY)


@pytest.fixture
def s3(aws: str) -> Any:  # noqa: F811
    """A client, and an empty bucket."""
    made = client("s3", "us-east-1")
    made.create_bucket(Bucket=BUCKET)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The model's files."""
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def hub(folder: Path) -> Iterator[Hub]:
    """A hub that serves them at one commit."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix(f"/{MODEL}/resolve/{TINY.revision}/")
            known = name in CONTENT
            self.send_response(200 if known else 404)
            self.send_header("content-length", str(len(CONTENT.get(name, b""))))
            self.end_headers()
            self.wfile.write(CONTENT.get(name, b""))

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the test's output."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Hub(model=MODEL, revision=TINY.revision, address=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()


def stored(s3: Any, name: str) -> bytes:
    content: bytes = s3.get_object(Bucket=BUCKET, Key=f"{UNDER}{name}")["Body"].read()
    return content


def test_files_and_manifest_are_where_the_engine_looks(s3: Any, folder: Path) -> None:
    """Under the model's name and commit, so that two revisions never mix."""
    address = copy(S3Bucket(s3=s3, name=BUCKET), Folder(path=folder), TINY, UNDER)

    assert address == f"s3://{BUCKET}/models/{MODEL}/{TINY.revision}/"
    assert {name: stored(s3, name) for name in CONTENT} == CONTENT
    manifest = json.loads(stored(s3, MANIFEST))
    assert manifest["files"]["model.safetensors"] == {
        "bytes": 700,
        "sha256": hashlib.sha256(CONTENT["model.safetensors"]).hexdigest(),
    }


def test_a_hub_gives_the_same_as_a_folder(s3: Any, hub: Hub) -> None:
    """The pinned commit is in the address."""
    copy(S3Bucket(s3=s3, name=BUCKET), hub, TINY, UNDER)

    assert {name: stored(s3, name) for name in CONTENT} == CONTENT


def test_what_is_there_is_not_sent_again(s3: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fifteen gigabytes are not sent twice because of one file."""
    copy(S3Bucket(s3=s3, name=BUCKET), Folder(path=folder), TINY, UNDER)
    (folder / "config.json").write_bytes(b'{"changed": true}')
    capsys.readouterr()

    copy(S3Bucket(s3=s3, name=BUCKET), Folder(path=folder), TINY, UNDER)

    assert capsys.readouterr().err.splitlines() == ["config.json: 0.0 MB …", "model.safetensors: there"]
    assert stored(s3, "config.json") == b'{"changed": true}'


def test_a_file_that_was_deleted_is_sent_again(s3: Any, folder: Path) -> None:
    """The manifest alone is not believed."""
    copy(S3Bucket(s3=s3, name=BUCKET), Folder(path=folder), TINY, UNDER)
    s3.delete_object(Bucket=BUCKET, Key=f"{UNDER}model.safetensors")

    copy(S3Bucket(s3=s3, name=BUCKET), Folder(path=folder), TINY, UNDER)

    assert stored(s3, "model.safetensors") == CONTENT["model.safetensors"]


def test_half_a_model_gets_no_manifest(s3: Any, folder: Path) -> None:
    """An engine that read it would fail only after minutes."""
    (folder / "model.safetensors").write_bytes(b"short")

    with pytest.raises(Failure, match="the weights are 5 bytes, and the catalog says 700"):
        copy(S3Bucket(s3=s3, name=BUCKET), Folder(path=folder), TINY, UNDER)

    assert MANIFEST not in [each["Key"].rpartition("/")[2] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]


def test_a_missing_file_is_named(s3: Any, tmp_path: Path) -> None:
    """With the place where it was looked for."""
    with pytest.raises(Failure, match=r"config\.json cannot be read: No such file"):
        copy(S3Bucket(s3=s3, name=BUCKET), Folder(path=tmp_path), TINY, UNDER)


def test_an_unreachable_hub_points_to_the_other_way(s3: Any, hub: Hub) -> None:
    """A machine without the internet can sync from a folder."""
    with pytest.raises(Failure, match="cannot be fetched: HTTP Error 404") as raised:
        copy(S3Bucket(s3=s3, name=BUCKET), replace(hub, revision="0" * 40), TINY, UNDER)

    assert "--from FOLDER" in raised.value.hint


def test_an_unknown_model_is_told_its_nearest(s3: Any) -> None:
    """Only pinned models are synced."""
    with pytest.raises(Failure, match=r"Did you mean 'Qwen/Qwen3-8B'\?") as raised:
        sync("Qwen/Qwen3-8", BUCKET, "us-east-1", None)

    assert raised.value.exit_code == ExitCode.USAGE


def test_a_bucket_that_is_not_there_is_a_sentence(s3: Any, folder: Path) -> None:
    """AWS's own words, without a traceback."""
    with pytest.raises(Failure, match="s3://nowhere-at-all: AWS answers NoSuchBucket"):
        sync(MODEL, "nowhere-at-all", "us-east-1", folder)
