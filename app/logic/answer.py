"""What passes between the layers: a call, the backend that takes it, the batches of bytes that come back, and how it can fail."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Any, Literal, Protocol

import msgspec

from app.logic.admission.body_bytes import UNCOUNTED, Share
from app.wire.events import End, Usage, Wire

# Between the times at which a lost SYN is sent again: after 1 and 3 s, since Linux 6.5 after 1, 2 and 3 s (tcp_syn_linear_timeouts;
# docs.kernel.org/networking/ip-sysctl.html, checked 2026-11-30). With 1 s a single lost packet was an unreachable backend.
CONNECT_S = 2.5


class Endpoint(StrEnum):
    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a caller. ``body`` is in OpenAI's form, with the caller's own fields; ``model`` in it is the public name."""

    endpoint: Endpoint
    model: str
    body: Mapping[str, Any]
    stream: bool = False
    include_usage: bool = False  # the caller asked for the chunk that carries usage
    request_id: str = ""
    key: str = ""  # the name of the caller's key
    session: str = ""  # requests of one conversation have the same
    drops_unsupported: bool = False  # a field that no backend takes is left out instead of refused
    connect_s: float = CONNECT_S  # how long a backend may take to accept the connection
    share: Share = UNCOUNTED  # what the request holds in memory; a backend that makes it larger reserves that
    trace_headers: Mapping[str, str] = msgspec.field(default_factory=dict)  # W3C trace context, for the backend


class Batch(msgspec.Struct, frozen=True):
    """Bytes that arrived together and hold whole events only, and what they mean. The last batch carries the end."""

    raw: bytes
    wire: Wire
    progress: bool = False
    end: End | None = None


class Kind(StrEnum):
    """Why an attempt failed, in the words a router decides by."""

    BUSY = "busy"
    UNREACHABLE = "unreachable"
    REFUSED_BY_POLICY = "refused_by_policy"
    BAD_REQUEST = "bad_request"
    CONTEXT_TOO_LONG = "context_too_long"
    MISCONFIGURED = "misconfigured"
    FIRST_TOKEN_LATE = "first_token_late"
    STALLED = "stalled"
    CUT = "cut"
    GARBLED = "garbled"
    DEADLINE = "deadline"


class Blame(StrEnum):
    """Whose fault a bad request is."""

    CALLER = "caller"  # every backend would say the same
    BACKEND = "backend"  # it lacks what another may have
    UNKNOWN = "unknown"  # nobody knows yet: one further backend is asked


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's error as far as it may be logged: ``status`` is that of its HTTP answer, ``request_id`` the provider's.

    Only what looks like a name or an id is taken (``reported``): a provider may quote a prompt in any of its fields.
    """

    status: int | None = None
    code: str = ""
    param: str = ""
    request_id: str = ""


NOTHING_REPORTED = Reported()
_NAME = re.compile(r"[a-z0-9_.-]{1,64}")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def reported(status: int | None, *, code: object = None, param: object = None, request_id: str = "") -> Reported:
    """``Reported`` of what fits."""
    return Reported(
        status=status,
        code=_fitting(_NAME, code),
        param=_fitting(_NAME, param),
        request_id=_fitting(_ID, request_id),
    )


def _fitting(form: re.Pattern[str], value: object) -> str:
    text = "" if value is None else str(value)
    return text if form.fullmatch(text) else ""


class Failure(Exception):
    """An attempt that gave no complete answer.

    ``message`` is for the caller whose request it was: it may quote the provider, the request, or both. ``reason`` may be logged and told
    to others: this app's own words only, empty where there are none. ``reported``: what the provider's error says in fields, set by what
    received it; ``code`` is the provider's own.
    ``status`` is the HTTP status that a caller gets for it where it is not the kind's own; ``retry_after_s`` is in seconds; ``param`` names
    the request's field at fault; ``billed`` says whether the vendor may charge for the attempt. ``blame``: whose fault a bad request is. ``is_proven``: by a status or a code, and
    not by words alone, which may repeat a caller's: those count for no circuit. ``waking``: the backend is loading its model, or is about to be started.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        reason: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
        param: str | None = None,
        code: str = "",
        billed: Literal["yes", "no", "maybe"] = "no",
        blame: Blame = Blame.CALLER,
        is_proven: bool = True,
        waking: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.reason = reason
        self.code = code
        self.reported = NOTHING_REPORTED
        self.status = status
        self.retry_after_s = retry_after_s
        self.param = param
        self.billed = billed
        self.blame = blame
        self.is_proven = is_proven
        self.waking = waking

    @property
    def tells_all(self) -> bool:
        """Whether it says something to other requests: that there is no room, nobody there, or nobody awake. An answer that is an error,
        or breaks off, may be due to what was asked.
        """
        if self.kind is Kind.UNREACHABLE:
            return self.reported.status is None
        return self.kind in (Kind.BUSY, Kind.FIRST_TOKEN_LATE)

    @property
    def is_final(self) -> bool:
        """The caller's own fault, or its content's, or its time is up: another backend would have to say the same."""
        if self.kind is Kind.BAD_REQUEST:
            return self.blame is Blame.CALLER
        return self.kind in (Kind.REFUSED_BY_POLICY, Kind.DEADLINE)


class Answer(Protocol):
    """A backend's answer while it arrives. Iterating raises Failure; a complete answer's last batch carries its end.

    ``ignored``: the fields of the request that the backend did not get, because they only hint and it does not know them.
    """

    @property
    def ignored(self) -> frozenset[str]: ...

    @property
    def wire(self) -> Wire: ...
    @property
    def usage(self) -> Usage | None:
        """The backend's count so far, of an answer that has not ended; None where it gave none."""

    def __aiter__(self) -> AsyncIterator[Batch]: ...
    def abort(self) -> None:
        """Closes the connection at once, from anywhere: the backend stops generating, and a waiting iteration ends."""

    async def aclose(self) -> None: ...


class Backend(Protocol):
    """One model at one provider. It maps the request, the answer and the errors; it never retries or routes."""

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str:
        """The provider's own name for the model, pinned."""

    @property
    def endpoints(self) -> frozenset[Endpoint]: ...
    async def open(self, call: Call, deadline: float) -> Answer:
        """Sends ``call``; returns once the backend accepted it. ``deadline`` is in the time of ``time.monotonic``. Raises Failure."""
        ...

    async def ready(self) -> bool:
        """Whether it can take a call now. A remote provider is always taken to be: its outage must not take the app out."""
        ...

    async def aclose(self) -> None: ...
