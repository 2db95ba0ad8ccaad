"""What tests of all parts share: golden files, and the stacks that are rehearsed once for everybody."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# Before it is imported, so that a golden file's mismatch is shown line by line.
pytest.register_assert_rewrite("tests.goldens")
from tests.goldens import OPTION, Golden, keep_only_goldens, refuse_skipped  # noqa: E402

if TYPE_CHECKING:
    from tests.stacks.rehearsals import Rehearsals


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        OPTION, action="store_true", help="rewrite the golden files of the tests that are run, and run no others"
    )


def pytest_configure() -> None:
    """Take the clock away from property tests: beside another worker, 200 ms pass for no fault of theirs.

    And let Ctrl-C reach what tests start: whoever starts the suite in the background has it ignored by all that comes after.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("without deadline", deadline=None)
    settings.load_profile("without deadline")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the tests of one rehearsed project together; with the option, leave only tests with golden files."""
    if config.getoption(OPTION):
        keep_only_goldens(config, items)
    for each in items:
        if isinstance(each, pytest.Function) and "rehearsals" in each.fixturenames:
            each.add_marker(pytest.mark.xdist_group(f"rehearsal-{_project_of(each)}"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption(OPTION):
        refuse_skipped(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was left out, and why: a run without buildah has not seen the image."""
    left_out = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()))
    for reason, count in left_out.items():
        terminalreporter.write_line(f"left out, {count} test{'s' * (count != 1)}: {reason.removeprefix('Skipped: ')}")


def _project_of(item: pytest.Function) -> str:
    from tests.stacks.rehearsals import group_of

    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if "shape" not in parameters:
        raise pytest.UsageError(f"{item.nodeid} asks for rehearsals and has no parameter `shape` that says which")
    return group_of(str(parameters["shape"]))


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares what is seen with a file, or rewrites the file."""
    return Golden(updating=request.config.getoption(OPTION))


@pytest.fixture(scope="session")
def rehearsals() -> Iterator[Rehearsals]:
    """The stacks on the real engine. A test that asks for them has a parameter `shape`, the one that it reads."""
    from tests.stacks.rehearsals import Rehearsals, engine_on_path

    with engine_on_path(), ExitStack() as open_:
        yield Rehearsals(open_)
