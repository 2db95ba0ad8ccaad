"""Circuits: what opens one, how it comes back; no attempt while it is open, one while it is half-open."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logic.answer import Failure, Kind
from app.logic.circuit import APART_S, FAILURES_TO_OPEN, OPEN_MAX_S, OPEN_S, RAMP_S, REST_MAX_S, Circuit, Sent, State

BROKEN = Failure(Kind.CUT, "cut")
A_DAY_S = 86_400.0


def fail(circuit: Circuit, *ends: float, failure: Failure = BROKEN, request_at: float | None = None) -> Circuit:
    """``circuit`` after requests that failed at ``ends``, each begun right then, or all at ``request_at``."""
    for end in ends:
        began = end if request_at is None else request_at
        circuit = circuit.failed(end, failure, Sent(began, began))
    return circuit


def succeed(circuit: Circuit, now: float) -> Circuit:
    """``circuit`` after its probe, or else any request, has shown content."""
    at = now if circuit.probe_since is None else circuit.probe_since
    return circuit.succeeded(now, Sent(at, at))


def opened() -> Circuit:
    """Open since 0.0."""
    return fail(Circuit(), *[0.0] * FAILURES_TO_OPEN)


def probe(circuit: Circuit, at: float, failure: Failure, after_s: float = 1.0) -> Circuit:
    """``circuit`` after a request that was sent at ``at`` and failed."""
    return circuit.sent(at).failed(at + after_s, failure, Sent(at, at))


def test_requests_that_fail_one_after_the_other_open_it() -> None:
    """One failure less does not; a complete answer between them starts the count again, one that shows content and breaks off does not."""
    circuit = fail(fail(Circuit(), 0, 0).completed(), 0, 0)
    assert circuit.state(0) is State.CLOSED
    assert fail(succeed(circuit, 0), 0).state(0) is State.OPEN


def test_attempts_of_one_request_are_one_failure() -> None:
    """A request that is asked three times because its own answer is odd shuts out nobody."""
    circuit = Circuit()
    for again in (False, True, True):
        circuit = circuit.failed(10.0 * again, BROKEN, Sent(0, 0, again=again))
    assert circuit.failures == 1


def test_a_blip_is_one_failure() -> None:
    """A hundred streams that break at the same moment tell of one cause, however long each had run; requests begun later tell of another."""
    circuit = fail(Circuit(), *(100 + i / 100 for i in range(100)), request_at=50)
    assert circuit.failures == 1
    assert fail(circuit, 101.5, 101.6).state(101.6) is State.OPEN


def test_an_outage_is_seen_through_requests_that_overlap() -> None:
    """Requests that all began before the first of them failed, and go on failing, are no blip."""
    circuit = fail(Circuit(), 15, 15 + APART_S, request_at=0)
    assert (circuit.failures, circuit.state(20)) == (2, State.CLOSED)
    assert fail(circuit, 15 + 2 * APART_S, request_at=0).state(20) is State.OPEN


@pytest.mark.parametrize(
    "kind", [Kind.BAD_REQUEST, Kind.REFUSED_BY_POLICY, Kind.CONTEXT_TOO_LONG, Kind.BUSY, Kind.DEADLINE]
)
def test_what_is_not_the_backends_fault_never_opens_it(kind: Kind) -> None:
    """A hundred bad requests, refusals or full houses leave the circuit closed."""
    circuit = fail(Circuit(), *range(100), failure=Failure(kind, "no"))
    assert circuit.state(0) is State.CLOSED


def test_one_refused_credential_does_not_open_it() -> None:
    """A firewall's 403 for one caller's prompt looks the same; three requests in a row do open it."""
    wrong = Failure(Kind.MISCONFIGURED, "403")
    assert fail(Circuit(), 0, 1, failure=wrong).state(1) is State.CLOSED
    assert fail(Circuit(), 0, 1, 2, failure=wrong).state(2) is State.OPEN


def test_a_busy_backend_is_passed_over_for_as_long_as_it_asks() -> None:
    """Retry-After is obeyed without counting as a failure; then all requests may go."""
    circuit = fail(Circuit(), 0, failure=Failure(Kind.BUSY, "429", retry_after_s=7))
    assert not circuit.admits(6.9)
    assert circuit.admits(7.0)
    assert circuit.sent(7.0).admits(7.0)


@pytest.mark.parametrize("asked_s", [3600.0, A_DAY_S, 1e308])
def test_a_long_rest_is_cut_short_by_probes(asked_s: float) -> None:
    """After a minute one request looks whether it is over, then after twice as long; the first that is answered lets all others in."""
    busy = Failure(Kind.BUSY, "429", retry_after_s=asked_s)
    circuit = fail(Circuit(), 0, 0.1, 0.2, failure=busy)  # the last two were under way: no news
    assert not circuit.admits(REST_MAX_S - 1)
    now = REST_MAX_S
    for wait_s in (2 * REST_MAX_S, 4 * REST_MAX_S):
        assert circuit.admits(now)
        assert not circuit.sent(now).admits(now + 0.1)
        circuit = probe(circuit, now, busy, after_s=0)
        assert not circuit.admits(now + wait_s - 1)
        now += wait_s
    probing = circuit.sent(now)
    assert not probing.admits(now)
    assert succeed(probing, now).admits(now)


def test_an_older_stream_ends_no_rest() -> None:
    """That it goes on says nothing of whether more requests are welcome: after the rest it is still one that looks."""
    circuit = fail(Circuit(), 0, failure=Failure(Kind.BUSY, "429", retry_after_s=3600))
    circuit = circuit.succeeded(1, Sent(-5, -5))
    assert not circuit.sent(REST_MAX_S).admits(REST_MAX_S)


def test_a_rest_is_never_longer_than_asked() -> None:
    """Doubling ends at what the provider said."""
    circuit, now = Circuit(), 0.0
    for _ in range(40):
        circuit = probe(circuit, now, Failure(Kind.BUSY, "429", retry_after_s=100), after_s=0)
        assert circuit.busy_until - now <= 100
        now = circuit.busy_until


def test_half_open_lets_one_probe_through() -> None:
    """After the wait exactly one request goes; its success closes the circuit, its failure opens it for twice as long."""
    circuit = opened()
    assert not circuit.admits(OPEN_S - 0.1)
    assert circuit.admits(OPEN_S)
    probing = circuit.sent(OPEN_S)
    assert not probing.admits(OPEN_S + 0.1)
    assert succeed(probing, OPEN_S + 1).state(OPEN_S + 1) is State.CLOSED
    again = probe(circuit, OPEN_S, BROKEN)
    assert not again.admits(OPEN_S + 1 + 2 * OPEN_S - 0.1)
    assert again.admits(OPEN_S + 1 + 2 * OPEN_S)


def test_only_the_probe_tells_of_the_present() -> None:
    """A stream that began before the circuit opened, and breaks while a probe runs, opens it for no longer, nor lets a second probe go."""
    probing = opened().sent(OPEN_S)
    assert probing.failed(OPEN_S + 1, BROKEN, Sent(-10, -10)) == probing


def test_a_probe_before_its_time_costs_nothing() -> None:
    """Where nobody else is left, a backend is asked while its circuit is open: a failure then makes the time no longer."""
    circuit = opened()
    early = probe(circuit, 1.0, BROKEN)
    assert (early.open_until, early.opened, early.is_probed(2.0)) == (circuit.open_until, circuit.opened, False)
    assert succeed(circuit.sent(1.0), 1.5).state(1.5) is State.CLOSED


def test_a_probe_whose_caller_left_frees_its_place() -> None:
    """Otherwise nobody would ever ask again. Another caller's leaving does not."""
    probing = opened().sent(OPEN_S)
    assert probing.abandoned(Sent(OPEN_S, 0)).admits(OPEN_S)
    assert not probing.abandoned(Sent(1.0, 0)).admits(OPEN_S)


