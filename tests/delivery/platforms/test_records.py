"""The record's store: a file with a lock, and objects with conditional writes, keep one contract."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from delivery.failure import Failure
from delivery.platforms.files import FileRecords
from delivery.platforms.records import RecordStore, TakenOver, UnreadableRecord
from tests.delivery.platforms.contract import RecordContract, Runners
from tests.delivery.platforms.fakes import Bucket, BucketRecords

ROOT = Path(__file__).parents[3]
DIES = """
import os, sys
from pathlib import Path
from delivery.platforms.files import FileRecords
with FileRecords(directory=Path(sys.argv[1]), stack="local").hold() as hold:
    hold.save(sys.argv[2])
    os.kill(os.getpid(), 9)
"""


class TestFile(RecordContract):
    """On this machine, by commands that are processes."""

    @pytest.fixture
    def runners(self, tmp_path: Path) -> Runners:
        """Each with a lock of its own."""
        directory = tmp_path / "promotions"

        def dies(text: str) -> None:
            done = subprocess.run([sys.executable, "-c", DIES, str(directory), text], cwd=ROOT, check=False)
            assert done.returncode == -9

        return Runners(
            store=lambda: FileRecords(directory=directory, stack="local"),
            dies=dies,
            kept=lambda aside: Path(aside).read_text(),
        )

    def test_a_disk_that_takes_nothing_is_a_sentence_and_the_old_record_stays(
        self, runners: Runners, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whole or not at all."""

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        with runners.store().hold() as hold:
            hold.save("old")
            monkeypatch.setattr(os, "fsync", full)
            with pytest.raises(Failure, match=r"local\.json cannot be written: No space left on device"):
                hold.save("new")
        assert runners.store().load() == "old"

    def test_a_file_that_is_no_text_is_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "local.json").write_bytes(b"\xff\xfe\xff")
        with pytest.raises(UnreadableRecord, match=r"local\.json cannot be understood"):
            FileRecords(directory=tmp_path, stack="local").load()

    def test_a_file_that_cannot_be_read_is_another_sentence(self, tmp_path: Path) -> None:
        """It may say a lot, once the disk or the rights are as they were."""
        (tmp_path / "local.json").mkdir()
        with pytest.raises(Failure, match=r"local\.json cannot be read: Is a directory") as raised:
            FileRecords(directory=tmp_path, stack="local").load()
        assert not isinstance(raised.value, UnreadableRecord)


class TestBucket(RecordContract):
    """Objects that are written on condition of their generation, in memory: what a cloud's bucket can do."""

    @pytest.fixture
    def clock(self) -> list[float]:
        """One number, which the tests move."""
        return [1000.0]

    @pytest.fixture
    def bucket(self) -> Bucket:
        """Empty."""
        return Bucket()

    @pytest.fixture
    def runners(self, bucket: Bucket, clock: list[float]) -> Runners:
        """On machines that share nothing but the bucket."""

        def store() -> RecordStore:
            return BucketRecords(bucket=bucket, stack="local", clock=lambda: clock[0])

        def dies(text: str) -> None:
            dead = ExitStack()  # its end, which would let go, never comes
            dead.enter_context(store().hold()).save(text)
            self.dead = dead
            clock[0] += BucketRecords.LEASE_S

        return Runners(store=store, dies=dies, kept=lambda aside: bucket.get(aside)[1])

    def test_one_that_was_thought_dead_writes_no_more(self, runners: Runners, clock: list[float]) -> None:
        """It was only slow: what it would write is older than what the other one knows."""
        with runners.store().hold() as slow:
            slow.save("slow")
            clock[0] += BucketRecords.LEASE_S
            with runners.store().hold() as other:
                other.save("other")
                with pytest.raises(TakenOver, match="taken over by another command"):
                    slow.save("slow again")
                other.save("still other")
        assert runners.store().load() == "still other"

    def test_one_that_slept_over_its_lease_is_fenced_by_the_record(
        self, runners: Runners, bucket: Bucket, clock: list[float]
    ) -> None:
        """Between the look at the lease and the write another one came and went."""

        def another() -> None:
            clock[0] += BucketRecords.LEASE_S
            with runners.store().hold() as other:
                other.save("other")

        with runners.store().hold() as slow:
            bucket.before_record = another
            with pytest.raises(TakenOver):
                slow.save("slow")
        assert runners.store().load() == "other"

    def test_a_lease_lasts_while_it_is_written(self, runners: Runners, clock: list[float]) -> None:
        """However long a promotion takes."""
        with runners.store().hold() as hold:
            for _ in range(3):
                clock[0] += BucketRecords.LEASE_S - 1
                hold.save("alive")
                assert runners.store().is_held()
