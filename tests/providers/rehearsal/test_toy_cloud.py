"""A cloud that nobody here has heard of: served by its SDK alone, and by one row more where it describes itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2

from providers.rehearsal.clouds import CLOUDS, cloud_of
from providers.rehearsal.record import RehearsalRecord
from providers.rehearsal.server import RehearsalProvider
from tests.providers.rehearsal.toy import TOKEN, Toy, write_sdk

URN = f"urn:pulumi:dev::sample::{TOKEN}::box"


@pytest.fixture(autouse=True)
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy SDK is installed."""
    write_sdk(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def _served(record: RehearsalRecord) -> RehearsalProvider:
    return RehearsalProvider(cloud_of("toy"), record)


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())


def _check(provider: RehearsalProvider, **inputs: Any) -> list[str]:
    request = provider_pb2.CheckRequest(urn=URN, news=_struct(inputs))
    return [each.reason for each in provider.Check(request, None).failures]  # type: ignore[arg-type]


def test_what_no_schema_knows_is_not_validated() -> None:
    """Names and types are the SDK's; what a text means nobody has said."""
    record = RehearsalRecord()

    assert _check(_served(record), size="huge", isSealed=True) == []
    assert [each.shown for each in record.inspections[URN].unvalidated] == ["size"]


def test_the_sdks_own_types_are_checked() -> None:
    """Without a line about the cloud."""
    told = _check(_served(RehearsalRecord()), size=3)

    assert told == ["size is 3; it must be text."]
    assert _check(_served(RehearsalRecord()), isSealed=True) == [f"size is missing; {TOKEN} requires it."]


def test_it_is_made_with_plausible_outputs() -> None:
    """An id and texts, the same every time."""
    request = provider_pb2.CreateRequest(urn=URN, properties=_struct({"size": "small"}))

    first, second = (_served(RehearsalRecord()).Create(request, None) for _ in range(2))  # type: ignore[arg-type]

    assert first == second
    assert first.id.startswith("box-")
    assert str(first.properties["label"]).startswith("rehearsed-")


def test_what_a_change_takes_nobody_says() -> None:
    """Told as such, not as an update that surely works."""
    record = RehearsalRecord()
    old, new = _struct({"size": "small"}), _struct({"size": "large"})

    _served(record).Diff(provider_pb2.DiffRequest(urn=URN, old_inputs=old, news=new), None)  # type: ignore[arg-type]

    assert record.undecided_changes == {URN: ("size",)}


def test_a_look_up_is_refused_by_name_with_the_file_for_its_answer() -> None:
    """A file that need not be there yet."""
    request = provider_pb2.InvokeRequest(tok="toy:index/getBox:getBox", args=_struct({}))

    (failure,) = _served(RehearsalRecord()).Invoke(request, None).failures  # type: ignore[arg-type]

    assert "Add one to catalog/rehearsal/toy/lookups.toml" in failure.reason


def test_a_row_brings_its_own_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which validates what it knows and refuses the rest with the nearest name."""
    monkeypatch.setitem(CLOUDS, "toy", Toy)
    record = RehearsalRecord()

    assert _check(_served(record), size="larger") == [
        "size is 'larger'; it must be one of small, large. Did you mean 'large'?"
    ]
    assert _check(_served(record), size="large") == []
    assert record.inspections[URN].unvalidated == ()
    assert record.inspections[URN].by == ("sdk toy 1.2.3", "toy schema")