def test_traffic_ramps_up_after_a_probe() -> None:
    """Right after the probe a tenth goes there, halfway a little over half, at the end all."""
    circuit = succeed(opened().sent(OPEN_S), 0)
    assert [circuit.share(at) for at in (0, RAMP_S / 2, RAMP_S, 2 * RAMP_S)] == pytest.approx([0.1, 0.55, 1, 1])


def test_a_failure_on_the_ramp_opens_it_again() -> None:
    """A backend that fails right after its probe is not well."""
    assert fail(succeed(opened().sent(OPEN_S), 6), 7).state(7) is State.OPEN


STEPS = st.lists(st.tuples(st.sampled_from(["ok", *Kind]), st.floats(0, 100), st.floats(0, 1e6)), max_size=60)


def after(circuit: Circuit, steps: Sequence[tuple[str, float, float]]) -> tuple[Circuit, float]:
    """``circuit`` after attempts one after the other, each with its outcome, the seconds before it and its Retry-After; and the time."""
    now = 0.0
    for what, later, retry_after_s in steps:
        now += later
        circuit = circuit.sent(now)
        failure = None if what == "ok" else Failure(Kind(what), "", retry_after_s=retry_after_s)
        circuit = succeed(circuit, now) if failure is None else circuit.failed(now, failure, Sent(now, now))
    return circuit, now


@given(STEPS)
def test_it_always_comes_back(steps: list[tuple[str, float, float]]) -> None:
    """Whatever happened, after the longest wait a request is let through again, and a success closes the circuit."""
    circuit, now = after(Circuit(), steps)
    assert circuit.open_until <= now + OPEN_MAX_S
    now = max(now + OPEN_MAX_S + 1, circuit.busy_until)
    assert circuit.admits(now)
    well = succeed(circuit.sent(now), now)
    assert well.state(now) is State.CLOSED
    assert well.admits(now)


@given(STEPS, st.integers(2, 20))
def test_never_two_probes(steps: list[tuple[str, float, float]], askers: int) -> None:
    """However many ask at the same moment, half-open lets one through."""
    circuit, now = after(opened(), steps)
    now = max(now, circuit.open_until, circuit.busy_until)
    if circuit.state(now) is not State.HALF_OPEN:
        return
    let_through = 0
    for _ in range(askers):
        if circuit.admits(now):
            let_through += 1
            circuit = circuit.sent(now)
    assert let_through == 1
