"""A suite's table is kept strictly: what fails must be in it and fail as it says, what is in it must fail, and nothing gets lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.libraries import pinned
from tests.clients.outcomes import Outcome, complaints, read
from tests.clients.suite import Failing, Suite
from tests.clients.suites import SUITES

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
SUITE = Suite(
    library="a",
    tests=(),
    adapter="openai",
    models=(),
    environment={},
    passing=1,
    failing=(Failing(named=r"test_tool\[", says="no tools", why="the model has none"),),
)
GOOD = Outcome("a.test::test_text")
EXPECTED = Outcome("a.test::test_tool[x]", "Error: no tools")

REPORT = """<testsuites><testsuite>
<testcase classname="a.B" name="test_good" />
<testcase classname="a" name="test_bad[1]"><failure message="Error: no">the traceback</failure></testcase>
<testcase classname="a" name="test_broken"><error message="failed on setup">the traceback</error></testcase>
<testcase classname="a" name="test_left"><skipped message="no key" /></testcase>
</testsuite></testsuites>"""


def test_what_the_table_says_is_no_complaint() -> None:
    """One passes, and one fails as it should."""
    assert complaints(SUITE, [GOOD, EXPECTED]) == []


@pytest.mark.parametrize(
    ("outcomes", "complaint"),
    [
        ([GOOD, EXPECTED, Outcome("a.test::test_new", "Error: odd")], "test_new failed: Error: odd"),
        ([GOOD, Outcome("a.test::test_tool[x]", "Error: odd")], "test_tool[x] failed: Error: odd"),
        (
            [GOOD, EXPECTED, Outcome("a.test::test_tool[y]")],
            "test_tool[y] passes, and is in the table of those that fail",
        ),
        ([GOOD], r"none of the tests that ran is called 'test_tool\['"),
        ([GOOD, Outcome("a.test::test_tool[x]", ran=False)], "none of the tests that ran"),
        ([EXPECTED], "0 passed instead of 1; 1 failed"),
        ([Outcome("a.test::test_text", ran=False), EXPECTED], "0 passed instead of 1; 1 failed, 1 skipped"),
    ],
    ids=["unexpected", "for another reason", "expected and passed", "gone", "skipped entry", "lost", "skipped"],
)
def test_what_differs_is_told(outcomes: list[Outcome], complaint: str) -> None:
    """By the test's name and what it said."""
    assert any(complaint in each for each in complaints(SUITE, outcomes))


def test_the_report_is_read(tmp_path: Path) -> None:
    """Passed, failed, broken before it began, and skipped."""
    report = tmp_path / "report.xml"
    report.write_text(REPORT)

    good, bad, broken, left = read(report)

    assert (good.test, good.passed) == ("a.B::test_good", True)
    assert (bad.test, bad.passed, "Error: no" in bad.failure) == ("a::test_bad[1]", False, True)
    assert (broken.passed, "failed on setup" in broken.failure) == (False, True)
    assert (left.passed, left.failure) == (False, "")


@pytest.mark.parametrize("library", sorted({suite.library for suite in SUITES.values()}))
def test_each_library_is_pinned_and_on_the_page(library: str) -> None:
    """With hashes, so that the suite is the same everywhere; the page names the version."""
    lock = (Path(__file__).with_name("requirements.txt")).read_text()
    found = pinned(lock, library)

    assert "--hash=sha256:" in found
    assert f"| {library} | {found.split('==')[1].split()[0]} |" in PAGE.read_text()
