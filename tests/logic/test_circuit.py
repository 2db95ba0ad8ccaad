"""Circuits: what opens one, how it comes back; no attempt while it is open, one while it is half-open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logic.answer import Failure, Kind
from app.logic.circuit import FAILURES_TO_OPEN, OPEN_MAX_S, OPEN_S, RAMP_S, Circuit, State

BROKEN = Failure(Kind.CUT, "cut")


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(FAILURES_TO_OPEN):
        circuit = circuit.failed(now, BROKEN)
    return circuit


def test_failures_in_a_row_open_it() -> None:
    """One failure less does not; a complete answer between them starts the count again, one that shows content and breaks off does not."""
    circuit = Circuit().failed(0, BROKEN).failed(0, BROKEN).completed().failed(0, BROKEN).failed(0, BROKEN)
    assert circuit.state(0) is State.CLOSED
    assert circuit.succeeded(0).failed(0, BROKEN).state(0) is State.OPEN


@pytest.mark.parametrize(
    "kind", [Kind.BAD_REQUEST, Kind.REFUSED_BY_POLICY, Kind.CONTEXT_TOO_LONG, Kind.BUSY, Kind.DEADLINE]
)
def test_what_is_not_the_backends_fault_never_opens_it(kind: Kind) -> None:
    """A hundred bad requests, refusals or full houses leave the circuit closed."""
    circuit = Circuit()
    for _ in range(100):
        circuit = circuit.failed(0, Failure(kind, "no"))
    assert circuit.state(0) is State.CLOSED


def test_a_wrong_credential_opens_it_at_once() -> None:
    """Asking again with the same key cannot help."""
    assert Circuit().failed(0, Failure(Kind.MISCONFIGURED, "401")).state(0) is State.OPEN


def test_a_busy_backend_is_passed_over_for_as_long_as_it_asks() -> None:
    """Retry-After is obeyed without counting as a failure."""
    circuit = Circuit().failed(0, Failure(Kind.BUSY, "429", retry_after_s=7))
    assert not circuit.admits(6.9, 0)
    assert circuit.admits(7.0, 0)


def test_half_open_lets_one_probe_through() -> None:
    """After the wait exactly one request goes; its success closes the circuit, its failure opens it for twice as long."""
    circuit = opened()
    assert not circuit.admits(OPEN_S - 0.1, 0)
    assert circuit.admits(OPEN_S, 0)
    probing = circuit.sent(OPEN_S)
    assert not probing.admits(OPEN_S + 0.1, 0)
    assert probing.succeeded(OPEN_S + 1).state(OPEN_S + 1) is State.CLOSED
    again = probing.failed(OPEN_S + 1, BROKEN)
    assert not again.admits(OPEN_S + 1 + 2 * OPEN_S - 0.1, 0)
    assert again.admits(OPEN_S + 1 + 2 * OPEN_S, 0)


def test_a_probe_whose_caller_left_frees_its_place() -> None:
    """Otherwise nobody would ever ask again."""
    assert opened().sent(OPEN_S).abandoned().admits(OPEN_S, 0)


def test_traffic_ramps_up_after_a_probe() -> None:
    """Right after the probe a tenth is let through, halfway a little over half, at the end all."""
    circuit = opened().sent(OPEN_S).succeeded(0)
    shares = [sum(circuit.admits(at, draw / 1000) for draw in range(1000)) / 1000 for at in (0, RAMP_S / 2, RAMP_S)]
    assert shares == [0.1, 0.55, 1.0]


def test_a_failure_on_the_ramp_opens_it_again() -> None:
    """A backend that fails right after its probe is not well."""
    assert opened().sent(OPEN_S).succeeded(0).failed(1, BROKEN).state(1) is State.OPEN


STEPS = st.lists(st.tuples(st.sampled_from(["ok", *Kind]), st.floats(0, 100)), max_size=60)


@given(STEPS)
def test_it_always_comes_back(steps: list[tuple[str, float]]) -> None:
    """Whatever happened, after the longest wait a request is let through again, and a success closes the circuit."""
    circuit, now = Circuit(), 0.0
    for what, later in steps:
        now += later
        circuit = circuit.sent(now)
        circuit = circuit.succeeded(now) if what == "ok" else circuit.failed(now, Failure(Kind(what), ""))
        assert circuit.open_until <= now + OPEN_MAX_S
    now += OPEN_MAX_S + 1
    assert circuit.admits(now, 0)
    assert circuit.sent(now).succeeded(now).state(now) is State.CLOSED


@given(STEPS, st.integers(2, 20))
def test_never_two_probes(steps: list[tuple[str, float]], askers: int) -> None:
    """However many ask at the same moment, half-open lets one through."""
    circuit, now = opened(), 0.0
    for what, later in steps:
        now += later
        circuit = circuit.succeeded(now) if what == "ok" else circuit.failed(now, Failure(Kind(what), ""))
    now = max(now, circuit.open_until, circuit.busy_until)
    if circuit.state(now) is not State.HALF_OPEN:
        return
    let_through = 0
    for _ in range(askers):
        if circuit.admits(now, 0.5):
            let_through += 1
            circuit = circuit.sent(now)
    assert let_through == 1
