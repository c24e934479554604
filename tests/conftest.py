"""Says at the end of a run how many tests could not be made because there is no sandbox here."""


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    count = sum(reason.removeprefix("Skipped: ").startswith("sandbox: ") for reason in reasons)
    terminalreporter.write_line(f"skipped sandbox tests: {count}")
