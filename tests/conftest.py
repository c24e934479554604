"""Long files come first, a crashed worker ends the run, and how many tests had no sandbox is said."""

import pytest

# What takes long comes first: at the end it would leave all workers but one idle. The others follow in their order.
LONG = ("test_classroom_hostile.py",)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """Else xdist lets the other workers run all that they were given, for minutes, before it says who crashed."""
    if report.when == "???":  # so xdist marks the report of a crash
        pytest.exit(report.longrepr, returncode=1)


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    count = sum(reason.removeprefix("Skipped: ").startswith("sandbox: ") for reason in reasons)
    terminalreporter.write_line(f"skipped sandbox tests: {count}")
