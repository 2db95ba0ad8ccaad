"""The text of nginx.conf: its split adds up, and its settings can be read back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.machine.nginx_config import ProxySettings, Server, parse, render, shares

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)
WEIGHTS = st.dictionaries(NAMES, st.integers(0, 10_000), min_size=1, max_size=6).filter(
    lambda sides: any(sides.values())
)


def settings(weights: dict[str, int]) -> ProxySettings:
    """Settings whose upstreams are those of the weights."""
    upstreams = {name: f"127.0.0.1:{1000 + n}" for n, name in enumerate(weights)}
    return ProxySettings(
        host="127.0.0.1", port=80, test_port=81, upstreams=upstreams, weights=weights, test_upstream=""
    )


def written(weights: dict[str, int]) -> str:
    """The configuration for a split."""
    server = Server(user="root", open_files=1024)
    return render(settings(weights), server, directory=Path("/somewhere"), generation="abc123")


def split_lines(text: str) -> dict[str, str]:
    """Side to share, as nginx will read them."""
    block = text.split('split_clients "$conversation" $side {')[1].split("}")[0]
    shared = [line.rstrip(";").split() for line in block.strip().splitlines()]
    return {name: share for share, name in shared}


@given(WEIGHTS)
def test_shares_sum_to_all_and_follow_the_weights(weights: dict[str, int]) -> None:
    """A side at 0 is absent, the smallest other one is not, and none is off by more than rounding."""
    parts = shares(weights)

    assert sum(parts.values()) == 10_000
    assert parts.keys() == {name for name, weight in weights.items() if weight > 0}
    assert all(part >= 1 for part in parts.values())
    total = sum(weights.values())
    assert all(abs(part - 10_000 * weights[name] / total) <= len(parts) for name, part in parts.items())


@given(WEIGHTS)
def test_the_written_split_sums_to_100_percent(weights: dict[str, int]) -> None:
    """All but one side are percentages with two decimals; the last takes the rest."""
    lines = split_lines(written(weights))

    percentages = [float(share.rstrip("%")) for share in lines.values() if share != "*"]
    rest = 100 - sum(percentages)
    assert list(lines.values()).count("*") == 1
    assert rest > 0
    assert {name for name, weight in weights.items() if weight > 0} == lines.keys()


@given(WEIGHTS)
def test_settings_are_read_back_as_they_were_written(weights: dict[str, int]) -> None:
    """The file in use is the only record of a split."""
    assert parse(written(weights)) == ("abc123", settings(weights))


def test_no_weight_at_all_is_an_error() -> None:
    """Somebody has to answer."""
    with pytest.raises(ValueError, match="no upstream has a weight above 0"):
        shares({"blue": 0})


def test_a_foreign_file_is_not_read() -> None:
    """A hand-written nginx.conf has no settings."""
    with pytest.raises(ValueError, match="not a configuration written by"):
        parse("worker_processes 1;\n")
