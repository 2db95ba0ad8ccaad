"""A usage file is checked where it is written, and read exactly."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cost.amounts import Case, State
from cost.usage import NO_USAGE, Profile, UsageError, parse

TEXT = """
version: 1
expected:
  requests_per_day: 20000
  fallback_share: 0.1
low:
  requests_per_day: 1000
resources:
  logs:
    log_gb: 3
"""


def test_numbers_are_what_is_written() -> None:
    """0.1 is a tenth."""
    assert parse(TEXT, "usage.yaml").amount("fallback_share").expected == Decimal("0.1")


def test_low_and_high_say_only_what_differs() -> None:
    """What they do not say is as expected."""
    amount = parse(TEXT, "usage.yaml").amount("requests_per_day")

    assert [amount.at(case) for case in Case] == [1000, 20000, 20000]


def test_a_resource_can_have_a_figure_of_its_own() -> None:
    """By its name; all others have the stack's."""
    usage = parse(TEXT, "usage.yaml")

    assert usage.amount("log_gb", "logs").expected == 3
    assert usage.amount("log_gb").state is State.USAGE_DEPENDENT


def test_without_a_file_everything_is_open() -> None:
    """And says what would close it."""
    assert NO_USAGE.amount("log_gb").why == "not in the usage file: log_gb"


def test_the_stacks_own_idle_time_out_and_model_are_taken_from_its_config() -> None:
    """The file wins where it says them."""
    config = {"trimaran:scaling": '{"idleTimeoutS": 900}', "trimaran:settings": '{"model": "m"}'}

    usage = parse(TEXT, "usage.yaml").with_stack_config(config)

    assert usage.amount("idle_timeout_s").expected == 900
    assert usage.model == "m"
    assert parse("version: 1\nmodel: own\n", "u").with_stack_config(config).model == "own"


@pytest.mark.parametrize("value", ["not json", "[]", "3", '{"idleTimeoutS": null}'])
def test_a_config_that_cannot_be_read_changes_nothing(value: str) -> None:
    """The preview's config is somebody else's to check."""
    usage = parse(TEXT, "usage.yaml")

    assert usage.with_stack_config({"trimaran:scaling": value}) == usage


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("expected: {}", "u.yaml: a usage file is a mapping that starts with 'version: 1'"),
        ("version: 2", "u.yaml:1: 'version' is 2: input should be 1"),
        ("version: 1\nexpected:\n  request_per_day: 3\n", "u.yaml:3: 'expected.request_per_day' is not a known key."),
        ("version: 1\nexpected:\n  request_per_day: 3\n", "Did you mean 'requests_per_day'?"),
        ("version: 1\nexpectd: {}\n", "Did you mean 'expected'?"),
        ("version: 1\nexpected:\n  log_gb: -1\n", "u.yaml:3: 'expected.log_gb' is -1: input should be greater"),
        ("version: 1\nexpected:\n  busy_hours_per_day: 25\n", "less than or equal to 24"),
        ("version: 1\nfallback: {provider: aws}\n", "'fallback.model' is missing"),
        ("version: 1\nresources:\n  gpu:\n    replica: 1\n", "u.yaml:4: 'resources.gpu.replica' is not a known key."),
        ("version: 1\nexpected: [", "u.yaml:2: not valid YAML"),
        ("version: 1\nexpected:\n  log_gb: many\n", "u.yaml:3: 'expected.log_gb' is 'many'"),
        ("version: 1\nexpected:\n  log_gb: .inf\n", "u.yaml:3: 'expected.log_gb' is '.inf'"),
        ("version: 1\nexpected:\n  log_gb: -.inf\n", "u.yaml:3: 'expected.log_gb' is '-.inf'"),
        ("version: 1\nexpected:\n  log_gb: .nan\n", "u.yaml:3: 'expected.log_gb' is '.nan'"),
        (
            "version: 1\nexpected:\n  log_gb: 1\n  log_gb: 2\n",
            "u.yaml:4: not valid YAML: the key 'log_gb' stands twice",
        ),
        ("version: 1\nversion: 1\n", "u.yaml:2: not valid YAML: the key 'version' stands twice"),
        (
            "version: 1\nlow:\n  log_gb: 3\nexpected:\n  log_gb: 2\n",
            "u.yaml:5: 'log_gb' is 3 in 'low' and 2 in 'expected', which must not be less",
        ),
        ("version: 1\nlow: {log_gb: 3}\nhigh: {log_gb: 2}\n", "u.yaml:3: 'log_gb' is 3 in 'low' and 2 in 'high'"),
        ("version: 1\nexpected: {log_gb: 3}\nhigh: {log_gb: 2}\n", "'log_gb' is 3 in 'expected' and 2 in 'high'"),
        ("version: 1\nexpected: " + "[" * 5000, "nested deeper"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_nearest_key(text: str, complaint: str) -> None:
    """In the words that were typed."""
    with pytest.raises(UsageError) as caught:
        parse(text, "u.yaml")

    assert complaint in str(caught.value)


def test_numbers_in_order_and_zero_are_right() -> None:
    """Equal ones too."""
    usage = parse("version: 1\nlow: {log_gb: 0.0}\nexpected: {log_gb: 2}\nhigh: {log_gb: 2}\n", "u.yaml")

    assert [usage.amount("log_gb").at(case) for case in Case] == [0, 2, 2]


def test_the_pages_example_is_valid_and_every_key_is_explained() -> None:
    """docs/cost.md is what people copy from."""
    page = (Path(__file__).resolve().parents[2] / "docs/cost.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]

    usage = parse(example, "docs/cost.md")

    assert usage.own_rate("aws:ec2-spot:g6.xlarge", "us-east-1") is not None
    assert not {key for key in Profile.model_fields if key not in page}
