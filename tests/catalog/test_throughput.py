"""Published throughput is dated and only speaks of the model and GPU it was measured on."""

from __future__ import annotations

from catalog.throughput import MEASURED, find


def test_every_measurement_is_dated_and_sourced() -> None:
    """A number without a load and a source is no measurement."""
    assert all(each.source and each.checked and each.load and each.tokens_per_second > 0 for each in MEASURED)


def test_another_model_or_gpu_has_no_figure() -> None:
    """Nothing is inferred from a neighbour."""
    known = MEASURED[0]

    assert find(known.model, known.instances[0]) == known
    assert find(known.model, "p5.48xlarge") is None
    assert find("some/other-model", known.instances[0]) is None
