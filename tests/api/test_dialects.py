"""A dialect is one file and one row: everything that is said on its path, errors of the gate included, is said in its own form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import pytest

from app.api import bodies
from app.api.completions import Timing
from app.api.dialects.paths import DIALECTS
from app.api.errors import Fault
from app.api.openapi import document
from app.logic.answer import Call, Endpoint
from app.wire import sse
from app.wire.codecs import SCANNED, WRITTEN
from app.wire.events import Wire
from tests.api.serving import serving
from tests.api.upstream import begun_then, complete, cut, silence, upstream

PATH = "/v1/notes"


class NoteRequest(msgspec.Struct):
    ask: str
    live: bool = False


class Note(msgspec.Struct):
    id: str


class Complaint(msgspec.Struct):
    complaint: str


@dataclass(frozen=True, slots=True)
class Notes:
    """As a contributor would write one: its own request, errors, heartbeat and end, around a wire that is there."""

    endpoint: ClassVar[Endpoint] = Endpoint.CHAT
    wire: ClassVar[Wire] = Wire.ANTHROPIC
    stream_type: ClassVar[bytes] = b"text/event-stream"
    heartbeat: ClassVar[bytes] = b"event: still-here\ndata: {}\n\n"
    title: ClassVar[str] = "Notes"
    request: ClassVar[type[msgspec.Struct]] = NoteRequest
    answer: ClassVar[type[msgspec.Struct]] = Note
    refusal: ClassVar[type[msgspec.Struct]] = Complaint

    def read(self, body: bytes, request_id: str) -> Call:
        asked = bodies.converted(bodies.parse(body), NoteRequest)
        chat = {"messages": [{"role": "user", "content": asked.ask}]}
        return Call(endpoint=self.endpoint, model="", body=chat, stream=asked.live, request_id=request_id)

    def error(self, fault: Fault) -> bytes:
        return msgspec.json.encode(Complaint(fault.message))

    def error_event(self, fault: Fault) -> bytes:
        return sse.event(self.error(fault), b"complaint")

    def end(self, summary: bytes) -> bytes:
        return sse.event(summary, b"bill")


@pytest.fixture(autouse=True)
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DIALECTS, PATH, Notes())


async def posted(
    *scripts: Any, body: Any, timing: Timing | None = None, limits: str = "{}", **environment: str
) -> tuple[int, bytes]:
    async with (
        upstream(*scripts) as up,
        serving(up, timing=timing, environment=environment, limits=limits) as app,
        app.post(body, PATH) as response,
    ):
        return response.status, await response.read()


async def test_a_stream_is_written_in_the_dialects_wire_and_ends_as_it_says() -> None:
    """Its own end stands before the wire's end mark; nothing of OpenAI's is there."""
    status, raw = await posted(complete, body={"ask": "hi", "live": True})
    assert (status, raw.startswith(b"event: message_start\n"), b"[DONE]" in raw) == (200, True, False)
    last = raw.rpartition(b"event: bill\n")[2]
    assert last.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


async def test_a_whole_answer_is_written_in_the_dialects_wire() -> None:
    """One message in place of a completion."""
    status, raw = await posted(complete, body={"ask": "hi"})
    assert (status, msgspec.json.decode(raw)["type"]) == (200, "message")


async def test_an_error_has_the_dialects_form_wherever_it_arises() -> None:
    """In the body, at the gate, and in a stream that broke off."""
    status, raw = await posted(complete, body={"live": True})
    assert (status, set(msgspec.json.decode(raw))) == (400, {"complaint"})
    status, raw = await posted(complete, body={"ask": "hi"}, TRIMARAN_API_KEYS="me=sk-1")
    assert (status, set(msgspec.json.decode(raw))) == (401, {"complaint"})
    status, raw = await posted(begun_then(cut), body={"ask": "hi", "live": True})
    assert (status, raw.rpartition(b"\n\nevent: ")[2].startswith(b'complaint\ndata: {"complaint":')) == (200, True)


async def test_a_wrong_method_is_told_in_the_dialects_form() -> None:
    """Starlette's own refusals too."""
    async with upstream() as up, serving(up) as app, app.get(PATH) as response:
        assert (response.status, set(await response.json())) == (405, {"complaint"})


async def test_a_silent_stream_has_the_dialects_heartbeat() -> None:
    """Once its status is out."""
    quick = Timing(commit_after_s=0.05, heartbeat_s=0.05)
    _, raw = await posted(
        begun_then(silence), body={"ask": "hi", "live": True}, timing=quick, limits="{between_tokens_s: 1}"
    )
    assert Notes.heartbeat in raw
    assert b": ping" not in raw


def test_the_openapi_document_describes_it() -> None:
    """With its own shapes."""
    described = document("r1")["paths"][PATH]["post"]
    shape = described["responses"]["400"]["content"]["application/json"]["schema"]["$ref"]
    assert (described["summary"], shape) == ("Notes", "#/components/schemas/Complaint")


@pytest.mark.parametrize("path", [path for path in DIALECTS if path != PATH])
def test_every_dialect_has_a_codec_for_its_wire(path: str) -> None:
    """What is missing is named with the file to create."""
    wire = DIALECTS[path].wire
    assert wire in WRITTEN or wire in SCANNED, f"{path}: create app/wire/{wire}.py and its row in app/wire/codecs.py"
