"""A worker that crashes ends the run; at its end it is said how many tests had no sandbox."""

import pytest


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
