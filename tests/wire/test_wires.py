"""Whoever adds a wire is led to every place: what a list lacks is told with the file to create."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import pytest

from app.wire import codecs
from app.wire.codecs import READ, SCANNED, WRITTEN, Read
from app.wire.events import Wire
from tests.inference.fakes.openai import OpenAI as OpenAIFake
from tests.inference.fakes.vendor import Vendor
from tests.inference.lines.fake import Lines
from tests.inference.lines.wire import CODEC
from tests.wire.conftest import FOLDER
from tests.wire.test_codecs import CHAT
from tests.wire.test_golden import CASES, SAID, SPOKEN

# Written by a codec, but with less than an answer has: no tool calls, no reasoning. The golden transcripts show it.
LOSSY = {Wire.OPENAI_COMPLETIONS}
# Backends' answers in it are read as those of chat completions are.
READ_ALIKE = {Wire.OPENAI_COMPLETIONS}


@pytest.mark.parametrize("wire", Wire)
def test_every_wire_has_a_codec(wire: Wire) -> None:
    """A name alone can be neither read nor written."""
    assert wire in READ or wire in SCANNED or wire in WRITTEN, (
        f"wire '{wire}': create app/wire/{wire}.py and add its codec to app/wire/codecs.py"
    )


@pytest.mark.parametrize("wire", sorted((READ.keys() & WRITTEN.keys()) - LOSSY))
def test_a_wire_that_is_read_and_written_is_proven_by_property(wire: Wire) -> None:
    """Nothing is lost, doubled or reordered."""
    assert wire in [codec.wire for codec in CHAT], f"wire '{wire}': add its codec to CHAT in tests/wire/test_codecs.py"


@pytest.mark.parametrize("wire", sorted(READ.keys() - READ_ALIKE))
def test_a_wire_that_backends_speak_has_transcripts(wire: Wire) -> None:
    """What callers read when a backend speaks it."""
    assert wire in [codec.wire for codec, _ in SPOKEN.values()], (
        f"wire '{wire}': add its codec and its fake to SPOKEN and WANTED in tests/wire/test_golden.py"
    )


@pytest.mark.parametrize("wire", sorted(WRITTEN))
def test_a_wire_that_callers_read_has_transcripts(wire: Wire) -> None:
    """Out of another wire, whole and streamed."""
    wanted = {to for _, to, _ in CASES}
    assert wire in wanted, f"wire '{wire}': add it to WANTED in tests/wire/test_golden.py"


CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
PURE = [*SPOKEN.values(), (READ[Wire.OPENAI_COMPLETIONS], OpenAIFake()), (CODEC, Lines())]


@pytest.fixture
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the time fails, by whatever name it got the clock."""

    def asked() -> float:
        pytest.fail("a codec asked the clock: take the time from the answer, or as an argument that the caller gives")

    codecs = [
        module for name, module in sys.modules.items() if name.startswith(("app.wire.", "tests.inference.lines."))
    ]
    for name in CLOCKS:
        clock = getattr(time, name)
        for module in codecs:
            for own, value in list(vars(module).items()):
                if value is clock:
                    monkeypatch.setattr(module, own, asked)
        monkeypatch.setattr(time, name, asked)


@pytest.mark.usefixtures("_no_clock")
@pytest.mark.parametrize(("codec", "vendor"), PURE, ids=[codec.wire for codec, _ in PURE])
@pytest.mark.parametrize("said", SAID)
def test_a_codec_is_pure(codec: Read, vendor: Vendor, said: str) -> None:
    """The same bytes are the same values, whenever they are read and written."""
    stream, [whole] = b"".join(vendor.stream(SAID[said])), vendor.whole(SAID[said]).steps
    assert isinstance(whole, bytes)

    def seen() -> list[object]:
        events = list(codec.reader().read(stream))
        answer = list(codec.parse_whole(whole))
        values: list[object] = [events, answer, codec.scan(stream, hide_usage=True), codec.scan_whole(whole)]
        for written in WRITTEN.values():
            writer = written.writer(include_usage=True)
            values += [writer.render(events) + writer.end(), written.render_whole(answer)]
        return values

    assert seen() == seen()


@pytest.mark.parametrize("case", CASES, ids=["-".join(case) for case in CASES])
@pytest.mark.parametrize("ending", ["sse", "json"])
def test_every_case_has_its_transcript(case: tuple[str, Wire, str], ending: str) -> None:
    """A case without a file compares with nothing."""
    spoken, wanted, said = case
    path = FOLDER / f"{spoken}-to-{wanted}-{said}.{ending}"
    shown = path.relative_to(Path(__file__).parents[2])
    assert path.exists(), f"create {shown}: ./trimaran test tests/wire --update-goldens"


@pytest.mark.parametrize("path", sorted(Path(codecs.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_every_file_of_a_codec_has_its_line(path: Path) -> None:
    """One without it reads and writes nothing."""
    module = importlib.import_module(f"app.wire.{path.stem}")
    own = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__ and isinstance(vars(each).get("wire"), Wire)
    ]
    listed = {type(each) for each in (*READ.values(), *SCANNED.values(), *WRITTEN.values())}
    missing = [each.__name__ for each in own if each not in listed]

    assert not missing, (
        f"add {', '.join(missing)} of {module.__name__} to READ, SCANNED or WRITTEN in app/wire/codecs.py"
    )
