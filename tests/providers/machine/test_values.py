"""Property values: secrets in and out of their wrappers, unknown ones, and texts without secrets."""

from typing import Any

import pytest

from plan.tokens import SECRET, SIGNATURE, UNKNOWN
from providers.machine.values import changed, has_secret, has_unknown, newly_secret, plain, redact


def secret(value: Any) -> dict[str, Any]:
    """Wrap a value as the engine does."""
    return {SIGNATURE: SECRET, "value": value}


def test_plain_unwraps_secrets_and_whole_numbers_at_any_depth() -> None:
    """Secrets may wrap a leaf or a whole map; numbers travel as floats."""
    sent = {"port": 8080.0, "share": 0.5, "map": {"KEY": secret("x")}, "all": secret({"A": "b", "n": [1.0]})}

    assert plain(sent) == {"port": 8080, "share": 0.5, "map": {"KEY": "x"}, "all": {"A": "b", "n": [1]}}
    assert isinstance(plain(sent)["port"], int)


def test_unknown_and_secret_are_seen_at_any_depth() -> None:
    """One unknown or secret leaf marks the whole value."""
    assert has_unknown({"a": ["b", {"c": secret(UNKNOWN)}]})
    assert not has_unknown({"a": ["b"]})
    assert has_secret({"a": ["b", {"c": secret("d")}]})
    assert not has_secret({"a": ["b"]})


def test_a_value_that_became_secret_counts_as_such_and_not_as_changed() -> None:
    """Otherwise the state would keep the plain text."""
    old, new = {"environment": {"KEY": "x"}}, {"environment": {"KEY": secret("x")}}

    assert changed(["environment"], old, new) == []
    assert newly_secret(["environment"], old, new) == ["environment"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the key is hunter22!", "the key is [secret]!"),
        ("refused ci=tok-12345", "refused [secret]"),
        ("refused tok-12345", "refused [secret]"),
        ("port 80", "port 80"),
    ],
)
def test_redact_blots_out_whole_secrets_lines_and_right_sides(text: str, expected: str) -> None:
    """A program prints a key in its own way; a secret of a few characters would blot out ordinary words."""
    environment = {"A": secret("hunter22"), "KEYS": secret("ci=tok-12345\nother=tok-6789"), "SHORT": secret("80")}

    assert redact(text, environment) == expected
