"""What must come of each fault: the table of ``docs/failover.md``, stated by hand. What really came is compared with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tests.faults import refusals
from tests.faults.answers import Act, Break, Fault, Instead, Point, Respelled, Spelling


class Mode(StrEnum):
    BEFORE = "stream, before content"
    MIDDLE = "stream, mid-answer"
    WHOLE = "whole answer"


class Address(StrEnum):
    """A fault of the place, not of the answer."""

    REFUSING = "refusing"
    BLACK_HOLE = "black hole"


class Circuit(StrEnum):
    """Backend a's, after three such requests: asked again, passed over for as long as it said, or open."""

    CLOSED = "stays closed"
    RESTS = "is passed over"
    OPEN = "opens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the caller gets when ``a`` has the fault and ``b`` is healthy. ``alone``: status and code when there is no ``b``."""

    answered: str = ""
    attempts: int = 1
    rescued: str = ""
    status: int = 200
    code: str = ""
    alone: tuple[int, str] = (200, "")
    circuit: Circuit = Circuit.CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """``fault``: by the wire of the backend that has it. ``slow``: it needs the time limits to pass, so they are short.

    ``counts``: whether a backend says how many tokens the answer took.
    """

    fault: Mapping[str, Fault | Address]
    outcome: Outcome
    slow: bool = False
    counts: bool = True
    but: Mapping[str, Outcome] = field(default_factory=dict)  # by wire, where it is another one

    def expected(self, wire: str) -> Outcome:
        return self.but.get(wire, self.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A fault in each mode; a sentence says why there is none."""

    name: str
    before: Cell | str
    middle: Cell | str
    whole: Cell | str

    def cells(self) -> Iterator[tuple[Mode, Cell | str]]:
        yield from zip(Mode, (self.before, self.middle, self.whole), strict=True)


HARMLESS = Outcome(answered="a")
CONNECTED = "cannot be: it is connected"
HEAD_IS_OUT = "cannot be: the status is out"
STREAMS_ONLY = "cannot be: not a stream"
AT_THE_END = "cannot be: it is at the end"


def next_one(status: int, code: str, circuit: Circuit = Circuit.OPEN) -> Outcome:
    """``b`` answers; without it the caller gets ``status`` and ``code``."""
    return Outcome(answered="b", attempts=2, alone=(status, code), circuit=circuit)


def told(status: int, code: str) -> Outcome:
    """Nobody else is asked: the caller gets it as it is."""
    return Outcome(status=status, code=code, alone=(status, code))


def doubted(status: int) -> Outcome:
    """Nobody knows whose fault it is: one further backend is asked."""
    return next_one(status, "bad_request", Circuit.CLOSED)


def rescued(code: str) -> Outcome:
    """``b`` goes on; without it the stream ends with an error event, since its status is out."""
    return Outcome(answered="b", attempts=2, rescued="final_message", alone=(200, code), circuit=Circuit.OPEN)


UNREACHABLE = next_one(502, "unreachable")
CUT = next_one(502, "cut")
GARBLED = next_one(502, "garbled")
LATE = next_one(504, "first_token_late")
BUSY = next_one(503, "busy", Circuit.CLOSED)
LIMITED = next_one(429, "busy", Circuit.CLOSED)
LIMITED_UNTIL = next_one(429, "busy", Circuit.RESTS)
MISCONFIGURED = next_one(502, "misconfigured")
# A whole answer shows nothing until it is complete, so half of the total limit is waited for it.
SILENT_WHOLE = next_one(504, "deadline")


def at(point: Point, act: Act, outcome: Outcome, *, pieces: int = 0, slow: bool = False) -> Cell:
    broken = Break(at=point, then=act, pieces=pieces)
    counts = point is not Point.FINISH
    return Cell(fault={"openai": broken, "anthropic": broken}, outcome=outcome, slow=slow, counts=counts)


def place(address: Address, outcome: Outcome, *, slow: bool = False) -> Cell:
    return Cell(fault={"openai": address, "anthropic": address}, outcome=outcome, slow=slow)


def _connections() -> Iterator[Row]:
    refused, hole = place(Address.REFUSING, UNREACHABLE), place(Address.BLACK_HOLE, UNREACHABLE, slow=True)
    yield Row(name="connection refused", before=refused, middle=CONNECTED, whole=refused)
    yield Row(name="black hole: no connection", before=hole, middle=CONNECTED, whole=hole)
    for act in (Act.RESET, Act.FIN):
        nothing, half = (at(point, act, UNREACHABLE) for point in (Point.NOTHING, Point.HALF_HEAD))
        yield Row(name=f"{act} before the headers", before=nothing, middle=HEAD_IS_OUT, whole=nothing)
        yield Row(name=f"{act} in the headers", before=half, middle=HEAD_IS_OUT, whole=half)
    for act in (Act.RESET, Act.FIN, Act.END):
        head = at(Point.HEAD, act, CUT)
        whole = CUT if act is not Act.END else GARBLED
        yield Row(
            name=f"{act} after the headers",
            before=head,
            middle=HEAD_IS_OUT,
            whole=at(Point.HEAD, act, whole),
        )
        yield Row(
            name=f"{act} between events",
            before=at(Point.CONTENT, act, CUT),
            middle=at(Point.CONTENT, act, rescued("cut"), pieces=2),
            whole=STREAMS_ONLY,
        )
        yield Row(
            name=f"{act} inside an event",
            before=at(Point.HALF_EVENT, act, CUT),
            middle=at(Point.HALF_EVENT, act, rescued("cut"), pieces=2),
            whole=at(Point.HALF_EVENT, act, whole),
        )
        yield Row(
            name=f"{act} after the finish reason",
            before=AT_THE_END,
            middle=at(Point.FINISH, act, HARMLESS),
            whole=STREAMS_ONLY,
        )


def _silences() -> Iterator[Row]:
    def silent(point: Point, act: Act = Act.SILENCE, pieces: int = 0) -> Cell:
        outcome = rescued("stalled") if pieces else LATE
        return at(point, act, outcome, pieces=pieces, slow=True)

    def whole(point: Point, act: Act = Act.SILENCE) -> Cell:
        return at(point, act, SILENT_WHOLE, slow=True)

    yield Row(name="no headers", before=silent(Point.NOTHING), middle=HEAD_IS_OUT, whole=whole(Point.NOTHING))
    yield Row(
        name="late first token", before=silent(Point.HEAD, Act.PAUSE), middle=HEAD_IS_OUT, whole=whole(Point.HEAD)
    )
    yield Row(
        name="silence between events (the role alone; a stall)",
        before=silent(Point.CONTENT),
        middle=silent(Point.CONTENT, pieces=2),
        whole=STREAMS_ONLY,
    )
    yield Row(
        name="silence inside an event",
        before=silent(Point.HALF_EVENT),
        middle=silent(Point.HALF_EVENT, pieces=2),
        whole=whole(Point.HALF_EVENT),
    )
    yield Row(
        name="pings only",
        before=silent(Point.CONTENT, Act.PINGS),
        middle=silent(Point.CONTENT, Act.PINGS, pieces=2),
        whole=STREAMS_ONLY,
    )
    yield Row(
        name="silence after the finish reason",
        before=AT_THE_END,
        middle=at(Point.FINISH, Act.SILENCE, HARMLESS, slow=True),
        whole=STREAMS_ONLY,
    )


def _wrong_content() -> Iterator[Row]:
    html = instead(refusals.HTML, refusals.HTML, GARBLED)
    yield Row(
        name="200 with an error event",
        before=at(Point.CONTENT, Act.ERROR, BUSY),
        middle=at(Point.CONTENT, Act.ERROR, rescued("cut"), pieces=2),
        whole=instead(*refusals.overloaded_with_200(), BUSY),
    )
    yield Row(
        name="something that is not JSON",
        before=at(Point.CONTENT, Act.GARBAGE, GARBLED),
        middle=at(Point.CONTENT, Act.GARBAGE, rescued("garbled"), pieces=2),
        whole=instead(refusals.NOT_JSON, refusals.NOT_JSON, GARBLED),
    )
    yield Row(name="200 with an HTML page", before=html, middle=HEAD_IS_OUT, whole=html)


def instead(openai: Instead, anthropic: Instead, outcome: Outcome, *, on_anthropic: Outcome | None = None) -> Cell:
    but = {"anthropic": on_anthropic} if on_anthropic else {}
    return Cell(fault={"openai": openai, "anthropic": anthropic}, outcome=outcome, but=but)


def _harmless() -> Iterator[Row]:
    def spelled(how: Spelling, pieces: int = 0) -> Cell:
        other = Respelled(how=how, pieces=pieces)
        counts = how is not Spelling.NO_USAGE
        return Cell(fault={"openai": other, "anthropic": other}, outcome=HARMLESS, counts=counts)

    for how in (Spelling.SPLIT, Spelling.CRLF, Spelling.SPACED, Spelling.COMPACT):
        whole = STREAMS_ONLY if how is Spelling.CRLF else spelled(how)
        yield Row(name=how, before=spelled(how), middle=spelled(how, 2), whole=whole)
    yield Row(name=Spelling.NO_END_MARK, before=AT_THE_END, middle=spelled(Spelling.NO_END_MARK), whole=STREAMS_ONLY)
    yield Row(
        name=Spelling.NO_USAGE,
        before=AT_THE_END,
        middle=spelled(Spelling.NO_USAGE),
        whole=spelled(Spelling.NO_USAGE),
    )


def _statuses() -> Iterator[Row]:
    outcomes: dict[refusals.Refusal, Outcome] = {
        refusals.BAD_REQUEST: doubted(400),
        refusals.WRONG_KEY: MISCONFIGURED,
        refusals.NO_MONEY: MISCONFIGURED,
        refusals.NO_ACCESS: MISCONFIGURED,
        refusals.NO_MODEL: MISCONFIGURED,
        refusals.TIMED_OUT: BUSY,
        refusals.TOO_LARGE: next_one(413, "bad_request", Circuit.CLOSED),
        refusals.NOT_VALID: doubted(422),
        refusals.LIMITED: LIMITED,
        refusals.LIMITED_1_S: LIMITED_UNTIL,
        refusals.LIMITED_30_S: LIMITED_UNTIL,
        refusals.QUOTA: MISCONFIGURED,
        refusals.BROKEN: UNREACHABLE,
        refusals.BAD_GATEWAY: UNREACHABLE,
        refusals.UNAVAILABLE: BUSY,
        refusals.GATEWAY_TIMEOUT: UNREACHABLE,
        refusals.OVERLOADED: BUSY,
        refusals.FILTERED: told(400, "refused_by_policy"),
        refusals.TOO_LONG: next_one(400, "context_length_exceeded", Circuit.CLOSED),
        refusals.LACKING: next_one(400, "bad_request", Circuit.CLOSED),
    }
    # Anthropic has no status of its own for these two, so its words decide.
    anthropics = {refusals.TIMED_OUT: UNREACHABLE, refusals.NOT_VALID: doubted(400)}
    for refusal, outcome in outcomes.items():
        cell = instead(refusal.openai(), refusal.anthropic(), outcome, on_anthropic=anthropics.get(refusal))
        yield Row(name=refusal.name, before=cell, middle=HEAD_IS_OUT, whole=cell)


ROWS: tuple[Row, ...] = (*_connections(), *_silences(), *_wrong_content(), *_harmless(), *_statuses())
