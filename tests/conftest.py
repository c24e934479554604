"""A worker that crashes ends the run; at its end it is said how many tests had no sandbox. Scripts as modules."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.fixture(scope="session")
def load_script():
    """`load_script(name)`: scripts/NAME.py as a module of its own, run anew each time."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load


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
