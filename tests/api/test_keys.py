"""Keys: how they are written, found and read again, and that an app without any stays at home."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from app.api.keys import Keys, KeysError, parse
from tests.api.process import refused, running_app
from tests.api.serving import routes_to
from tests.api.upstream import upstream


def test_a_line_is_a_name_and_a_key() -> None:
    """Names and keys are told apart at the first equals sign; empty lines and comments are left out; names may repeat."""
    keys = Keys("# team\n\nci = secret-1 \nci=secret=2\n", None)
    assert [keys.name_of(key) for key in (b"secret-1", b"secret=2", b"secret", b"")] == ["ci", "ci", None, None]


@pytest.mark.parametrize("text", ["secret-1", "=secret-1", "ci="])
def test_a_line_without_name_or_key_is_refused_without_quoting_it(text: str) -> None:
    """The error names the line and never what stands in it."""
    with pytest.raises(KeysError, match="line 2") as caught:
        parse(f"a=b\n{text}", "keys.txt")
    assert "secret" not in str(caught.value)


def test_a_key_is_not_kept() -> None:
    """Nothing that can be reached from the object has a key's text."""
    keys = Keys("ci=secret-1", None)
    assert "secret-1" not in repr(vars(keys))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """New keys count and old ones do not, without a restart; those of the environment stay."""
    file = tmp_path / "keys"
    file.write_text("a=one")
    keys = Keys("fixed=zero", file)
    replacement = tmp_path / "new"
    replacement.write_text("b=two")
    os.replace(replacement, file)
    keys.reload()
    assert [keys.name_of(key) for key in (b"zero", b"one", b"two")] == ["fixed", None, "b"]


def test_a_bad_file_keeps_the_keys_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in the file locks nobody out, and does not fill the log."""
    file = tmp_path / "keys"
    file.write_text("a=one")
    keys = Keys("", file)
    file.write_text("secret-without-a-name\n")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            keys.reload()
    assert keys.name_of(b"one") == "a"
    assert len(caplog.messages) == 1
    assert "secret-without" not in caplog.text


@pytest.mark.parametrize("written", ["b=two\nc=thr", "b=two\nc", "b=two\n", "b=t", "b=two\nc=\xff"])
def test_a_half_written_file_keeps_the_keys_as_a_whole(written: str, tmp_path: Path) -> None:
    """A file that is changed in place may be read at any moment: none of its keys count before all of them are there."""
    file = tmp_path / "keys"
    file.write_text("a=one\n")
    keys = Keys("", file)
    file.write_bytes(written.encode("latin-1"))
    keys.reload()
    assert [keys.name_of(key) for key in (b"one", b"two", b"t", b"thr")] == ["a", None, None, None]
    file.write_text("b=two\nc=three\n")
    keys.reload()
    keys.reload()
    assert [keys.name_of(key) for key in (b"one", b"two", b"three")] == [None, "b", "c"]


def test_a_file_whose_last_line_never_ends_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its writer may have stopped half-way, at a full disk: it is not taken, and the log says what to do. A hangup takes it."""
    file = tmp_path / "keys"
    file.write_text("a=one\n")
    keys = Keys("", file)
    file.write_text("b=two\nc=thr")
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            keys.reload()
    assert keys.name_of(b"two") is None
    assert len(caplog.messages) == 1
    assert "half-written" in caplog.text
    keys.reload(anyway=True)
    assert keys.name_of(b"thr") == "c"


def test_all_keys_can_be_taken_back(tmp_path: Path) -> None:
    """A file that was emptied, and stays so, lets nobody in."""
    file = tmp_path / "keys"
    file.write_text("a=one\n")
    keys = Keys("", file)
    file.write_text("")
    keys.reload()
    assert keys.name_of(b"one") == "a"
    keys.reload()
    assert keys.name_of(b"one") is None


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda file: None, "No such file"),
        (lambda file: file.mkdir(), "Is a directory"),
        (lambda file: file.write_bytes(b"a=\xff\n"), "it is not UTF-8"),
        (lambda file: file.write_text("a=one\nb"), "line 2: a key is written name=key"),
    ],
    ids=["missing", "a folder", "not text", "half a line"],
)
async def test_a_file_that_cannot_be_read_at_start_is_told_in_one_sentence(
    made: Callable[[Path], object], why: str, tmp_path: Path
) -> None:
    """With its path, and without a traceback."""
    file = tmp_path / "keys"
    made(file)
    said = await refused({"TRIMARAN_API_KEYS_FILE": str(file), "TRIMARAN_PORT": "0"})
    assert len(said.strip().splitlines()) == 1
    assert said.startswith("trimaran: ")
    assert str(file) in said
    assert why in said


def test_an_empty_file_lets_nobody_in(tmp_path: Path) -> None:
    """A file without keys is not the same as no keys asked for."""
    (tmp_path / "keys").touch()
    assert Keys("", tmp_path / "keys").required


async def test_hangup_reads_the_keys_at_once(tmp_path: Path) -> None:
    """After SIGHUP the new key is valid and the app still runs."""
    file = tmp_path / "keys"
    file.write_text("a=one")
    async with (
        upstream() as up,
        running_app(routes_to(up), {"TRIMARAN_API_KEYS_FILE": str(file)}) as process,
        aiohttp.ClientSession(process.url) as client,
    ):
        status = file.stat()
        file.write_text("a=two")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # a change that the watching cannot see
        process.send_signal(signal.SIGHUP)
        await process.logged("read the keys again")
        async with client.get("/v1/models", headers={"x-api-key": "two"}) as response:
            assert response.status == 200
        async with client.get("/v1/models", headers={"x-api-key": "one"}) as response:
            assert response.status == 401


async def test_an_open_address_without_keys_is_refused() -> None:
    """On an address that others reach the app does not start without keys, and says what to do."""
    said = await refused({"TRIMARAN_HOST": "0.0.0.0", "TRIMARAN_PORT": "0"})
    assert "TRIMARAN_HOST=0.0.0.0 is open to others and no key is set" in said
    assert "TRIMARAN_ALLOW_NO_KEYS=1" in said


@pytest.mark.parametrize("allowing", [{"TRIMARAN_API_KEYS": "ci=secret-1"}, {"TRIMARAN_ALLOW_NO_KEYS": "1"}])
async def test_an_open_address_with_keys_or_the_switch_is_served(allowing: dict[str, str]) -> None:
    """Keys, or the operator's word that none are wanted, open the app to others."""
    async with upstream() as up, running_app(routes_to(up), {"TRIMARAN_HOST": "0.0.0.0", **allowing}) as process:
        assert process.port
