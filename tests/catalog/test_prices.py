"""Prices are dated, sourced facts, and the files that are read are what the sources say."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.prices import RATES, SOURCES, find, make, regions_of


def test_rate_files_are_made_from_the_sources() -> None:
    """What is committed is what `.venv/bin/python -m catalog.prices.make` writes."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in RATES.glob("*.json")}

    assert committed == make.make()


def test_a_rate_says_unit_region_source_and_date() -> None:
    """Nothing is priced without saying where and when the price was read."""
    rate = find("aws:ec2:g6.xlarge", "us-east-1")

    assert rate is not None
    assert (rate.usd, rate.unit, rate.region, rate.checked) == (
        Decimal("0.8048"),
        "instance-hour",
        "us-east-1",
        "2026-07-20",
    )
    assert "karpenter-provider-aws" in rate.source


def test_a_region_without_a_rate_has_none() -> None:
    """A price is never taken from another region."""
    assert find("aws:elb:alb", "us-west-2") is None
    assert "us-east-1" in regions_of("aws:elb:alb")


def test_a_price_that_is_the_same_everywhere_is_found_everywhere() -> None:
    """Route 53 has one price."""
    assert find("aws:route53:zone", "eu-west-1") == find("aws:route53:zone", "us-east-1")


@pytest.mark.parametrize("sku", ["aws:ec2:no.such", "no:such:thing", "nothing"])
def test_an_unknown_thing_has_no_rate(sku: str) -> None:
    """Not even zero."""
    assert find(sku, "us-east-1") is None


def test_no_source_names_a_place_on_a_machine() -> None:
    """Sources are public."""
    texts = [path.read_text(encoding="utf-8") for path in SOURCES.glob("*.csv")]

    assert not [text for text in texts if re.search(r"\.\./|file id|/home/|/tmp/", text)]


_HEAD = ",".join(make.COLUMNS)
_GOOD = "aws:ec2:x1.large,us-east-1,instance-hour,0.5,2026-01-02,known,"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (_GOOD.replace("0.5", "0"), "above zero"),
        (_GOOD.replace("0.5", "5e-1"), "written out"),
        (_GOOD.replace("0.5", "free"), "not an amount"),
        (_GOOD.replace("2026-01-02", "last year"), "checked is 'last year'"),
        (_GOOD.replace("instance-hour", "per hour!"), "unit is"),
        (_GOOD.replace("us-east-1", "us-east-1 (not stated)"), "region is"),
        (_GOOD.replace("known", "hearsay"), "not in sources.csv"),
        (f"{_GOOD}\n{_GOOD}", "two rates"),
    ],
)
def test_a_row_that_cannot_be_trusted_is_refused(
    row: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file and the line are named."""
    (tmp_path / "sources.csv").write_text("key,text\nknown,somewhere\n")
    (tmp_path / "some.csv").write_text(f"{_HEAD}\n{row}\n")
    monkeypatch.setattr(make, "SOURCES", tmp_path)

    with pytest.raises(make.PriceError, match=complaint) as caught:
        make.make()

    assert str(caught.value).startswith("some.csv, line")


def test_the_command_tells_a_wrong_row_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And leaves the rates as they were; the exit code is that of wrong input."""
    (tmp_path / "sources.csv").write_text("key,text\nknown,somewhere\n")
    (tmp_path / "some.csv").write_text(f"{_HEAD}\n{_GOOD.replace('known', 'hearsay')}\n")
    monkeypatch.setattr(make, "SOURCES", tmp_path)
    before = {path.name: path.read_bytes() for path in RATES.iterdir()}

    assert make.main() == 2

    told = capsys.readouterr().err.splitlines()
    assert told[0] == "error: some.csv, line 2: source 'hearsay' is not in sources.csv."
    assert told[1].startswith("hint: ")
    assert {path.name: path.read_bytes() for path in RATES.iterdir()} == before


@pytest.mark.parametrize(
    "name", ["../rates/aws-ebs:gp3", "x" * 300 + ":y", "a\0b:c", "../../../pyproject:x"], ids=str.__len__
)
def test_a_name_out_of_a_plan_is_no_path(name: str) -> None:
    """Whatever somebody has written in place of an instance type."""
    assert find(f"aws:ec2:{name}", "us-east-1") is None
