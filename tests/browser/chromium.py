"""Headless chromium, or a skipped test where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
)


def start(profile: Path, *flags: str, size: tuple[int, int] = (1400, 1100), logs: Mapping[str, str] | None = None):
    """A driver of selenium; whoever starts it calls `quit`.

    Args:
        profile: an empty folder, so that nothing of another test is left.
        flags: more options of chromium.
        size: of the window, in pixels.
        logs: what the browser writes down, as {"browser": "ALL"}.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and chromedriver are not installed (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS.split(), f"--window-size={size[0]},{size[1]}", f"--user-data-dir={profile}", *flags]:
        options.add_argument(flag)
    if logs:
        options.set_capability("goog:loggingPrefs", dict(logs))
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
